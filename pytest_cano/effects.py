"""Effects: what a program did to the outside world, and how they are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

from .schedule import CrashPoint


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


def count_effects(effects: Iterable[Effect]) -> dict[str, int]:
    """Count each identity: its distinct keys, and its calls without a key."""
    keyless: dict[str, int] = {}
    keys: dict[str, set[str]] = {}
    for effect in effects:
        keyless.setdefault(effect.identity, 0)
        if effect.key is None:
            keyless[effect.identity] += 1
        else:
            keys.setdefault(effect.identity, set()).add(effect.key)
    return {
        identity: count + len(keys.get(identity, ()))
        for identity, count in keyless.items()
    }


def first_of_their_key(effects: Iterable[Effect]) -> Iterator[Effect]:
    """Leave out what comes under a key that another call of that name has taken.

    Whoever remembers a key answers with what it did first, and does nothing more.
    """
    owners: dict[tuple[str, str], str] = {}
    for effect in effects:
        owner = effect.identity
        if effect.key is not None:
            owner = owners.setdefault((effect.name, effect.key), owner)
        if owner == effect.identity:
            yield effect
