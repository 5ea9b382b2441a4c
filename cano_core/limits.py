"""Making no more calls than a service allows.

`RateLimiter` spreads calls evenly, `WindowedRateLimiter` counts them like a quota.
(Several limits at once are in `tiers.py`.) A limiter is one object, shared by all who
call the service, in every task, workflow, event loop and thread of a process; what it
knows is never stored. Who waits is served in the order of arrival; `metering.py` says
how.

    limiter = RateLimiter(10)

    await limiter.acquire()
    await client.fetch(page)
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, final

from .errors import ConfigurationError, RateLimitedError
from .metering import (
    LOCK,
    Charges,
    Meter,
    Passage,
    charged,
    is_number,
    shortage_of,
    shortest_wait,
    try_to_pass,
    wait_to_pass,
)


class Limiter(Protocol):
    """What `TaskConfig(limits=...)` takes: anything that can be waited for."""

    async def acquire(self, cost: float = 1) -> None:
        """Return once a call of this cost may be made; it is then counted."""


@final
@dataclass(frozen=True, slots=True)
class LimiterStatus:
    """How much of a limiter is used.

    Attributes:
        used: what calls have used up and has not come back yet.
        limit: the most that can be used up.
        available_in: seconds until a call of cost 1 would pass, behind those who wait.
        resets_at: when all of it comes back, as the limiter's clock tells the time;
            None if it comes back bit by bit, or if no window is open.
        waiting: how many calls wait.
    """

    used: float
    limit: float
    available_in: float
    resets_at: float | None
    waiting: int


@final
class Reservation:
    """A call that was counted and may still be taken back.

    Leaving its ``with`` block gives back what was reserved, unless `commit` was called.
    """

    __slots__ = ("_passage",)

    def __init__(self, passage: Passage) -> None:
        self._passage: Passage | None = passage

    @classmethod
    def of(
        cls, charges: Charges, name_of: Callable[[Meter], str | None]
    ) -> Reservation:
        """Count a call now.

        Raises:
            RateLimitedError: it can't pass now.
        """
        outcome = try_to_pass(charges)
        if isinstance(outcome, Passage):
            return cls(outcome)
        meter, seconds = outcome
        raise RateLimitedError(
            f"{meter!r} is used up: a call of cost {charges[meter]:g} can pass in "
            f"{seconds:.3g} s; try again then, or wait with acquire()",
            tier=name_of(meter),
            retry_after=seconds,
        )

    def commit(self) -> None:
        """The call is made, so it stays counted."""
        self._passage = None

    def refund(self) -> None:
        """The call is not made, so give back what was reserved.

        A bucket gets no fuller than full, and a window that is over takes nothing back.
        """
        passage, self._passage = self._passage, None
        if passage is not None:
            passage.undo()

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.refund()


class OneLimit(Meter):
    """What the limiters with one limit have in common."""

    @property
    def name(self) -> str | None:
        """What messages call it."""
        return self._name

    async def acquire(self, cost: float = 1) -> None:
        """Wait until a call may be made; it is then counted.

        A waiting call that is cancelled costs nothing and delays nobody.

        Args:
            cost: how much of the limit the call uses up; 0 always passes.

        Raises:
            ConfigurationError: the limit never has that much, or it is below 0.
        """
        await wait_to_pass(self._charges(cost))

    def try_acquire(self, cost: float = 1) -> bool:
        """Count a call that may be made now without delaying one that waits.

        Returns:
            Whether it may be made.

        Raises:
            ConfigurationError: the limit never has that much, or it is below 0.
        """
        return isinstance(try_to_pass(self._charges(cost)), Passage)

    def reserve(self, cost: float = 1) -> Reservation:
        """Count a call that may be made now, until it is certain that it is made.

        Raises:
            RateLimitedError: it may not be made now.
            ConfigurationError: the limit never has that much, or it is below 0.
        """
        return Reservation.of(self._charges(cost), lambda meter: self._name)

    def status(self) -> LimiterStatus:
        """Return how much is used now."""
        with LOCK:
            shortage = shortage_of(self._charges(1))
            used, resets_at = self._usage()
            return LimiterStatus(
                used=used,
                limit=self.capacity,
                available_in=0.0 if shortage is None else shortage.seconds,
                resets_at=resets_at,
                waiting=sum(1 for _ in self._waiting()),
            )

    def _charges(self, cost: float) -> Charges:
        return charged([(self, cost)])

    @abstractmethod
    def _usage(self) -> tuple[float, float | None]:
        """Return what is used up, and when all of it comes back at once."""

    @property
    def _described(self) -> str:
        called = "" if self._name is None else f" {self._name!r}"
        return f"rate limiter{called} ({self._terms})"

    def __repr__(self) -> str:
        return f"<{self._described}>"

    _terms: str
    """What it allows, for messages."""


@final
class RateLimiter(OneLimit):
    """A bucket of tokens that is full at first and fills up evenly.

    Args:
        rate: how many tokens come back in each period.
        per: length of a period, in seconds.
        burst: how many tokens the bucket holds above the rate.
        name: what messages call it.
        clock: tells the time in seconds; waiting is left to the event loop.

    Raises:
        ConfigurationError: a number is out of range.
    """

    def __init__(
        self,
        rate: float,
        per: float = 1.0,
        *,
        burst: float = 0,
        name: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_numbers(
            "RateLimiter",
            ("rate", rate, is_number(rate) and rate > 0, "above 0"),
            ("per", per, is_number(per) and per > 0, "above 0 seconds"),
            ("burst", burst, is_number(burst) and burst >= 0, "0 or more"),
        )
        if rate + burst < 1:
            raise ConfigurationError(
                f"RateLimiter({rate!r}) never has a whole token for a call of cost 1; "
                f"say RateLimiter(1, per={per / rate:.3g})"
            )
        super().__init__(name, clock)
        self._terms = f"{rate:g} per {per:g} s" + (
            f", burst {burst:g}" if burst else ""
        )
        self._capacity = rate + burst
        self._speed = rate / per
        self._level: float = self._capacity
        self._filled_at = clock()

    @property
    def capacity(self) -> float:
        """How many tokens the bucket holds."""
        return self._capacity

    def _fill(self) -> float:
        """Add what has come back; return the time."""
        now = self._clock()
        came = max(now - self._filled_at, 0.0) * self._speed
        self._level = min(self._level + came, self._capacity)
        self._filled_at = now
        return now

    def _delay(self, costs: Sequence[float]) -> float:
        now = self._fill()
        seconds = (sum(costs) - self._level) / self._speed
        return seconds if seconds > shortest_wait(now) else 0.0

    def _take(self, cost: float) -> None:
        self._fill()
        self._level -= cost

    def _give(self, cost: float, taken: object) -> None:
        # What is too much runs over when the bucket fills up next.
        self._level += cost

    def _usage(self) -> tuple[float, None]:
        self._fill()
        return self._capacity - max(self._level, 0.0), None


@final
class WindowedRateLimiter(OneLimit):
    """At most so many calls in each window of time.

    A window opens with the first call that is counted in it, not before; once it is
    over, all of the limit is there again.

    Args:
        limit: how much can be used in one window.
        window: its length, in seconds.
        name: what messages call it.
        clock: tells the time in seconds; waiting is left to the event loop.

    Raises:
        ConfigurationError: a number is out of range.
    """

    def __init__(
        self,
        limit: float,
        window: float,
        *,
        name: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_numbers(
            "WindowedRateLimiter",
            ("limit", limit, is_number(limit) and limit >= 1, "1 or more"),
            ("window", window, is_number(window) and window > 0, "above 0 seconds"),
        )
        super().__init__(name, clock)
        self._terms = f"{limit:g} in {window:g} s"
        self._limit = limit
        self._window = window
        self._used: float = 0
        self._ends = -math.inf

    @property
    def capacity(self) -> float:
        """How much can be used in one window."""
        return self._limit

    def _roll(self) -> float:
        """Close the window if it is over; return the time."""
        now = self._clock()
        if now + shortest_wait(now) >= self._ends:
            self._used, self._ends = 0, -math.inf
        return now

    def _delay(self, costs: Sequence[float]) -> float:
        passes_at = now = self._roll()
        used, ends = self._used, self._ends
        for cost in costs:
            if used + cost > self._limit:
                passes_at, used, ends = ends, 0, -math.inf
            if ends == -math.inf:
                ends = passes_at + self._window
            used += cost
        return passes_at - now

    def _take(self, cost: float) -> float:
        now = self._roll()
        if self._ends == -math.inf:
            self._ends = now + self._window
        self._used += cost
        return self._ends

    def _give(self, cost: float, taken: object) -> None:
        self._roll()
        if taken == self._ends:
            self._used -= cost

    def _usage(self) -> tuple[float, float | None]:
        self._roll()
        return self._used, None if self._ends == -math.inf else self._ends


def _check_numbers(kind: str, *numbers: tuple[str, Any, bool, str]) -> None:
    wrong = [
        f"{kind}({name}={value!r}) must be a number, {wanted}"
        for name, value, right, wanted in numbers
        if not right
    ]
    if wrong:
        raise ConfigurationError(*wrong)
