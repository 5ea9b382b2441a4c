"""Effects counted: how often each was to happen, and how often it did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from ..effects import Effect, count_effects
from ..story import Story

MOST_EFFECTS: Final = 12
"""Effects that a tally has, beside those that differ."""


@final
@dataclass(frozen=True, slots=True)
class Count:
    """How often one effect happened.

    Attributes:
        identity: the effect: ``charge('order-1', 42)``.
        before: how often it happened in what is compared with.
        after: how often it happened now.
        location: where in the program; empty unless the two differ.
    """

    identity: str
    before: int
    after: int
    location: str = ""

    @property
    def differs(self) -> bool:
        """Whether it did not happen as often as it was to."""
        return self.before != self.after


@final
@dataclass(frozen=True, slots=True)
class Tally:
    """The effects of a schedule beside those of what it is compared with.

    Attributes:
        compared: what that is: ``undisturbed``, or the planned ``failure alone``.
        counts: those that differ, then the others.
        left_out: how many more happened as often as they were to.
    """

    compared: str
    counts: tuple[Count, ...]
    left_out: int = 0

    @classmethod
    def of(cls, baseline: Story, story: Story) -> Tally:
        """Count what is judged of a story."""
        happened = [*filter(story.is_judged, story.effects)]
        usual, seen = count_effects(baseline.effects), count_effects(happened)
        counts = [
            Count(name, usual.get(name, 0), seen.get(name, 0))
            for name in dict.fromkeys((*usual, *seen))
        ]
        shown = [
            Count(
                each.identity,
                each.before,
                each.after,
                _where(each.identity, happened, baseline.effects)
                if each.differs
                else "",
            )
            for number, each in enumerate(counts)
            if number < MOST_EFFECTS or each.differs
        ]
        shown.sort(key=lambda each: not each.differs)
        compared = "undisturbed" if baseline.schedule is None else "failure alone"
        return cls(compared, tuple(shown), len(counts) - len(shown))


def _where(name: str, *kinds: Iterable[Effect]) -> str:
    for effects in kinds:
        for effect in reversed(tuple(effects)):
            if effect.identity == name:
                return effect.location
    return ""
