"""The score: how much passed, of how much that was tried, of how much that there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from ..schedule import CrashPoint
from ..story import Verdict
from ..summary import Summary
from .groups import single_point

_WEIGHT: Final = {verdict: place for place, verdict in enumerate(Verdict)}


@final
@dataclass(frozen=True, slots=True)
class Score:
    """What all crash tests of a session come to.

    What came to a durable state that had been recovered from already is no trial of
    its own, and is not counted.

    Attributes:
        passed: how many schedules passed.
        run: how many were run.
        crashed: how many crash points of undisturbed runs something happened at.
        points: how many there are.
        excused: how many fail nothing although something was found, by verdict.
        worst: the weightiest verdict, excused or not; None if nothing was run.
        left_out: how many schedules the budget was too small for.
    """

    passed: int
    run: int
    crashed: int
    points: int
    excused: Mapping[Verdict, int] = field(default_factory=dict)
    worst: Verdict | None = None
    left_out: int = 0

    @classmethod
    def of(cls, summaries: Sequence[Summary]) -> Score:
        """Count what these programs come to."""
        run = sum(len(summary.verdicts) for summary in summaries)
        failed = sum(len(summary.failed) for summary in summaries)
        excused = Counter(
            Verdict[summary.verdicts[name]]
            for summary in summaries
            for name in summary.excused
        )
        found = [verdict for summary in summaries for verdict in _found(summary)]
        if not found and run:
            found = [Verdict.PASS]
        return cls(
            passed=run - failed - excused.total(),
            run=run,
            crashed=sum(len(crashed_points(summary)) for summary in summaries),
            points=sum(len(summary.points) for summary in summaries),
            excused=excused,
            worst=min(found, key=_WEIGHT.__getitem__, default=None),
            left_out=sum(summary.left_out for summary in summaries),
        )

    @property
    def percent(self) -> int | None:
        """Percent of the schedules that passed, rounded down; None if none was run."""
        return 100 * self.passed // self.run if self.run else None

    @property
    def coverage_percent(self) -> int | None:
        """Percent of the crash points that were crashed, rounded down."""
        return 100 * self.crashed // self.points if self.points else None

    def __str__(self) -> str:
        score = f"score  {self.passed}/{self.run} schedules passed"
        if self.percent is not None:
            score += f" ({self.percent} %)"
        for verdict, number in self.excused.items():
            score += f", {number} {verdict.lower()}"
        score += f"   coverage  {self.crashed}/{self.points} crash points"
        return score + (f"   worst  {self.worst}" if self.worst else "")


def crashed_points(summary: Summary) -> set[CrashPoint | None]:
    """Return the points of the undisturbed run at which something has happened."""
    return {single_point(text) for text in summary.verdicts} & {
        single_point(text) for text in summary.points
    }


def _found(summary: Summary) -> Iterator[Verdict]:
    """Return what was found against a program; of what is excused, what it was."""
    if summary.flaky:
        yield Verdict.FLAKY_BASELINE
    for name, text in summary.verdicts.items():
        verdict = Verdict[text]
        if verdict.excused:
            yield Verdict[summary.excused[name].partition(":")[0]]
        elif verdict.fails:
            yield verdict
