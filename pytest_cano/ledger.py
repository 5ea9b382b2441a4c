"""The ledger: what a program tells of its doings in the outside world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast, final

from .effects import Effect, count_effects
from .frames import FRAME, SESSION, location
from .strands import strand_of

if TYPE_CHECKING:
    from .life import Life
    from .spy import KeyFunction

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
                name and key count once.
            kwargs: what with.

        Returns:
            True if this is new to the world, False if the key was seen before: a
            fake receiver then does nothing.

        Raises:
            SimulatedCrash: the life ends here, or ended before.
        """
        identity = self._life.describer.call(name, args, kwargs)
        self._life.require_alive(identity)
        return self._record(name, identity, key)

    def spy(
        self,
        target: T,
        *,
        key: str | KeyFunction = "idempotency_key",
        ignore: str | Sequence[str] = (),
    ) -> T:
        """Return a stand-in that records every call of a public method as an effect.

        A call is recorded after it has returned (or was awaited). One that raises
        is no effect, nor is ``setup()``, ``teardown()``, ``health()``, ``close()``
        or ``aclose()`` without arguments, which belong to every start of a process.
        Parts of a client are spied on as well: ``client.charges.create(5)`` is the
        effect ``charges.create(5)``. Mocks may be spied on.

        Args:
            target: the fake or client to pass calls on to.
            key: the parameter that holds the idempotency key, if a method has it; or
                a function that is given name, positional and keyword arguments of a
                call (a tuple and a dict) and returns its key, or None.
            ignore: names of methods that only read (fnmatch patterns): their calls
                are passed on and are no effects.
        """
        from .spy import Watch, spy

        names = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        return cast(T, spy(target, Watch(self._life, self._record, key, names)))

    def count(self, name: str) -> int:
        """Return how often effects of that name happened, in all lives."""
        named = (effect for effect in self.effects if effect.name == name)
        return sum(count_effects(named).values())

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect of every life so far."""
        return tuple(self._life.world.effects)

    def _record(self, name: str, identity: str, key: object) -> bool:
        life, frame = self._life, FRAME.get()
        if frame is not None and frame.life is not life:
            frame = None
        world = life.world
        where = location(world.root, None if frame is None else frame.code)
        key_text = None if key is None else str(key)
        ignored = world.ignores(name)
        with world.lock:
            point = None if frame is None or ignored else frame.next("effect")
            new = world.is_new(name, key_text)
            world.effects.append(
                Effect(
                    name,
                    identity,
                    key_text,
                    life.number,
                    point,
                    where,
                    at=world.tick(),
                    session=0 if frame is None else SESSION.get(),
                    strand=0 if frame is None else strand_of(frame),
                    undoing=frame is not None and frame.undoing,
                )
            )
        if point is not None:
            life.reached(point)
        life.go_on()
        return new
