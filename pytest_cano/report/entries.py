"""pytest's reports of crash tests: one entry per schedule, and the test's own.

The entries of a test share its node id, so that whatever counts tests counts one.
Each of them carries only builtins, for it may come from another process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from _pytest._code.code import (
    ReprEntryNative,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)

from ..records.progress import Progress
from .progress import attach as attach_progress

if TYPE_CHECKING:
    import pytest

    Reports = Sequence[pytest.TestReport]


def schedule_entry(
    own: Reports,
    schedule: str,
    verdict: str,
    *,
    seconds: float,
    failure: str = "",
    brief: bool = False,
    output: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
) -> list[pytest.TestReport]:
    """Make the three reports of one schedule.

    Args:
        own: the test's own reports: setup, call, teardown.
        schedule: the schedule as text.
        verdict: what was found.
        seconds: how long it took.
        failure: text of what was found, its first line the short of it; empty if
            the schedule passed.
        brief: whether only the short of it is to be shown.
        output: sections to show with it.
        progress: how far the search is by now.
    """
    entry = []
    for report in own:
        made: Any = copy(report)
        path, line, domain = report.location
        made.location = (path, line, f"{domain} [{schedule}]")
        made.sections = []
        made.user_properties = [("cano.schedule", schedule), ("cano.verdict", verdict)]
        made.cano_schedule = schedule
        # Time is counted once, in the test's own entry; JUnit is told by itself.
        made.duration = made.cano_seconds = 0.0
        if report.when == "call":
            made.cano_seconds = seconds
            made.sections = list(output)
            if failure:
                fail(made, failure, brief=brief)
        entry.append(made)
    if progress is not None:
        # With the last one, for the next one would take it away.
        attach_progress(entry[-1], progress)
    return entry


def fail(report: Any, text: str, *, brief: bool = False) -> None:
    """Turn a passed report into a failed one that shows this text."""
    path, line, _ = report.location
    entries = [] if brief else [ReprEntryNative([text + "\n"])]
    report.outcome = "failed"
    report.longrepr = ReprExceptionInfo(
        reprcrash=ReprFileLocation(path, (line or 0) + 1, text.split("\n", 1)[0]),
        reprtraceback=ReprTraceback(entries, None, "native"),
    )


def merge(report: Any, later: pytest.TestReport) -> None:
    """Add a second teardown, of wider fixtures, to the report of the first."""
    report.sections = [*report.sections, *later.sections]
    report.duration += later.duration
    report.stop = later.stop
    if later.failed and not report.failed:
        report.outcome, report.longrepr = later.outcome, later.longrepr
    elif later.failed:
        report.sections.append(
            ("Failed teardown of wider fixtures", later.longreprtext)
        )


def attach(report: Any, result: dict[str, Any]) -> None:
    """Let a report carry what the session wants to know of its test."""
    report.cano_result = result


def add_time(report: Any, total: float) -> None:
    """Let a test's own report stand for all the time that the test took."""
    report.cano_seconds = report.duration
    report.duration = total


@contextmanager
def uncounted(session: pytest.Session, report: pytest.TestReport) -> Iterator[None]:
    """Let the failed entry of a schedule not count as a failed test: its test will.

    The counters are lowered before, so that ``--maxfail`` does not even see it.
    """
    if not report.failed or not hasattr(report, "cano_schedule"):
        yield
        return
    session.testsfailed -= 1
    # Of pytest-xdist's controller, which counts after this hook.
    counter: Any = session.config.pluginmanager.get_plugin("dsession")
    if counter is not None and hasattr(counter, "countfailures"):
        counter.countfailures -= 1
    yield
