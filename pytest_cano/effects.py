"""Effects: what a program did to the outside world, and how they are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from .notation import did_you_mean
from .schedule import CrashPoint

Semantics: TypeAlias = Literal["exactly_once", "at_least_once"]
"""What is right about an effect after a crash: as often as undisturbed, or more."""

SEMANTICS: Final[tuple[Semantics, ...]] = ("exactly_once", "at_least_once")


def checked(semantics: str) -> Semantics:
    """Return semantics as they were said.

    Raises:
        ValueError: there are none of that name.
    """
    for known in SEMANTICS:
        if semantics == known:
            return known
    raise ValueError(
        f"semantics={semantics!r} is not one of {', '.join(SEMANTICS)}"
        + did_you_mean(str(semantics), SEMANTICS)
    )


@final
@dataclass(frozen=True, slots=True)
class Effect:
    """One call that reached the outside world.

    Attributes:
        name: of the call.
        identity: name and arguments without the key: ``charge('order-1', 42)``.
        key: the idempotency key as text, or None.
        life: number of the life that made it.
        point: the crash point right after it; None outside every state's task.
        location: where in the program: ``shop/checkout.py:31 in process``.
        at: its place in the order of all that happens in a world.
        session: which start or resumption of its run it belongs to; 0 for none.
        strand: which strand of its visit it happened in; see `pytest_cano.strands`.
        undoing: whether it belongs to the compensation of the visit.
        dedupe: what its receiver knows repeats by, as text; None if by the key only.
        semantics: what is right about it after a crash.
    """

    name: str
    identity: str
    key: str | None
    life: int
    point: CrashPoint | None
    location: str
    at: int = 0
    session: int = 0
    strand: int = 0
    undoing: bool = False
    dedupe: str | None = None
    semantics: Semantics = "exactly_once"

    @property
    def repeated_by(self) -> tuple[str, str, str] | None:
        """What a later effect that repeats it has in common with it, if anything."""
        if self.dedupe is not None:
            return "dedupe", self.name, self.dedupe
        return None if self.key is None else ("key", self.identity, self.key)


@final
@dataclass(frozen=True, slots=True)
class Call:
    """One call that is about to be an effect, without the key among its arguments.

    Attributes:
        name: of the call.
        identity: name and arguments as text.
        key: the idempotency key, or None.
        dedupe: what its receiver knows repeats by, as text, if not by the key only.
        semantics: what is right about it after a crash.
    """

    name: str
    identity: str
    key: str | None = None
    dedupe: str | None = None
    semantics: Semantics = "exactly_once"


def count_effects(effects: Iterable[Effect]) -> dict[str, int]:
    """Count each identity: its distinct keys, and its calls without a key.

    What the receiver itself knows as a repeat of an earlier call, whatever its
    arguments, has changed nothing and is not counted.
    """
    counts: dict[str, int] = {}
    seen: set[tuple[str, str, str]] = set()
    for effect in effects:
        repeated = effect.repeated_by
        if repeated is None or repeated not in seen:
            counts[effect.identity] = counts.get(effect.identity, 0) + 1
        if repeated is not None:
            seen.add(repeated)
    return counts


def first_of_their_key(effects: Iterable[Effect]) -> Iterator[Effect]:
    """Leave out what comes under a key that another call of that name has taken.

    Whoever remembers a key answers with what it did first, and does nothing more.
    """
    owners: dict[tuple[str, str], str] = {}
    for effect in effects:
        owner = effect.identity
        if effect.key is not None and effect.dedupe is None:
            owner = owners.setdefault((effect.name, effect.key), owner)
        if owner == effect.identity:
            yield effect
