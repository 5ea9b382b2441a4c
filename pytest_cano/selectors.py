"""What ``--cano-crash``, the marker and ``check(crash=)`` take.

    all            every point
    Process        every point of the state          Process#2  of its second visit
    @end           that moment of every state
    Process@effect every K of it
    Process@end    that point (first visit, first run, unless said otherwise)
    A@end > B@end  that schedule
    everywhere     one schedule that crashes at every point in turn
    random:N       N schedules made up of all there is

Behind any of them but the last ``=KIND`` says what happens there: an ending, another
fault, or ``=all`` for every ending; ``=powerloss`` is every disk that a power loss may
leave there. Otherwise the session's endings are meant.
Commas join them. States match exactly, else without case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, final

from .faults import DEFAULT, ENDINGS, FAULTS
from .moments import MOMENTS
from .notation import EVERY, Part, SelectorError, did_you_mean, split
from .options import DETAILS
from .schedule import CrashPoint, Fault, Schedule

MOST_LISTED = 20
"""Names that a message lists."""

_WORDS: Final[dict[str, Literal["", "everywhere"]]] = {
    "all": "",
    "everywhere": "everywhere",
}

__all__ = ["Selector", "SelectorError", "parse_selectors", "unmet_message"]


@final
@dataclass(frozen=True, slots=True)
class Selector:
    """One of the things that commas join.

    Attributes:
        text: as it was written.
        schedule: the schedule, if it names all its points in full.
        part: what it selects by, otherwise; None for all points.
        kinds: what happens there, as (kind, amount); None for the session's endings.
        search: ``everywhere`` or ``random``, for what is no list of points.
        count: the N of ``random:N``.
    """

    text: str
    schedule: Schedule | None = None
    part: Part | None = None
    kinds: tuple[tuple[str, int | None], ...] | None = None
    search: Literal["", "everywhere", "random"] = ""
    count: int = 0

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read one selector.

        Raises:
            SelectorError: it is none; the message says why.
        """
        text = text.strip()
        word, equals, kind = text.partition("=")
        word, kind = word.strip(), kind.strip()
        if word in _WORDS:
            # A part that says only this, so that the fault is read as everywhere.
            kinds = _kinds(Part.parse(f"@end={kind}")) if equals else None
            if _WORDS[word] and any(each not in ENDINGS for each, _ in kinds or ()):
                raise SelectorError(
                    f"{text!r}: {word} takes an ending ({', '.join(ENDINGS)}), for "
                    "each of its lives has to end"
                )
            return cls(text, kinds=kinds, search=_WORDS[word])
        if text == "random" or text.startswith("random:"):
            count = text.partition(":")[2].strip()
            if not (count.isdecimal() and int(count)):
                raise SelectorError(
                    f"{text!r}: write random:N, with a number from 1 on"
                )
            return cls(text, search="random", count=int(count))
        lives = split(text, ">")
        if len(lives) > 1 or len(split(text, "+")) > 1:
            parts = [Part.parse(each) for life in lives for each in split(life, "+")]
            said = any(part.kind is not None for part in parts)
            return cls(text, Schedule.parse(text), kinds=() if said else None)
        part = Part.parse(text)
        if part.complete:
            point = CrashPoint.of(part)
            return cls(text, Schedule.of(point), kinds=_kinds(part))
        return cls(text, part=part, kinds=_kinds(part))

    def select(
        self,
        points: Sequence[CrashPoint],
        labels: Collection[str] = (),
        endings: Sequence[str] = (DEFAULT,),
    ) -> tuple[Schedule, ...]:
        """Return what it selects of the points that a baseline met, in their order.

        Args:
            points: the points of the baseline.
            labels: further labels that a nested schedule may name.
            endings: the session's.
        """
        if self.search:
            return ()
        known = {point.state for point in points} | set(labels)
        wanted = ((each, None) for each in endings)
        kinds = [
            (kind, _first(kind, amount))
            for kind, amount in (wanted if self.kinds is None else self.kinds)
        ]
        if self.schedule is not None:
            schedule = self.schedule.relabelled(lambda state: _resolve(state, known))
            states = {fault.point.state for fault in schedule.faults}
            if schedule.faults[0].point not in points or not states <= known:
                return ()
            return tuple(schedule.with_kind(*each) for each in kinds) or (schedule,)
        matching = [point for point in points if self._matches(point, known)]
        return tuple(
            Schedule(((Fault(point, kind, amount),),))
            for kind, amount in kinds
            for point in matching
            if not FAULTS[kind].excluded_from(point.moment)
        )

    def under(self, endings: Sequence[str] | None) -> Selector:
        """Return it with these endings, where it says none itself."""
        if endings is None or self.kinds is not None:
            return self
        return replace(self, kinds=tuple((ending, None) for ending in endings))

    def may_ask_for(self, endings: Iterable[str]) -> frozenset[str]:
        """Return every kind of fault that may come of it.

        Args:
            endings: the session's.
        """
        if self.search == "random":
            return frozenset(FAULTS)
        kinds = endings if self.kinds is None else (kind for kind, _ in self.kinds)
        named = () if self.schedule is None else self.schedule.faults
        return frozenset(kinds).union(fault.kind for fault in named)

    @property
    def detail(self) -> str:
        """How fine the points inside of tasks have to be for its own to be met."""
        faults = () if self.schedule is None else self.schedule.faults
        moments = [fault.point.moment for fault in faults]
        if self.part is not None and self.part.moment is not None:
            moments.append(self.part.moment)
        needed = (MOMENTS[each].detail or DETAILS[0] for each in moments)
        return max(needed, key=DETAILS.index, default=DETAILS[0])

    @property
    def lists(self) -> bool:
        """Whether it means every N of what happens at its points, from 1 on."""
        return any(amount != _first(kind, amount) for kind, amount in self.kinds or ())

    def whole(self, known: Collection[str]) -> Schedule | None:
        """Return the schedule that it is, if that is more than one point.

        Args:
            known: the labels that there are.
        """
        if self.schedule is None or len(self.schedule.faults) == 1:
            return None
        return self.schedule.relabelled(lambda state: _resolve(state, known))

    def covers(
        self, fault: Fault, known: Collection[str], *, anyhow: bool = False
    ) -> bool:
        """Say whether it means what happens at one point.

        Args:
            fault: what happens where.
            known: the labels that there are.
            anyhow: whether it does not matter what happens.
        """
        # One that leaves out the N means every N.
        means = {(fault.kind, fault.amount), (fault.kind, None)}
        if self.search or not (anyhow or means.intersection(self.kinds or means)):
            return False
        if self.schedule is None:
            return self._matches(fault.point, known)
        named = self.schedule.relabelled(lambda state: _resolve(state, known))
        return [each.point for each in named.faults] == [fault.point]

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


def parse_endings(text: str | Iterable[str]) -> tuple[str, ...]:
    """Read endings: one, several, or ``all``.

    Raises:
        SelectorError: one of them is none.
    """
    names = split(text, ",") if isinstance(text, str) else [*text]
    chosen: dict[str, None] = {}
    for name in names:
        if name not in (*ENDINGS, EVERY):
            known = FAULTS.get(name)
            problem = (
                f"is no ending ({', '.join(ENDINGS)}, or all of them)"
                + did_you_mean(name, (*ENDINGS, EVERY))
                if known is None
                else "ends no life; ask for it by name: "
                f"--cano-crash='all={known.usage}'"
            )
            raise SelectorError(f"{name!r} {problem}")
        chosen |= dict.fromkeys(ENDINGS if name == EVERY else (name,))
    if not chosen:
        raise SelectorError(f"no ending is named ({', '.join(ENDINGS)})")
    return tuple(chosen)


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
    return unknown_state(Selector.parse(text), labels) or (
        f"{text!r}: no run met it; what was met: {_listed(map(str, known))}"
        + did_you_mean(text, map(str, known))
    )


def unknown_state(selector: Selector, known: Collection[str]) -> str:
    """Say which state that a selector names there is not; empty if there are all."""
    for state in _states(selector):
        if _resolve(state, known) not in known:
            return (
                f"{selector.text!r}: no run was in a state {state!r} "
                f"({_listed(known)})" + did_you_mean(state, (*known, "all"))
            )
    return ""


def _kinds(part: Part) -> tuple[tuple[str, int | None], ...] | None:
    """Return what is to happen at a part's points; None where it leaves that open."""
    if part.kind is None:
        return None
    if part.kind == EVERY:
        return tuple((ending, None) for ending in ENDINGS)
    return ((part.kind, part.amount),)


def _first(kind: str, amount: int | None) -> int | None:
    """Return the N to begin with, where a selector leaves it out."""
    return 1 if amount is None and FAULTS[kind].listed else amount


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
