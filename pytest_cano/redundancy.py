"""Store faults that are one: at different points that lead to the same operation.

A store fails at the operation that follows a point. Of several points that lead to
one operation, the last is tried: what the program has done by then is the most.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .moments import MOMENTS
from .schedule import Fault, Schedule
from .story import Story

_AT_OPERATIONS: Final = ("store", "hang")


def without_redundant(
    schedules: Iterable[Schedule], baseline: Story
) -> tuple[dict[Schedule, None], list[str]]:
    """Leave out single faults that would come to what another one comes to.

    Args:
        schedules: schedules, in order.
        baseline: the undisturbed run, which knows what follows its points.

    Returns:
        What is left, in order; and what is to be said of the others, as sentences.
    """
    leads = baseline.judged.leads
    last: dict[tuple[object, ...], Schedule] = {}
    kept: dict[Schedule, None] = {}
    nowhere = given = 0
    for schedule in schedules:
        fault = schedule.faults[0]
        if len(schedule.faults) > 1 or not _hits_operation(fault):
            kept[schedule] = None
            continue
        given += 1
        if fault.point not in leads:
            nowhere += 1
            continue
        hit = (fault.point.run, leads[fault.point], fault.kind, fault.amount)
        if hit in last:
            del kept[last[hit]]
        last[hit] = schedule
        kept[schedule] = None
    told = []
    if given > nowhere + len(last):
        told.append(
            f"{given - nowhere - len(last)} of {given} store faults are left out: a "
            "later point leads to the same store operation"
        )
    if nowhere:
        told.append(
            f"{nowhere} of {given} store faults are left out: no store operation "
            "follows their points"
        )
    return kept, told


def _hits_operation(fault: Fault) -> bool:
    family = fault.described.family
    if family == "hang" and MOMENTS[fault.point.moment].place == "task":
        return False
    return family in _AT_OPERATIONS
