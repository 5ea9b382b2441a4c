"""How often a task is tried, how long an attempt may take, and what guards it."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, final

from .circuit import CircuitBreaker
from .errors import ConfigurationError
from .extension import TaskCall

if TYPE_CHECKING:
    from .limits import Limiter


@final
@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed attempt is tried again.

    Attributes:
        retries: attempts after the first.
        base: delay before the first retry, in seconds.
        multiplier: by how much each further delay grows.
        cap: the longest delay before jitter, in seconds.
        jitter: the fraction by which a delay is randomly lengthened or shortened,
            from 0 to 1, so that many failing runs do not retry in step.
    """

    retries: int
    base: float = 0.0
    multiplier: float = 1.0
    cap: float = math.inf
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.retries, int):
            raise ConfigurationError(
                f"Retry(retries={self.retries!r}) must be a whole number"
            )
        for name in ("base", "multiplier", "cap", "jitter"):
            if not isinstance(getattr(self, name), int | float):
                raise ConfigurationError(
                    f"Retry({name}={getattr(self, name)!r}) must be a number"
                )
        wrong = [
            f"Retry({name}={value!r}) must be {wanted}"
            for name, value, right, wanted in (
                ("retries", self.retries, self.retries >= 0, "0 or more"),
                ("base", self.base, 0 <= self.base < math.inf, "0 or more seconds"),
                (
                    "multiplier",
                    self.multiplier,
                    0 < self.multiplier < math.inf,
                    "a number above 0",
                ),
                ("cap", self.cap, self.cap >= 0, "0 or more seconds"),
                ("jitter", self.jitter, 0 <= self.jitter <= 1, "from 0 to 1"),
            )
            if not right
        ]
        if wrong:
            raise ConfigurationError(*wrong)

    @classmethod
    def none(cls) -> Retry:
        """One attempt."""
        return cls(0)

    @classmethod
    def fixed(cls, retries: int, delay: float) -> Retry:
        """Up to ``retries`` more attempts, each after ``delay`` seconds."""
        return cls(retries, base=delay)

    @classmethod
    def exponential(
        cls,
        retries: int = 3,
        *,
        base: float = 0.1,
        multiplier: float = 2.0,
        cap: float = 30.0,
        jitter: float = 0.1,
    ) -> Retry:
        """Up to ``retries`` more attempts, after growing delays."""
        return cls(retries, base, multiplier, cap, jitter)

    def delay(self, attempt: int) -> float:
        """Return the seconds to wait after the given failed attempt (from 1)."""
        if not self.base:
            return 0.0
        try:
            grown = self.base * self.multiplier ** (attempt - 1)
        except OverflowError:
            grown = math.inf
        pause = min(grown, self.cap) * (1 + self.jitter * random.uniform(-1, 1))
        return min(pause, 86_400.0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig:
    """How a task is run.

    Attributes:
        retry: what follows a failed attempt; by default up to three more, after
            0.1, 0.2 and 0.4 seconds, give or take a tenth.
        attempt_timeout: seconds that one attempt may take, or None. An attempt that
            takes longer is cancelled and has failed with `TimeoutError`.
        circuit_breaker: asked before every attempt, and told how it ended, or None.
            Once it refuses, the task has failed, whatever is left of its retries.
        limits: one limiter or several, each of which every attempt waits for, one
            after the other, before its time starts. (A `MultiRateLimiter` passes
            several limits in one moment.)
    """

    retry: Retry = field(default_factory=Retry.exponential)
    attempt_timeout: float | None = None
    circuit_breaker: CircuitBreaker | None = None
    limits: Limiter | Sequence[Limiter] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.retry, Retry):
            raise ConfigurationError(
                f"TaskConfig(retry={self.retry!r}) must be a Retry, such as "
                "Retry.fixed(3, 1.0)"
            )
        limit: Any = self.attempt_timeout
        if limit is not None and not (isinstance(limit, int | float) and limit > 0):
            raise ConfigurationError(
                f"TaskConfig(attempt_timeout={self.attempt_timeout!r}) must be above "
                "0 seconds, or None"
            )
        breaker: Any = self.circuit_breaker
        if breaker is not None and not isinstance(breaker, CircuitBreaker):
            raise ConfigurationError(
                f"TaskConfig(circuit_breaker={breaker!r}) must be a CircuitBreaker, "
                "or None"
            )
        given = self.limits
        limits = tuple(given) if isinstance(given, Sequence) else (given,)
        if not all(_is_limiter(each) for each in limits):
            raise ConfigurationError(
                f"TaskConfig(limits={given!r}) must be a limiter, such as "
                "RateLimiter(10), or several"
            )
        object.__setattr__(self, "limits", limits)

    @property
    def limiters(self) -> tuple[Limiter, ...]:
        """The limits, as a tuple, however they were given."""
        return cast("tuple[Limiter, ...]", self.limits)

    @classmethod
    def minimal(cls) -> TaskConfig:
        """One attempt, without a time limit."""
        return cls(retry=Retry.none())

    def bounded(self, call: TaskCall) -> TaskCall:
        """Return the call with this configuration's time limit around it."""
        seconds = self.attempt_timeout
        if seconds is None:
            return call

        async def within_limit(*values: Any) -> Any:
            try:
                async with asyncio.timeout(seconds) as scope:
                    return await call(*values)
            except TimeoutError as error:
                if not scope.expired():
                    raise
                raise TimeoutError(
                    f"the attempt_timeout of {seconds} seconds is over"
                ) from error

        return within_limit


def _is_limiter(value: object) -> bool:
    # A breaker has an acquire() too, which nobody could wait for.
    return callable(getattr(value, "acquire", None)) and not isinstance(
        value, CircuitBreaker
    )


async def try_again(
    retry: Retry,
    first: Exception,
    attempt: Callable[[int], Awaitable[Any]],
    *,
    may_retry: Callable[[], bool],
    on_retry: Callable[[int], None],
) -> Any:
    """Go on after a first failed attempt, as the policy says.

    The first attempt is not made here, so that a task which succeeds at once never
    pays for (or imports) the retry library.

    Args:
        retry: the policy.
        first: what the first attempt raised.
        attempt: makes the n-th attempt.
        may_retry: False once the run must not go on, whatever the policy says.
        on_retry: told the number of each failed attempt that another follows.

    Returns:
        What the first successful attempt returned.

    Raises:
        Exception: what the last attempt raised.
    """
    import tenacity

    numbers = itertools.count(1)

    async def next_attempt() -> Any:
        number = next(numbers)
        if number == 1:
            raise first
        return await attempt(number)

    retrying = tenacity.AsyncRetrying(
        sleep=asyncio.sleep,
        stop=tenacity.stop_after_attempt(retry.retries + 1),
        wait=lambda state: retry.delay(state.attempt_number),
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, Exception) and may_retry()
        ),
        before_sleep=lambda state: on_retry(state.attempt_number),
        reraise=True,
    )
    return await retrying(next_attempt)
