"""Token buckets and windows: what passes when, and what can be taken back."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from cano_core import (
    ConfigurationError,
    LimiterStatus,
    RateLimitedError,
    RateLimiter,
    WindowedRateLimiter,
)
from limiters import LIMITERS
from virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture(params=LIMITERS.values(), ids=LIMITERS)
def limiter(request: pytest.FixtureRequest, time: VirtualTime) -> Any:
    return request.param(name="api", clock=time)


def refused(reserve: Callable[..., object], *cost: float) -> RateLimitedError:
    with pytest.raises(RateLimitedError) as raised:
        reserve(*cost)
    return raised.value


# The token bucket


def test_a_bucket_is_full_at_first_and_holds_rate_and_burst(time: VirtualTime) -> None:
    limiter = RateLimiter(3, burst=2, clock=time)

    assert limiter.capacity == 5
    assert [limiter.try_acquire() for _ in range(6)] == [True] * 5 + [False]


def test_a_bucket_fills_up_evenly_and_no_further_than_full(time: VirtualTime) -> None:
    limiter = RateLimiter(4, per=2.0, clock=time)
    assert limiter.try_acquire(4)
    time.now = 0.25
    assert not limiter.try_acquire()
    time.now = 0.5
    assert limiter.try_acquire()
    assert not limiter.try_acquire()

    time.now = 100.0
    assert limiter.try_acquire(4)
    assert not limiter.try_acquire()


def test_acquire_waits_exactly_until_there_is_enough(time: VirtualTime) -> None:
    limiter = RateLimiter(2, clock=time)

    async def main() -> list[float]:
        passed = []
        for _ in range(6):
            await limiter.acquire()
            passed.append(time.now)
        return passed

    assert time.run(main) == pytest.approx([0, 0, 0.5, 1, 1.5, 2])


def test_a_dear_call_waits_for_all_of_its_cost(time: VirtualTime) -> None:
    limiter = RateLimiter(10, clock=time)

    async def main() -> float:
        await limiter.acquire(7)
        await limiter.acquire(9)
        return time.now

    assert time.run(main) == pytest.approx(0.6)


def test_a_bucket_without_round_numbers_never_makes_anybody_wait_in_vain() -> None:
    """The last bit of a token must not be due in no time at all."""
    time = VirtualTime()
    time.now = 1e6
    limiter = RateLimiter(3, per=0.7, clock=time)

    async def main() -> None:
        for _ in range(200):
            await limiter.acquire(1.1)

    time.run(main)
    assert time.now - 1e6 == pytest.approx((200 * 1.1 - 3) * 0.7 / 3, rel=1e-3)


# The window


def test_a_window_opens_with_the_first_call_and_ends_all_at_once(
    time: VirtualTime,
) -> None:
    limiter = WindowedRateLimiter(2, 10.0, clock=time)
    time.now = 7.0
    assert limiter.status().resets_at is None
    assert limiter.try_acquire()
    assert limiter.status().resets_at == 17.0
    time.now = 16.0
    assert limiter.try_acquire()
    assert not limiter.try_acquire()

    time.now = 17.0
    assert limiter.try_acquire(2)
    assert limiter.status().resets_at == 27.0


def test_looking_at_a_window_does_not_open_one(time: VirtualTime) -> None:
    limiter = WindowedRateLimiter(2, 10.0, clock=time)
    limiter.status()
    limiter.try_acquire(0)
    time.now = 5.0
    limiter.try_acquire()

    assert limiter.status().resets_at == 15.0


# Reservations


def test_a_reservation_is_given_back_unless_it_is_committed(limiter: Any) -> None:
    with limiter.reserve(3):
        assert limiter.status().used == 3
    assert limiter.status().used == 0

    with pytest.raises(KeyError), limiter.reserve(3):
        raise KeyError("x")
    assert limiter.status().used == 0

    with limiter.reserve(3) as reservation:
        reservation.commit()
    reservation.refund()
    assert limiter.status().used == 3


def test_a_reservation_is_given_back_once(limiter: Any) -> None:
    limiter.try_acquire(2)
    reservation = limiter.reserve(2)
    reservation.refund()
    reservation.refund()

    assert limiter.status().used == 2


def test_what_is_given_back_goes_to_the_one_who_waits_for_it(
    limiter: Any, time: VirtualTime
) -> None:
    async def main() -> None:
        reservation = limiter.reserve(5)
        waiting = asyncio.create_task(limiter.acquire(5))
        await asyncio.sleep(0)
        reservation.refund()
        await waiting

    time.run(main)
    assert time.now == 0


def test_a_window_that_is_over_takes_nothing_back(time: VirtualTime) -> None:
    limiter = WindowedRateLimiter(5, 10.0, clock=time)
    reservation = limiter.reserve(3)
    time.now = 12.0
    limiter.try_acquire(4)
    reservation.refund()

    assert limiter.status().used == 4


def test_a_bucket_gets_no_fuller_than_full(time: VirtualTime) -> None:
    limiter = RateLimiter(5, 10.0, clock=time)
    reservation = limiter.reserve(3)
    time.now = 60.0
    reservation.refund()

    assert limiter.status().used == 0
    assert not (limiter.try_acquire(5) and limiter.try_acquire())


def test_a_refusal_says_what_is_used_up_and_until_when(time: VirtualTime) -> None:
    limiter = RateLimiter(2, name="api", clock=time)
    limiter.reserve(2)
    error = refused(limiter.reserve, 1)

    assert error.tier == "api"
    assert error.retry_after == pytest.approx(0.5)
    assert str(error) == (
        "<rate limiter 'api' (2 per 1 s)> is used up: a call of cost 1 can pass in "
        "0.5 s; try again then, or wait with acquire()"
    )


def test_a_refusal_reckons_with_those_who_wait(limiter: Any, time: VirtualTime) -> None:
    async def main() -> float:
        await limiter.acquire(5)
        tasks = [asyncio.create_task(limiter.acquire(5)) for _ in range(2)]
        await asyncio.sleep(0)
        error = refused(limiter.reserve, 5)
        assert limiter.status().available_in <= error.retry_after
        for task in tasks:
            task.cancel()
        return error.retry_after

    assert time.run(main) == pytest.approx(30.0)


# Status


def test_the_status_of_a_bucket(time: VirtualTime) -> None:
    limiter = RateLimiter(2, burst=2, clock=time)
    limiter.try_acquire(3)
    assert limiter.status() == LimiterStatus(3, 4, 0.0, None, 0)
    limiter.try_acquire(1)
    time.now = 0.25
    assert limiter.status() == LimiterStatus(3.5, 4, 0.25, None, 0)


def test_the_status_of_a_window(time: VirtualTime) -> None:
    limiter = WindowedRateLimiter(2, 10.0, clock=time)
    limiter.try_acquire(2)
    time.now = 4.0
    assert limiter.status() == LimiterStatus(2, 2, 6.0, 10.0, 0)
    time.now = 10.0
    assert limiter.status() == LimiterStatus(0, 2, 0.0, None, 0)


# Making one


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: RateLimiter(0), "RateLimiter(rate=0) must be a number, above 0"),
        (
            lambda: RateLimiter(1, per=0),
            "RateLimiter(per=0) must be a number, above 0 seconds",
        ),
        (
            lambda: RateLimiter(1, burst=-1),
            "RateLimiter(burst=-1) must be a number, 0 or more",
        ),
        (
            lambda: RateLimiter(math.inf),
            "RateLimiter(rate=inf) must be a number, above 0",
        ),
        (
            lambda: RateLimiter(0.5),
            (
                "RateLimiter(0.5) never has a whole token for a call of cost 1; "
                "say RateLimiter(1, per=2)"
            ),
        ),
        (
            lambda: WindowedRateLimiter(0, 1),
            "WindowedRateLimiter(limit=0) must be a number, 1 or more",
        ),
        (
            lambda: WindowedRateLimiter(1, 0),
            "WindowedRateLimiter(window=0) must be a number, above 0 seconds",
        ),
    ],
)
def test_a_limit_out_of_range_is_refused(
    make: Callable[[], object], problem: str
) -> None:
    """Where cano panics."""
    with pytest.raises(ConfigurationError) as raised:
        make()

    assert str(raised.value) == problem


def test_a_limiter_shows_its_name_and_its_terms() -> None:
    assert repr(RateLimiter(5, 2, burst=1)) == "<rate limiter (5 per 2 s, burst 1)>"
    shown = repr(WindowedRateLimiter(5, 60, name="quota"))
    assert shown == "<rate limiter 'quota' (5 in 60 s)>"
