"""Passing meters, one or several at once, in the order of arrival.

A `Meter` is used up by calls and comes back with time. Who has to wait takes a place in
the queue of every meter that it has to pass, and passes all of them in one moment or
none. Two rules say who is next:

* nobody overtakes who waits for the same meter;
* who waits for one meter does not hold up others at the rest of its meters, as long as
  they will have recovered by the time that it is let through.

So nobody starves, and a call that has to wait for tomorrow does not stop those that
need only what is there now.

What the limiters have in common is here; what users see of it is in `limits.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, final

from .errors import ConfigurationError

# One lock for all meters, as several are passed at once. Reentrant, because the garbage
# collector may close a dropped coroutine, and with it a ticket, in the middle of
# anything.
LOCK = threading.RLock()


class Meter(ABC):
    """Something that calls use up and that comes back with time.

    Its methods are called under the lock of all meters.
    """

    def __init__(self, name: str | None, clock: Callable[[], float]) -> None:
        self._name = name
        self._clock = clock
        self._queue: deque[Ticket] = deque()

    @property
    @abstractmethod
    def capacity(self) -> float:
        """The most that one call may cost."""

    @abstractmethod
    def _delay(self, costs: Sequence[float]) -> float:
        """Return the seconds until the last of these calls can pass, in this order."""

    @abstractmethod
    def _take(self, cost: float) -> object:
        """Let a call pass; return what `_give` needs to undo it."""

    @abstractmethod
    def _give(self, cost: float, taken: object) -> None:
        """Undo what a call has used up."""

    def _waiting(self) -> Iterator[Ticket]:
        """Yield who waits here, first come first; without those whose loop is gone."""
        for ticket in tuple(self._queue):
            if ticket.dead:
                self._queue.remove(ticket)
            else:
                yield ticket


Charges = Mapping[Meter, float]
"""What a call costs at each meter; every cost above 0 and no more than it can have."""


class Shortage(NamedTuple):
    """Why a call can't pass now."""

    meter: Meter
    seconds: float


@final
class Passage:
    """What a call that passed has used up."""

    def __init__(self, taken: Sequence[tuple[Meter, float, object]]) -> None:
        self._taken = tuple(taken)

    def undo(self) -> None:
        """Give it back, once, and let those go on who waited for it."""
        with LOCK:
            taken, self._taken = self._taken, ()
            for meter, cost, receipt in taken:
                meter._give(cost, receipt)
            for meter, _, _ in taken:
                for first in itertools.islice(meter._waiting(), 1):
                    first.call()


def is_number(value: Any) -> bool:
    """Return whether a value is a number that can be reckoned with."""
    return isinstance(value, int | float) and math.isfinite(value)


def shortest_wait(now: float) -> float:
    """Return the seconds below which waiting is pointless.

    An event loop takes a nanosecond for nothing, and a clock can't tell less than the
    last bit of what it says. A sum of floats that is that near to being due is due;
    else its last bit would be waited for again and again.
    """
    return max(1e-9, 2 * math.ulp(now))


def check_cost(cost: Any) -> None:
    """Refuse what is no cost.

    Raises:
        ConfigurationError: it is none.
    """
    if not (is_number(cost) and cost >= 0):
        raise ConfigurationError(f"a cost of {cost!r} must be a number, 0 or more")


def charged(costs: Iterable[tuple[Meter, float]]) -> Charges:
    """Add up what a call costs at each meter.

    Raises:
        ConfigurationError: it could never pass one of them.
    """
    charges: dict[Meter, float] = {}
    for meter, cost in costs:
        check_cost(cost)
        charges[meter] = charges.get(meter, 0) + cost
    for meter, cost in charges.items():
        if cost > meter.capacity:
            raise ConfigurationError(
                f"{meter!r}: a call of cost {cost:g} could never pass, as there is "
                f"never more than {meter.capacity:g}"
            )
    return {meter: cost for meter, cost in charges.items() if cost}


def shortage_of(charges: Charges) -> Shortage | None:
    """Return what a call would have to wait for now, and how long; None if it can pass.

    It can pass if there is enough and nobody who waits is delayed by it.
    """
    with LOCK:
        shortages = [
            Shortage(meter, _delay_behind(meter, cost))
            for meter, cost in charges.items()
        ]
    worst = max(shortages, key=lambda each: each.seconds, default=None)
    return worst if worst is not None and worst.seconds > 0 else None


def try_to_pass(charges: Charges) -> Passage | Shortage:
    """Pass all meters now, or none."""
    with LOCK:
        return shortage_of(charges) or _taken(charges)


async def wait_to_pass(charges: Charges) -> None:
    """Pass all meters as soon as it is this call's turn and there is enough."""
    with LOCK:
        nobody_waits = not any(any(meter._waiting()) for meter in charges)
        if nobody_waits and _longest(charges)[0] is None:
            _taken(charges)
            return
        ticket = Ticket(charges)
        for meter in charges:
            meter._queue.append(ticket)
    try:
        while (seconds := ticket.advance()) is not None:
            await ticket.called_within(seconds)
    finally:
        ticket.leave()


def _taken(charges: Charges) -> Passage:
    return Passage(
        [(meter, cost, meter._take(cost)) for meter, cost in charges.items()]
    )


def _longest(charges: Charges) -> tuple[Meter | None, float]:
    """Return the meter that takes longest to have enough, and how long; None if all do.

    It does not look at who else waits, so nothing passes sooner than it says.
    """
    longest: tuple[Meter | None, float] = None, 0.0
    for meter, cost in charges.items():
        seconds = meter._delay((cost,))
        if seconds > longest[1]:
            longest = meter, seconds
    return longest


def _delay_behind(meter: Meter, cost: float) -> float:
    """Return the seconds until a call can pass here and delay nobody who waits.

    Behind somebody who waits for another meter it may be sooner.
    """
    ahead = list(meter._waiting())
    costs = [cost]
    for ticket in ahead:
        costs.append(ticket.charges[meter])
        needed_at, until = _longest(ticket.charges)
        if needed_at is meter or meter._delay(costs) > until:
            break
    else:
        return meter._delay((cost,))
    return meter._delay([*(each.charges[meter] for each in ahead), cost])


@final
class Ticket:
    """A place in the queues of all meters that a waiting call has to pass."""

    def __init__(self, charges: Charges) -> None:
        self.charges = charges
        self._loop = asyncio.get_running_loop()
        self._call: asyncio.Future[None] = self._loop.create_future()

    @property
    def dead(self) -> bool:
        """Whether nobody can come any more: the event loop was closed."""
        return self._loop.is_closed()

    def advance(self) -> float | None:
        """Pass, if it is this ticket's turn.

        Returns:
            None once it has passed, else the seconds after which to ask again, at the
            latest; infinity, if it will be called.
        """
        with LOCK:
            self._call = self._loop.create_future()
            meter, seconds = _longest(self.charges)
            if meter is None:
                if self._is_next():
                    _taken(self.charges)
                    return None
                seconds = math.inf
            elif any(
                _longest(ticket.charges)[0] is meter for ticket in self._ahead(meter)
            ):
                seconds = math.inf
            for other in self.charges:
                if other is not meter:
                    self._call_next(other)
            return seconds

    async def called_within(self, seconds: float) -> None:
        """Wait until somebody calls, or the time is over."""
        call = self._call
        timer = (
            None if seconds == math.inf else self._loop.call_later(seconds, _end, call)
        )
        try:
            await call
        finally:
            if timer is not None:
                timer.cancel()

    def call(self) -> None:
        """Let whoever holds the ticket ask again, in whatever loop it waits."""
        # The loop may have been closed a moment ago, in another thread.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_end, self._call)

    def leave(self) -> None:
        """Give up the places, and call who may go on because of that."""
        with LOCK:
            for meter in self.charges:
                self._call_next(meter)
                with contextlib.suppress(ValueError):
                    meter._queue.remove(self)

    def _is_next(self) -> bool:
        for meter, cost in self.charges.items():
            costs = [cost]
            for ticket in self._ahead(meter):
                costs.append(ticket.charges[meter])
                needed_at, until = _longest(ticket.charges)
                if needed_at in (None, meter) or meter._delay(costs) > until:
                    return False
        return True

    def _ahead(self, meter: Meter) -> Iterator[Ticket]:
        return itertools.takewhile(lambda other: other is not self, meter._waiting())

    def _call_next(self, meter: Meter) -> None:
        behind = itertools.dropwhile(lambda other: other is not self, meter._waiting())
        for ticket in itertools.islice(behind, 1, 2):
            ticket.call()


def _end(call: asyncio.Future[Any]) -> None:
    if not call.done():
        call.set_result(None)
