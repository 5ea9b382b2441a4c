"""A plan as a downstream suite wants it: fewer crash points, or another order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from cano_core.wording import described, shown

from .notation import did_you_mean
from .plan import Plan
from .schedule import Schedule

HOOK: Final = "pytest_cano_points"

MOST_NAMED: Final = 5
"""Points that a sentence names."""

Ask: TypeAlias = Callable[[list[str]], object]
"""Given crash points as texts, returns a list of those to keep; None for all."""


def thinned(plan: Plan, ask: Ask, name: str) -> Plan:
    """Return a plan with the crash points that are kept, in the order that is wanted.

    Schedules of several points are left as they are: somebody has named each of them.

    Args:
        plan: what the selectors mean.
        ask: says what of it to keep.
        name: whose plan it is.
    """
    single = [each for each in plan.schedules if len(each.faults) == 1]
    points = list(dict.fromkeys(map(_point, single)))
    if not points:
        return plan
    try:
        answer = ask(list(points))
    except Exception as error:  # noqa: BLE001 -- whatever a suite's hook raises
        return _refused(plan, f"failed: {described(error)}")
    if answer is None:
        return plan
    problem = _problem(answer, points)
    if problem or not isinstance(answer, list | tuple):
        return _refused(plan, problem)
    place = {point: number for number, point in enumerate(dict.fromkeys(answer))}
    kept = [each for each in single if _point(each) in place]
    # One ending after the other, as ever.
    kinds = list(dict.fromkeys(each.faults[0].kind for each in single))
    kept.sort(key=lambda each: (kinds.index(each.faults[0].kind), place[_point(each)]))
    longer = [each for each in plan.schedules if len(each.faults) != 1]
    named = (*longer, *(each for each in kept if each in plan.named))
    left = {*longer, *kept}
    dropped = [each for each in points if each not in place]
    return replace(
        plan,
        named=named,
        others=tuple(each for each in kept if each not in named),
        earlier=tuple(each for each in plan.earlier if _begins(each, left)),
        roots=plan.roots & left,
        listed=plan.listed & left,
        limits=(*plan.limits, *_said(name, dropped)),
    )


def _begins(schedule: Schedule, left: set[Schedule]) -> bool:
    return schedule in left or Schedule(schedule.lives[:1]) in left


def _point(schedule: Schedule) -> str:
    return str(schedule.faults[0].point)


def _said(name: str, dropped: list[str]) -> list[str]:
    if not dropped:
        return []
    were = f"{len(dropped)} crash point" + (" was" if len(dropped) == 1 else "s were")
    rest = len(dropped) - MOST_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    listed = ", ".join(dropped[:MOST_NAMED]) + more
    return [f"{name}: {were} dropped by {HOOK}: {listed}"]


def _problem(answer: object, points: list[str]) -> str:
    """Say what is wrong with an answer; empty if nothing is."""
    if not isinstance(answer, list | tuple):
        return f"returned {shown(answer)}, and has to return a list of texts, or None"
    for each in answer:
        if each not in points:
            return (
                f"returned {shown(each)}, which is none of the points that it was "
                f"given{did_you_mean(str(each), points)}"
            )
    return ""


def _refused(plan: Plan, problem: str) -> Plan:
    """Return a plan that does nothing but say what is wrong."""
    return replace(
        plan,
        named=(),
        others=(),
        earlier=(),
        roots=frozenset(),
        listed=frozenset(),
        everywhere=(),
        random=0,
        impossible=(*plan.impossible, f"{HOOK} {problem}"),
    )
