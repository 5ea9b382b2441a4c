"""The ledger: what a program tells of its doings in the outside world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast, final

from .effects import Call, Effect, Semantics, checked, count_effects
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

    def __init__(self, life: Life, effect_key: KeyFunction | None = None) -> None:
        self._life = life
        self._effect_key = effect_key

    def effect(
        self,
        name: str,
        /,
        *args: object,
        key: object = None,
        semantics: Semantics = "exactly_once",
        dedupe_by: object = None,
        **kwargs: object,
    ) -> bool:
        """Record that the outside world was changed.

        Args:
            name: what was done.
            args: what with.
            key: an idempotency key, if the receiver honours one; calls with the same
                name and key count once.
            semantics: ``exactly_once``, or ``at_least_once`` for what may happen more
                often after a crash.
            dedupe_by: what the receiver itself knows repeats by, with or without a
                key, such as an order's number: calls with the same name and value
                count once, whatever else they say.
            kwargs: what with.

        Returns:
            True if this is new to the world, False if it is a repeat: a fake
            receiver then does nothing.

        Raises:
            SimulatedCrash: the life ends here, or ended before.
            ValueError: there are no such semantics.
        """
        describer = self._life.describer
        call = Call(
            name,
            describer.call(name, args, kwargs),
            None if key is None else str(key),
            None if dedupe_by is None else describer.value(dedupe_by),
            checked(semantics),
        )
        self._life.require_alive(call.identity)
        return self._record(call)

    def spy(
        self,
        target: T,
        *,
        key: str | KeyFunction = "idempotency_key",
        ignore: str | Sequence[str] = (),
        semantics: Semantics | Mapping[str, Semantics] = "exactly_once",
        dedupe_by: KeyFunction | None = None,
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
            semantics: of every call, or by the names of methods (fnmatch patterns, of
                which the first that fits counts): ``exactly_once``, or
                ``at_least_once`` for what may happen more often after a crash.
            dedupe_by: a function like that for ``key``, which returns what the
                receiver itself knows repeats of a call by, or None.

        Raises:
            ValueError: there are no such semantics.
        """
        from .spy import Watch, spy

        watch = Watch(
            self._life,
            self._record,
            key,
            (ignore,) if isinstance(ignore, str) else tuple(ignore),
            _by_pattern(semantics),
            dedupe_by,
            self._effect_key,
        )
        return cast(T, spy(target, watch))

    def count(self, name: str) -> int:
        """Return how often effects of that name happened, in all lives."""
        named = (effect for effect in self.effects if effect.name == name)
        return sum(count_effects(named).values())

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect of every life so far."""
        return tuple(self._life.world.effects)

    def _record(self, call: Call) -> bool:
        life, frame = self._life, FRAME.get()
        if frame is not None and frame.life is not life:
            frame = None
        world = life.world
        where = location(world.root, None if frame is None else frame.code)
        ignored = world.ignores(call.name)
        with world.lock:
            point = None if frame is None or ignored else frame.next("effect")
            new = world.is_new(call.name, call.key, call.dedupe)
            world.effects.append(
                Effect(
                    call.name,
                    call.identity,
                    call.key,
                    life.number,
                    point,
                    where,
                    at=world.tick(),
                    session=0 if frame is None else SESSION.get(),
                    strand=0 if frame is None else strand_of(frame),
                    undoing=frame is not None and frame.undoing,
                    dedupe=call.dedupe,
                    semantics=call.semantics,
                )
            )
        if point is not None:
            life.reached(point)
        life.go_on()
        return new


def _by_pattern(
    semantics: Semantics | Mapping[str, Semantics],
) -> tuple[tuple[str, Semantics], ...]:
    said = semantics.items() if isinstance(semantics, Mapping) else [("*", semantics)]
    return tuple((pattern, checked(each)) for pattern, each in said)
