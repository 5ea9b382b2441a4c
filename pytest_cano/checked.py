"""Searches that a test makes itself: its session tells of them as of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .report.results import result_of

if TYPE_CHECKING:
    import pytest

    from .checking import Report


def keep(item: pytest.Item, report: Report) -> None:
    """Leave what a search found for the reports on its test to take along.

    Args:
        item: the test that has made it.
        report: what was found.
    """
    session: Any = item.config.pluginmanager.get_plugin("cano-session")
    test = f"{item.nodeid} {report.summary.name}"
    record = None
    if report.record is not None:
        from .records.codec import to_text

        file, line, _ = item.location
        record = to_text(
            replace(
                report.record,
                test=test,
                file=file,
                line=0 if line is None else line + 1,
            )
        )
    session.checks.setdefault(item.nodeid, {})[test] = result_of(
        test,
        "passed",
        unmet=(),
        points=report.summary.points,
        summary=report.summary,
        record=record,
        lines=report.lines,
    )
