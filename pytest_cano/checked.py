"""Searches that a test makes itself: its session tells of them as of its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from .report.results import result_of

if TYPE_CHECKING:
    from .checking import Report

_MADE: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()


def keep(item: pytest.Item, report: Report) -> None:
    """Leave what a search found for the reports on its test to take along.

    Args:
        item: the test that has made it.
        report: what was found.
    """
    session: Any = item.config.pluginmanager.get_plugin("cano-session")
    # Whatever runs the test once more has an item of its own, and takes the place.
    made: list[dict[str, Any]] = item.stash.setdefault(_MADE, [])
    session.checks[item.nodeid] = made
    name = report.summary.name
    test, taken = f"{item.nodeid} {name}", {each["test"] for each in made}
    ids = (test if number == 1 else f"{test} ({number})" for number in count(1))
    test = next(each for each in ids if each not in taken)
    summary = replace(report.summary, name=f"{item.name}: {name}")
    record = None
    if report.record is not None:
        from .records.codec import to_text

        file, line, _ = item.location
        record = to_text(
            replace(
                report.record,
                test=test,
                summary=summary,
                file=file,
                line=0 if line is None else line + 1,
                checked="passed",
            )
        )
    made.append(
        result_of(
            test,
            "passed",
            unmet=(),
            points=summary.points,
            summary=summary,
            record=record,
            lines=report.lines,
        )
    )
