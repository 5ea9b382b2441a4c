"""From selectors and a baseline to the schedules that are run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from .faults import FAULTS
from .forgetting import limit, starts_over
from .moments import MOMENTS
from .outage import why_not
from .redundancy import without_redundant
from .schedule import CrashPoint, Fault, Schedule
from .scope import Scope
from .selectors import Selector
from .story import Story

_ORDER: Final = {kind: place for place, kind in enumerate(FAULTS)}


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run after a baseline.

    Attributes:
        named: the schedules that are named in full.
        others: every other schedule selected, the simplest kinds of fault first.
        unmet: selectors that selected nothing.
        points: the crash points that the baseline met.
        limits: what is left out, and why: full sentences.
        earlier: schedules that failed when they were last run, and belong to this.
        roots: those of the schedules that a deeper search goes on from.
        everywhere: for each schedule that crashes everywhere, how.
        random: how many made-up schedules there are to be.
        listed: those of the schedules that are to be run with every N there is.
        impossible: why some of what was selected can't happen: full sentences.
        shard: which part of how many this is, from 1; None for all.
    """

    named: tuple[Schedule, ...]
    others: tuple[Schedule, ...]
    unmet: tuple[Selector, ...]
    points: tuple[CrashPoint, ...]
    limits: tuple[str, ...] = ()
    earlier: tuple[Schedule, ...] = ()
    roots: frozenset[Schedule] = frozenset()
    everywhere: tuple[str, ...] = ()
    random: int = 0
    listed: frozenset[Schedule] = frozenset()
    impossible: tuple[str, ...] = ()
    shard: tuple[int, int] | None = None

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """Every schedule that is known before the first is run."""
        return self.named + self.others

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of all faults that are known before the first is run."""
        faults = (fault.kind for each in self.schedules for fault in each.faults)
        return frozenset(faults).union(self.everywhere)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to run."""
        return not (self.schedules or self.everywhere or self.random)


def may_need(selectors: Iterable[Selector], scope: Scope) -> frozenset[str]:
    """Return every kind of fault that a search may come to."""
    earlier = (kind for text in scope.earlier for kind in FAULTS if f"={kind}" in text)
    return frozenset(earlier).union(
        *(each.may_ask_for(scope.endings) for each in selectors)
    )


def spared_when_made_up(fault: Fault, baseline: Story) -> bool:
    """Say whether a fault is in no schedule that is made up."""
    # A task may take its time unless it was given a limit, and few are.
    in_task = MOMENTS[fault.point.moment].place == "task"
    return (fault.kind == "hang" and in_task) or starts_over(fault, baseline)


def make_plan(
    selectors: Sequence[Selector], baseline: Story, scope: Scope | None = None
) -> Plan:
    """Say which schedules the selectors mean, given what the baseline met.

    What a store that forgets finished runs can't pass is left out, unless it is named
    in full; so are store faults that come to the same as others.
    """
    scope = scope or Scope()
    labels = {label for run in baseline.runs.values() for label in run.transitions}
    named: dict[Schedule, None] = {}
    selected: dict[Schedule, None] = {}
    unmet: list[Selector] = []
    listed: set[Schedule] = set()
    impossible: dict[str, None] = {}
    left_out: dict[Fault, None] = {}
    for selector in selectors:
        schedules = selector.select(baseline.points, labels, scope.endings)
        if not schedules and not (selector.search and baseline.points):
            unmet.append(selector)
        for schedule in schedules:
            if problem := why_not([each.kind for each in schedule.faults], baseline):
                impossible[f"{selector}: {problem}"] = None
                continue
            if selector.lists:
                listed.add(schedule)
            first = schedule.faults[0]
            if selector.schedule is not None:
                named[schedule] = None
            elif starts_over(first, baseline):
                left_out[first] = None
            else:
                selected[schedule] = None
    others, redundant = without_redundant(
        sorted((each for each in selected if each not in named), key=_simplest),
        baseline,
    )
    searching = [each for each in selectors if each not in unmet]
    limits = dict.fromkeys(
        limit(fault) for fault in left_out if Schedule(((fault,),)) not in named
    )
    plan = Plan(
        named=tuple(named),
        others=tuple(others),
        unmet=tuple(unmet),
        points=baseline.points,
        limits=(*limits, *redundant),
        roots=frozenset(selected) | frozenset(named if scope.depth else ()),
        everywhere=tuple(dict.fromkeys(_everywhere(searching, scope))),
        random=sum(each.count for each in searching),
        listed=frozenset(listed),
        impossible=tuple(impossible),
    )
    return replace(plan, earlier=tuple(_earlier(plan, baseline, scope)))


def _simplest(schedule: Schedule) -> int:
    return _ORDER[schedule.faults[0].kind]


def _everywhere(selectors: Iterable[Selector], scope: Scope) -> Iterator[str]:
    for each in selectors:
        if each.search == "everywhere":
            yield from (
                scope.endings
                if each.kinds is None
                else (kind for kind, _ in each.kinds)
            )


def _earlier(plan: Plan, baseline: Story, scope: Scope) -> Iterator[Schedule]:
    """Return what failed before, as far as these selectors could come to it."""
    planned, depth = {*plan.schedules}, scope.depth_for(baseline)
    for text in scope.earlier:
        try:
            schedule = Schedule.parse(text)
        except ValueError:
            continue  # of another version
        deeper = (
            schedule.only_ends
            and 1 < schedule.depth <= depth
            and Schedule(schedule.lives[:1]) in plan.roots
        )
        made_up = (
            plan.random
            and schedule.faults[0].point in plan.points
            and not any(
                spared_when_made_up(fault, baseline) for fault in schedule.faults
            )
        )
        if schedule in planned or deeper or made_up:
            yield schedule
