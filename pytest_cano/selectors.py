"""What ``--cano-crash``, the marker and ``check(crash=)`` take.

    all            every point
    Process        every point of the state          Process#2  of its second visit
    @end           that moment of every state
    Process@effect every K of it
    Process@end    that point (first visit, first run, unless said otherwise)
    A@end > B@end  that schedule

Commas join them. States match exactly, else without case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import final

from .notation import Part, SelectorError, did_you_mean, split
from .schedule import CrashPoint, Fault, Schedule

MOST_LISTED = 20
"""Names that a message lists."""

__all__ = ["Selector", "SelectorError", "parse_selectors", "unmet_message"]


@final
@dataclass(frozen=True, slots=True)
class Selector:
    """One of the things that commas join.

    Attributes:
        text: as it was written.
        schedule: the schedule, if it names all its points in full.
        part: what it selects by, otherwise; None for ``all``.
    """

    text: str
    schedule: Schedule | None = None
    part: Part | None = None

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read one selector.

        Raises:
            SelectorError: it is none; the message says why.
        """
        text = text.strip()
        if text == "all":
            return cls(text)
        if text in {"everywhere", "random"} or text.startswith("random:"):
            raise SelectorError(
                f"the selector {text!r} is not available in this version; write "
                "'all', or name states, moments, crash points or a schedule"
            )
        if len(split(text, ">")) > 1:
            return cls(text, schedule=Schedule.parse(text))
        part = Part.parse(text)
        if part.complete:
            return cls(text, schedule=Schedule((Fault.parse(text),)))
        return cls(text, part=part)

    def select(
        self, points: Sequence[CrashPoint], labels: Collection[str] = ()
    ) -> tuple[Schedule, ...]:
        """Return what it selects of the points that a baseline met, in their order.

        Args:
            points: the points of the baseline.
            labels: further labels that a nested schedule may name.
        """
        known = {point.state for point in points} | set(labels)
        if self.schedule is not None:
            schedule = self.schedule.relabelled(lambda state: _resolve(state, known))
            states = {fault.point.state for fault in schedule.faults}
            met = schedule.faults[0].point in points and states <= known
            return (schedule,) if met else ()
        return tuple(
            Schedule.of(point) for point in points if self._matches(point, known)
        )

    def _matches(self, point: CrashPoint, known: Collection[str]) -> bool:
        part = self.part
        if part is None:
            return True
        if part.state is not None:
            exact = part.state in known
            if exact and point.state != part.state:
                return False
            if not exact and point.state.casefold() != part.state.casefold():
                return False
        return all(
            wanted in (None, actual)
            for wanted, actual in (
                (part.moment, point.moment),
                (part.index, point.index),
                (part.visit, point.visit),
                (part.run, point.run),
            )
        )


def parse_selectors(text: str) -> tuple[Selector, ...]:
    """Read selectors joined by commas.

    Raises:
        SelectorError: one of them is none, or the text is empty.
    """
    parts = split(text, ",")
    if not all(parts):
        raise SelectorError(
            f"{text!r} selects nothing: write 'all', a state, @MOMENT, STATE@MOMENT "
            "or a schedule, joined by commas"
        )
    return tuple(map(Selector.parse, parts))


def unmet_message(text: str, points: Iterable[str]) -> str:
    """Say that nothing met a selector, what there is, and what is nearest.

    Args:
        text: the selector as it was written.
        points: the points that were met, as texts.
    """
    known = [CrashPoint.parse(point) for point in points]
    if not known:
        return f"{text!r}: no run met any crash point, so nothing was crashed"
    labels = dict.fromkeys(point.state for point in known)
    for state in _states(Selector.parse(text)):
        if _resolve(state, labels) not in labels:
            return (
                f"{text!r}: no run was in a state {state!r} ({_listed(labels)})"
                + did_you_mean(state, (*labels, "all"))
            )
    return (
        f"{text!r}: no run met it; what was met: {_listed(map(str, known))}"
        + did_you_mean(text, map(str, known))
    )


def _states(selector: Selector) -> list[str]:
    if selector.schedule is not None:
        return [fault.point.state for fault in selector.schedule.faults]
    part = selector.part
    return [] if part is None or part.state is None else [part.state]


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    rest = len(shown) - MOST_LISTED
    return ", ".join(shown[:MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _resolve(state: str, known: Collection[str]) -> str:
    """Return the known label that a state means: itself, or one without case."""
    if state in known:
        return state
    folded = state.casefold()
    return next((label for label in known if label.casefold() == folded), state)
