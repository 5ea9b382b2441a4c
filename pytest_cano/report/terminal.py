"""What the terminal shows beside the failures: a word per schedule, and a summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .text import Summary, summary_text

if TYPE_CHECKING:
    import pytest


def status(report: Any) -> tuple[str, str, str]:
    """Return category, letter and word of the report on a schedule."""
    schedule = report.cano_schedule
    if report.passed:
        return "passed", ".", f"PASSED [{schedule}]"
    return "failed", "F", f"FAILED [{schedule}]"


def write_summary(
    terminal: pytest.TerminalReporter,
    results: Iterable[Mapping[str, Any]],
    problems: Sequence[str],
) -> None:
    """Write the summary of a session's crash tests."""
    summaries = [
        Summary(**result["summary"]) for result in results if result["summary"]
    ]
    failed = bool(problems) or any(
        verdict != "PASS"
        for summary in summaries
        for verdict in summary.verdicts.values()
    )
    if not (summaries or problems):
        return
    if terminal.config.get_verbosity() < 0 and not failed:
        return
    terminal.write_sep("=", "cano crash summary")
    if summaries:
        for line in summary_text(summaries).splitlines():
            terminal.write_line(line)
    for problem in problems:
        terminal.write_line(problem, red=True)
