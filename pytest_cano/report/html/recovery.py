"""What of each workflow was re-executed, as the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

from ...coverage import Coverage
from ...summary import Summary
from ..reexecution import covered_by

Pair: TypeAlias = tuple[str, Any]

_HOW: Final = {"at": "at", "after": "after", "rolling back": "rolling back from"}
"""How a resume jump is named."""


@final
@dataclass(frozen=True, slots=True)
class Measure:
    """How many there are of something, and how many of them were reached.

    Attributes:
        reached: how many were.
        of: how many there are.
        missing: what was not, by why: ``never entered``.
    """

    reached: int
    of: int
    missing: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __str__(self) -> str:
        return f"{self.reached}/{self.of}" if self.of else "none"


@final
@dataclass(frozen=True, slots=True)
class Recovery:
    """One workflow.

    Attributes:
        name: its states.
        measures: by what they are of, in the order of the columns.
    """

    name: str
    measures: dict[str, Measure]


def recovery_of(summaries: Iterable[Summary]) -> tuple[Recovery, ...]:
    """Return what these tests have re-executed, workflow by workflow."""
    return tuple(
        Recovery(" · ".join(each.states), dict(_measures(each)))
        for each in covered_by(summaries)
    )


def _measures(covered: Coverage) -> Iterator[tuple[str, Measure]]:
    states = covered.states
    never = tuple(each for each in states if each not in covered.entered)
    once = tuple(
        each
        for each in states
        if each in covered.entered and each not in covered.repeated
    )
    yield (
        "states re-executed",
        Measure(
            sum(each in covered.repeated for each in states),
            len(states),
            tuple(
                (why, which)
                for why, which in (("never entered", never), ("once only", once))
                if which
            ),
        ),
    )
    order = {label: number for number, label in enumerate(states)}

    def left_of(reached: frozenset[Pair], of: frozenset[Pair]) -> list[Pair]:
        return sorted(of - reached, key=lambda pair: (order.get(pair[0], 0), pair[1]))

    ways = [" > ".join(pair) for pair in left_of(covered.taken, covered.declared)]
    yield (
        "transitions",
        Measure(
            len(covered.taken),
            len(covered.declared),
            (("never taken", tuple(ways)),) if ways else (),
        ),
    )
    jumps = [f"{_HOW[how]} {at}" for at, how in left_of(covered.resumed, covered.jumps)]
    yield (
        "resume jumps",
        Measure(
            len(covered.resumed),
            len(covered.jumps),
            (("never made", tuple(jumps)),) if jumps else (),
        ),
    )
    recovery = covered.points - covered.undisturbed
    for name, points in (
        ("crash points", covered.undisturbed),
        ("crash points in recovery", recovery),
    ):
        yield name, Measure(len(points & covered.crashed), len(points))
