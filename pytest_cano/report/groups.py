"""The schedules of a summary, sorted by what they are: how a line counts them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..faults import ENDINGS
from ..schedule import CrashPoint, Schedule

if TYPE_CHECKING:
    from ..summary import Summary

EVERYWHERE: Final = "everywhere"
RANDOM: Final = "random"


@lru_cache(maxsize=4096)
def schedule_of(text: str) -> Schedule | None:
    """Return the schedule that a text is; None if it is called otherwise."""
    try:
        return Schedule.parse(text)
    except ValueError:
        return None


def crash_points(summary: Summary) -> dict[str, list[str]]:
    """Return the single crashes of a summary, by their endings."""
    endings: dict[str, list[str]] = {}
    for text, schedule in _planned(summary):
        kind = schedule.faults[0].kind
        if len(schedule.faults) == 1 and kind in ENDINGS:
            endings.setdefault(kind, []).append(text)
    return endings


def other_groups(summary: Summary) -> dict[str, list[str]]:
    """Return every other schedule, by what a line calls its like."""
    groups: dict[str, list[str]] = {}
    for text, schedule in _planned(summary):
        if name := _group(schedule):
            groups.setdefault(name, []).append(text)
    for text, way in summary.ways.items():
        groups.setdefault(way, []).append(text)
    for depth in summary.seen:
        groups.setdefault(f"depth {depth}", [])
    return groups


def single_point(text: str) -> CrashPoint | None:
    """Return the point of a schedule that is one fault; None for every other text."""
    schedule = schedule_of(text)
    if schedule is None or len(schedule.faults) > 1:
        return None
    return schedule.faults[0].point


def _planned(summary: Summary) -> Iterator[tuple[str, Schedule]]:
    for text in summary.verdicts:
        schedule = schedule_of(text)
        if schedule is not None and text not in summary.ways:
            yield text, schedule


def _group(schedule: Schedule) -> str:
    """Return what the likes of a schedule are called; empty for a single crash."""
    kinds = {fault.kind for fault in schedule.faults}
    if "twin" in kinds:
        return "twin"
    if schedule.depth > 1:
        return f"depth {schedule.depth}"
    if len(schedule.faults) > 1:
        return "several faults"
    (kind,) = kinds
    return "" if kind in ENDINGS else kind
