"""What is shown of an exception after a restart: the user's part of it."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from _pytest._code.code import ExceptionInfo, Traceback

import cano_core
from cano_core.errors import TaskFailedError

_FOREIGN = tuple(
    os.path.dirname(os.path.abspath(file)) + os.sep
    for file in (asyncio.__file__, cano_core.__file__, __file__)
)


def short(item: Any, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    """Return the short traceback: a failed task's own exception, in the user's code."""
    cause = _cause(excinfo)
    if cause is not None:
        return cause.getrepr(
            style="short", chain=False, tbfilter=lambda each: _visible(item, each)
        )
    usual = item._traceback_filter
    item._traceback_filter = lambda each: _visible(item, each, usual(each))
    try:
        return item._repr_failure_py(excinfo, style="short")
    finally:
        del item._traceback_filter


def reason(item: Any, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """Return one line that names the exception and the place in the user's code."""
    cause = _cause(excinfo)
    shown = excinfo if cause is None else cause
    # Of a failed assertion the test's line tells most, of a failed task the task's.
    entry = _visible(item, shown)[0 if cause is None else -1]
    place = f"{os.path.basename(entry.path)}:{entry.lineno + 1}"
    said = shown.exconly(tryshort=True).split("\n", 1)[0]
    task = "" if cause is None else f" in {excinfo.value.state}"  # type: ignore[attr-defined]
    return f"{said} at {place}{task}"


def _cause(
    excinfo: pytest.ExceptionInfo[BaseException],
) -> ExceptionInfo[BaseException] | None:
    error = excinfo.value
    if isinstance(error, TaskFailedError) and error.__cause__ is not None:
        return ExceptionInfo.from_exception(error.__cause__)
    return None


def _visible(
    item: Any,
    excinfo: pytest.ExceptionInfo[BaseException],
    usual: Traceback | None = None,
) -> Traceback:
    """Return the frames that are neither ours nor the event loop's; never none."""
    if usual is None:
        usual = item._traceback_filter(excinfo)
    own = usual.filter(lambda entry: not str(entry.path).startswith(_FOREIGN))
    return own or usual or excinfo.traceback
