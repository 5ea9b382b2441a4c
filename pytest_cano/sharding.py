"""One plan, split over several sessions that know nothing of each other.

What is split are crash points: everything that happens at one is run by one session,
with all that follows from it, so that its endings are compared there. Who gets which
depends on the plan and the test alone, so that all parts together are the whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from .plan import Plan
from .schedule import CrashPoint, Schedule

_Beginning: TypeAlias = tuple[CrashPoint, ...]


def sharded(plan: Plan, shard: tuple[int, int] | None, test: str) -> Plan:
    """Return the part of a plan that is for one of the sessions.

    Args:
        plan: of a test.
        shard: which one of how many, from 1; None for the whole plan.
        test: its node id, so that not every test begins with the same session.
    """
    if shard is None:
        return plan
    part, whole = shard
    place: dict[_Beginning, int] = {}
    for schedule in plan.schedules:
        place.setdefault(_beginning(schedule), len(place))
    offset = zlib.crc32(test.encode("utf-8", "surrogatepass"))
    ours = {
        key for key, number in place.items() if (number + offset) % whole == part - 1
    }
    everywhere = (len(place) + offset) % whole == part - 1
    return replace(
        plan,
        named=tuple(each for each in plan.named if _beginning(each) in ours),
        others=tuple(each for each in plan.others if _beginning(each) in ours),
        earlier=tuple(
            each for each in plan.earlier if _is_ours(each, place, ours, part, whole)
        ),
        everywhere=plan.everywhere if everywhere else (),
        shard=shard,
    )


def _beginning(schedule: Schedule) -> _Beginning:
    """Return the points of a schedule's first life: what follows goes with them."""
    return tuple(fault.point for fault in schedule.lives[0])


def _is_ours(
    schedule: Schedule,
    place: Mapping[_Beginning, int],
    ours: set[_Beginning],
    part: int,
    whole: int,
) -> bool:
    """Say whether an earlier failure is tried here, planned or once made up."""
    key = _beginning(schedule)
    if key in place:
        return key in ours
    return zlib.crc32(str(schedule).encode()) % whole == part - 1
