"""How much was tried, in a few texts: for reports that have no table for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..summary import Summary
from ..task_lines import TaskLines
from .characters import visible
from .lines import lines_text
from .reexecution import coverage_text, covered_by
from .score import Score


def tried(
    summaries: Sequence[Summary], lines: TaskLines | None
) -> Iterator[tuple[str, str]]:
    """Return score, coverage of recovery and lines of tasks, each under its name.

    Args:
        summaries: of the tests that are told of.
        lines: which lines of their tasks ran; None if nothing was measured.
    """
    for name, text in (
        ("score", str(Score.of(summaries)).removeprefix("score  ")),
        ("re-executed", coverage_text(covered_by(summaries))),
        ("task-lines", lines_text(lines)),
    ):
        if text:
            yield name, visible(text.replace("\n", "; "))
