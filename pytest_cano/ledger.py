"""The ledger: how a program tells the outside world apart from itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, final

from .effects import Effect

if TYPE_CHECKING:
    from .life import Life

T = TypeVar("T")


@final
class EffectLedger:
    """The outside world, as far as the program tells of it; one object per life.

    The world remembers the effects of every life.
    """

    def __init__(self, life: Life) -> None:
        self._life = life

    def effect(
        self, name: str, /, *args: object, key: object = None, **kwargs: object
    ) -> bool:
        """Record that the outside world was changed.

        Args:
            name: what was done.
            args: what with.
            key: an idempotency key, if the receiver honours one; calls with the same
                key count once.
            kwargs: what with.

        Returns:
            True if this is new to the world, False if the key was seen before: a
            fake receiver then does nothing.

        Raises:
            SimulatedCrash: the life ends here, or ended before.
        """
        raise NotImplementedError

    def spy(self, target: T, *, key: str = "idempotency_key") -> T:
        """Return a stand-in that records every call of a public method as an effect.

        A call is recorded after it has returned (or was awaited); one that raises
        is no effect.

        Args:
            target: the fake or client to pass calls on to.
            key: the parameter that holds the idempotency key, if a method has it.
        """
        raise NotImplementedError

    def count(self, name: str) -> int:
        """Return how often effects of that name happened, in all lives."""
        raise NotImplementedError

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect of every life so far."""
        return tuple(self._life.world.effects)
