"""Leaving a service alone that keeps failing.

A breaker is one object, shared by all tasks, workflows, event loops and threads of a
process that call the same service. What it knows is never stored.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Any, final

from .errors import CircuitOpenError, ConfigurationError


@final
class CircuitState(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    """Lets every call through."""
    OPEN = "open"
    """Refuses every call, until its reset timeout is over."""
    HALF_OPEN = "half-open"
    """Lets a few trial calls through, to see whether the service is back."""


@final
class Permit:
    """One call that a breaker let through.

    Say how the call ended with `success` or `failure`, or let a ``with`` block say
    it: no exception is a success, an `Exception` a failure, and anything else (the
    task was cancelled, the process is going down) is neither. The first word counts;
    what is said later is ignored. A permit that is closed, or that nobody holds any
    more, was neither, and makes room for another trial call.
    """

    __slots__ = ("__weakref__", "_breaker", "_epoch", "_settled")

    def __init__(self, breaker: CircuitBreaker, epoch: int) -> None:
        self._breaker = breaker
        self._epoch = epoch
        self._settled = False

    def success(self) -> None:
        """The call went well."""
        self._breaker._settle(self, good=True)

    def failure(self) -> None:
        """The call failed."""
        self._breaker._settle(self, good=False)

    def close(self) -> None:
        """The call says nothing about the service."""
        self._breaker._settle(self, good=None)

    def __enter__(self) -> Permit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.success()
            elif (
                isinstance(error, Exception)
                and not self._settled
                and self._breaker._counts(error)
            ):
                self.failure()
        finally:
            self.close()


@final
class CircuitBreaker:
    """Refuses calls for a while after too many of them failed in a row.

    Closed, it lets every call through; a success forgets the failures before it. The
    ``failure_threshold``-th failure in a row opens it. Open, it refuses every call for
    ``reset_timeout`` seconds; the first call after that makes it half-open. Half-open,
    it lets up to ``half_open_calls`` trial calls run at the same time; as many
    successes close it, one failure opens it again. A call that was let through before
    the state last changed has no say any more.

        breaker = CircuitBreaker(name="payments")

        with breaker.acquire():
            await client.charge(order)

    Args:
        failure_threshold: how many failures in a row open it.
        reset_timeout: seconds that it stays open.
        half_open_calls: how many trial calls may run at once, and how many of them
            have to go well before it closes.
        name: what messages call it.
        counts: whether an exception that leaves a ``with`` block (or an attempt of a
            task) is a failure of the service; one that is not is no success either.
            By default every `Exception` is.
        clock: tells the time in seconds; never goes back.

    Raises:
        ConfigurationError: a number is out of range.
    """

    def __init__(
        self,
        *,
        failure_threshold: int = 5,
        reset_timeout: float = 30.0,
        half_open_calls: int = 1,
        name: str | None = None,
        counts: Callable[[Exception], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check(failure_threshold, reset_timeout, half_open_calls)
        self._threshold = failure_threshold
        self._reset_timeout = reset_timeout
        self._half_open_calls = half_open_calls
        self._name = name
        self._counts: Callable[[Exception], bool] = counts or _every
        self._clock = clock
        # Reentrant, because the garbage collector may close a dropped coroutine, and
        # with it the permit that it holds, in the middle of anything.
        self._lock = threading.RLock()
        self._state = CircuitState.CLOSED
        self._epoch = 0
        self._failures = 0
        self._successes = 0
        self._opened_until = -math.inf
        # Weak, so that a trial call that was dropped without a word (its coroutine
        # was collected) does not hold its place for ever.
        self._trials: weakref.WeakSet[Permit] = weakref.WeakSet()

    @property
    def name(self) -> str | None:
        """What messages call it."""
        return self._name

    @property
    def state(self) -> CircuitState:
        """What it does with calls now.

        No timer runs: it stays open after its reset timeout until a call comes.
        """
        return self._state

    @property
    def failures(self) -> int:
        """How many calls failed since the last success that it took while closed.

        Failed trial calls are among them; closing sets it back to 0.
        """
        return self._failures

    def acquire(self) -> Permit:
        """Ask to make one call.

        Returns:
            The permit to make it.

        Raises:
            CircuitOpenError: the call is refused.
        """
        with self._lock:
            if self._state is CircuitState.CLOSED:
                return Permit(self, self._epoch)
            now = self._clock()
            if self._state is CircuitState.OPEN:
                if now < self._opened_until:
                    raise self._refusal(self._opened_until - now)
                self._become(CircuitState.HALF_OPEN)
            if len(self._trials) >= self._half_open_calls:
                raise self._refusal(0.0)
            permit = Permit(self, self._epoch)
            self._trials.add(permit)
            return permit

    def _settle(self, permit: Permit, *, good: bool | None) -> None:
        with self._lock:
            if permit._settled:
                return
            permit._settled = True
            if permit._epoch != self._epoch:
                return
            self._trials.discard(permit)
            if good is None:
                return
            if good:
                self._succeeded()
            else:
                self._failed()

    def _succeeded(self) -> None:
        if self._state is CircuitState.HALF_OPEN:
            self._successes += 1
            if self._successes < self._half_open_calls:
                return
            self._become(CircuitState.CLOSED)
        self._failures = 0

    def _failed(self) -> None:
        self._failures += 1
        if self._state is CircuitState.HALF_OPEN or self._failures >= self._threshold:
            self._become(CircuitState.OPEN)
            self._opened_until = self._clock() + self._reset_timeout

    def _become(self, state: CircuitState) -> None:
        self._state = state
        self._epoch += 1
        self._successes = 0
        self._trials = weakref.WeakSet()

    def _refusal(self, seconds: float) -> CircuitOpenError:
        if self._state is CircuitState.OPEN:
            when = f"lets a trial call through in {seconds:.3g} s"
        else:
            calls = (
                "its trial call"
                if self._half_open_calls == 1
                else (f"one of its {self._half_open_calls} trial calls")
            )
            when = f"decides when {calls} has ended"
        failed = "1 failure" if self._failures == 1 else f"{self._failures} failures"
        return CircuitOpenError(
            f"{self._described} is {self._state} after {failed} in a row and {when}; "
            "the call was not made: make it later, or do without it",
            breaker=self._name,
            retry_after=seconds,
        )

    @property
    def _described(self) -> str:
        called = "" if self._name is None else f" {self._name!r}"
        return f"circuit breaker{called}"

    def __repr__(self) -> str:
        return f"<{self._described}: {self._state}, {self._failures} failed>"


def _every(error: Exception) -> bool:
    return True


def _check(failure_threshold: Any, reset_timeout: Any, half_open_calls: Any) -> None:
    wrong = [
        f"CircuitBreaker({name}={value!r}) must be a whole number above 0"
        for name, value in (
            ("failure_threshold", failure_threshold),
            ("half_open_calls", half_open_calls),
        )
        if not (isinstance(value, int) and value > 0)
    ]
    if not (isinstance(reset_timeout, int | float) and 0 <= reset_timeout < math.inf):
        wrong.append(
            f"CircuitBreaker(reset_timeout={reset_timeout!r}) must be 0 or more seconds"
        )
    if wrong:
        raise ConfigurationError(*wrong)
