"""Breakers and limiters as a user's type checker sees them.

Never run and never collected: ``mypy --strict tests/typing`` reads it.
"""

from typing import assert_type

from cano_core import (
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
    Limiter,
    LimiterStatus,
    MultiRateLimiter,
    Permit,
    RateLimitedError,
    RateLimiter,
    Reservation,
    TaskConfig,
    Tier,
    WindowedRateLimiter,
)


class Own:
    async def acquire(self, cost: float = 1) -> None: ...


async def main() -> None:
    breaker = CircuitBreaker(name="bank", counts=lambda error: bool(error.args))
    try:
        with breaker.acquire() as permit:
            assert_type(permit, Permit)
    except CircuitOpenError as error:
        assert_type(error.retry_after, float)
    assert_type(breaker.state, CircuitState)

    second = RateLimiter(10, burst=5)
    day = WindowedRateLimiter(1000, 86_400)
    api = MultiRateLimiter(Tier("second", second), Tier("day", day, cost=2.5))
    await api.acquire(2, only=["day"])
    assert_type(second.try_acquire(), bool)
    assert_type(day.status(), LimiterStatus)
    assert_type(api.status(), dict[str, LimiterStatus])
    try:
        with api.reserve(only={"second"}) as reservation:
            assert_type(reservation, Reservation)
            reservation.commit()
    except RateLimitedError as error:
        assert_type(error.tier, str | None)

    limiters: list[Limiter] = [second, day, api, Own()]
    for limits in (second, api, Own(), limiters, (second, day), ()):
        TaskConfig(circuit_breaker=breaker, limits=limits)
