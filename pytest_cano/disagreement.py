"""ENDINGS_DISAGREE: one crash point passes under one ending, and fails under another.

Whoever tests with one ending only would take what the other does for granted: most
often a clean-up that a real kill does not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import final

from .faults import ENDINGS
from .schedule import Schedule
from .story import Finding, Trial, Verdict


@final
class Disagreements:
    """Compares the trials of one point under several endings."""

    def __init__(self) -> None:
        self._trials: dict[Schedule, dict[str, Trial]] = {}

    def learn(self, trial: Trial) -> None:
        """Take note of what was found."""
        schedule = trial.schedule
        kinds = {fault.kind for fault in schedule.faults}
        if schedule.only_ends and len(kinds) == 1 and kinds <= {*ENDINGS}:
            endings = self._trials.setdefault(schedule.with_kind("raise"), {})
            endings[kinds.pop()] = trial

    def found(self) -> Iterator[Trial]:
        """Return a trial for each point at which the endings disagree."""
        for schedule, endings in self._trials.items():
            verdicts = {trial.verdict for trial in endings.values()}
            if len(verdicts) > 1 and Verdict.PASS in verdicts:
                yield _compared(schedule, endings)


def _compared(schedule: Schedule, endings: dict[str, Trial]) -> Trial:
    passed = [kind for kind, each in endings.items() if each.verdict is Verdict.PASS]
    failed = [kind for kind in endings if kind not in passed]
    worst = endings[failed[0]]
    width = max(map(len, endings))
    lines = [
        f"{kind:<{width}}  {trial.verdict}"
        + (f"  {trial.findings[0].message}" if trial.findings else "")
        for kind, trial in endings.items()
    ]
    stories = [
        line for kind, trial in endings.items() for line in _told(kind, trial, width)
    ]
    finding = Finding(
        Verdict.ENDINGS_DISAGREE,
        f"{schedule} passes under {', '.join(passed)} and fails under "
        f"{', '.join(failed)}",
        (*lines, *stories),
    )
    return replace(
        worst,
        verdict=Verdict.ENDINGS_DISAGREE,
        findings=(finding,),
        name=f"{schedule}=all",
    )


def _told(kind: str, trial: Trial, width: int) -> Iterator[str]:
    for life in trial.story.lives:
        if not life.extra:
            way = "; ".join(life.path) or "no state was entered"
            yield f"{kind:<{width}}  life {life.number}  {way}"
            for note in life.notes:
                yield f"{'':<{width}}          {note}"
