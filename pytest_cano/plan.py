"""From selectors and a baseline to the schedules that are run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from .outage import why_not
from .schedule import CrashPoint, Schedule
from .scope import Scope
from .selectors import Selector
from .story import Story


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run after a baseline.

    Attributes:
        schedules: every schedule selected, each once, the named ones first.
        unmet: selectors that selected nothing.
        points: the crash points that the baseline met.
        limits: what is left out, and why: full sentences.
        roots: those of the schedules that a deeper search goes on from.
        everywhere: for each schedule that crashes everywhere, how.
        random: how many made-up schedules there are to be.
        listed: those of the schedules that are to be run with every N there is.
        impossible: why some of what was selected can't happen: full sentences.
    """

    schedules: tuple[Schedule, ...]
    unmet: tuple[Selector, ...]
    points: tuple[CrashPoint, ...]
    limits: tuple[str, ...] = ()
    roots: frozenset[Schedule] = frozenset()
    everywhere: tuple[str, ...] = ()
    random: int = 0
    listed: frozenset[Schedule] = frozenset()
    impossible: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to run."""
        return not (self.schedules or self.everywhere or self.random)


def make_plan(
    selectors: Sequence[Selector], baseline: Story, scope: Scope | None = None
) -> Plan:
    """Say which schedules the selectors mean, given what the baseline met.

    A store that forgets finished runs can't pass ``cleared``: such points are left
    out, unless one is named in full.
    """
    scope = scope or Scope()
    forgotten = frozenset(forgotten_ends(baseline))
    labels = {label for run in baseline.runs.values() for label in run.transitions}
    named: dict[Schedule, None] = {}
    others: dict[Schedule, None] = {}
    unmet: list[Selector] = []
    listed: set[Schedule] = set()
    impossible: dict[str, None] = {}
    left_out: dict[CrashPoint, None] = {}
    for selector in selectors:
        selected = selector.select(baseline.points, labels, scope.endings)
        if not selected and not (selector.search and baseline.points):
            unmet.append(selector)
        for schedule in selected:
            if problem := why_not(_kinds(schedule), baseline):
                impossible[f"{selector}: {problem}"] = None
                continue
            if selector.lists:
                listed.add(schedule)
            first = schedule.faults[0].point
            if selector.schedule is not None:
                named[schedule] = None
            elif first in forgotten:
                left_out[first] = None
            else:
                others[schedule] = None
    searching = [each for each in selectors if each not in unmet]
    return Plan(
        schedules=tuple(named | others),
        unmet=tuple(unmet),
        points=baseline.points,
        limits=tuple(
            f"{point} is left out: its store forgets finished runs (it has no finish "
            "and outcome), so a program that never saw the end starts over"
            for point in left_out
            if Schedule.of(point) not in named
        ),
        roots=frozenset(others) | (frozenset(named) if scope.depth else frozenset()),
        everywhere=tuple(
            dict.fromkeys(
                kind
                for each in searching
                if each.search == "everywhere"
                for kind in _endings(each, scope)
            )
        ),
        random=sum(each.count for each in searching),
        listed=frozenset(listed),
        impossible=tuple(impossible),
    )


def _kinds(schedule: Schedule) -> list[str]:
    return [fault.kind for fault in schedule.faults]


def _endings(selector: Selector, scope: Scope) -> Sequence[str]:
    if selector.kinds is None:
        return scope.endings
    return [kind for kind, _ in selector.kinds]


def forgotten_ends(story: Story) -> Iterator[CrashPoint]:
    """Return the points after which a store knows nothing of a run that has ended."""
    for point in story.points:
        if point.moment == "cleared" and not story.runs[point.run].remembers:
            yield point
