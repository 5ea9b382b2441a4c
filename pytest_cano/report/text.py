"""Findings as plain text; neither pytest nor colours here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from ..explorer import Trial
from ..schedule import Schedule
from ..story import Finding, Story


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """All that the summary says of one program; builtins only.

    Attributes:
        name: of the test or program.
        points: every crash point that its baseline met, as text.
        verdicts: each schedule that was run, as text, with its verdict.
        seconds: how long it all took.
        limits: what was left out, and why.
    """

    name: str
    points: Sequence[str] = ()
    verdicts: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    limits: Sequence[str] = ()


def title(name: str, schedule: Schedule) -> str:
    """Return how a schedule of a test is called: ``test_checkout [Process@end]``."""
    return f"{name} [{schedule}]"


def failure_text(trial: Trial, *, again: str) -> str:
    """Return the report of a failed schedule, verdict first.

    Args:
        trial: what was found.
        again: the command that runs exactly this schedule once more.
    """
    raise NotImplementedError


def flaky_text(finding: Finding, baseline: Story) -> str:
    """Return the report of two undisturbed runs that differ, and the way out."""
    raise NotImplementedError


def failed_line(summary: Summary) -> str:
    """Return ``3 of 14 crash points failed: Process@end DUPLICATED, ...``."""
    raise NotImplementedError


def summary_line(summary: Summary) -> str:
    """Return ``test_checkout  14/14 crash points  0.8 s``."""
    raise NotImplementedError


def matrix_text(summaries: Sequence[Summary]) -> str:
    """Return state by moment how it went; empty where nothing failed."""
    raise NotImplementedError


def score_text(summaries: Sequence[Summary]) -> str:
    """Return the last line: how much passed, of how much that there is."""
    raise NotImplementedError


def summary_text(summaries: Sequence[Summary]) -> str:
    """Return the whole summary: a line each, the matrix, limits, the score."""
    raise NotImplementedError
