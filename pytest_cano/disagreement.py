"""ENDINGS_DISAGREE: one crash point passes under one ending, and fails under another.

Whoever tests with one ending only would take what the other does for granted: most
often a clean-up that a real kill does not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

from .faults import DEFAULT
from .notation import EVERY
from .schedule import Schedule
from .story import Finding, Trial, Verdict


@final
@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept of a trial: its verdict, its story in lines, and if it failed, it.

    There may be many of them, and most have passed.
    """

    verdict: Verdict
    message: str
    lines: tuple[str, ...]
    failed: Trial | None


@final
class Disagreements:
    """Compares the trials of one point under several endings."""

    def __init__(self) -> None:
        self._trials: dict[Schedule, dict[str, _Seen]] = {}

    def learn(self, trial: Trial) -> None:
        """Take note of what was found; what is accepted disagrees with nothing."""
        if trial.verdict is Verdict.ACCEPTED:
            return
        schedule = trial.schedule
        kinds = {fault.kind for fault in schedule.faults}
        families = {fault.described.family for fault in schedule.faults}
        if schedule.only_ends and len(kinds) == 1 and families == {"ending"}:
            endings = self._trials.setdefault(schedule.with_kind(DEFAULT), {})
            endings[kinds.pop()] = _seen(trial)

    def found(self) -> Iterator[Trial]:
        """Return a trial for each point at which the endings disagree."""
        for schedule, endings in self._trials.items():
            verdicts = {seen.verdict for seen in endings.values()}
            if len(verdicts) > 1 and Verdict.PASS in verdicts:
                yield _compared(schedule, endings)


def _seen(trial: Trial) -> _Seen:
    return _Seen(
        trial.verdict,
        trial.findings[0].message if trial.findings else "",
        tuple(_told(trial)),
        None if trial.verdict is Verdict.PASS else trial,
    )


def _told(trial: Trial) -> Iterator[str]:
    for life in trial.story.lives:
        if not life.extra:
            way = "; ".join(life.path) or "no state was entered"
            yield f"life {life.number}  {way}"
            for note in life.notes:
                yield f"        {note}"


def _compared(schedule: Schedule, endings: dict[str, _Seen]) -> Trial:
    failures = {kind: seen.failed for kind, seen in endings.items() if seen.failed}
    passed = [kind for kind in endings if kind not in failures]
    width = max(map(len, endings))
    lines = [
        f"{kind:<{width}}  {seen.verdict}" + (seen.message and f"  {seen.message}")
        for kind, seen in endings.items()
    ]
    stories = [
        f"{kind:<{width}}  {line}"
        for kind, seen in endings.items()
        for line in seen.lines
    ]
    finding = Finding(
        Verdict.ENDINGS_DISAGREE,
        # Without its name, which stands beside it: alike findings read alike.
        f"it passes under {', '.join(passed)} and fails under {', '.join(failures)}",
        (*lines, *stories),
    )
    # There is no short way to ask for a longer one under several endings.
    each = ", ".join(schedule.with_kind(kind).written_out for kind in endings)
    name = f"{schedule}={EVERY}"
    return replace(
        next(iter(failures.values())),
        verdict=Verdict.ENDINGS_DISAGREE,
        findings=(finding,),
        name=name,
        selector=name if len(schedule.faults) == 1 else each,
    )
