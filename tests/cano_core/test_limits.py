"""Token buckets and windows: what passes when, and in which order."""

import asyncio
import gc
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cano_core import (
    ConfigurationError,
    LimiterStatus,
    RateLimitedError,
    RateLimiter,
    WindowedRateLimiter,
)
from virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


def timed(
    time: VirtualTime, passed: dict[str, float], name: str, call: Awaitable[None]
) -> "asyncio.Task[None]":
    """Start a call that notes when it passed."""

    async def waiting() -> None:
        await call
        passed[name] = time.now

    return asyncio.create_task(waiting(), name=name)


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


def test_who_waits_for_a_window_passes_when_it_ends(time: VirtualTime) -> None:
    limiter = WindowedRateLimiter(3, 10.0, clock=time)

    async def main() -> list[float]:
        passed: dict[str, float] = {}
        await limiter.acquire()
        time.now = 4.0
        costs = [2, 2, 2, 1, 3]
        tasks = [
            timed(time, passed, str(number), limiter.acquire(cost))
            for number, cost in enumerate(costs)
        ]
        await asyncio.gather(*tasks)
        return list(passed.values())

    assert time.run(main) == [4, 10, 20, 20, 30]


# Both


Make = Callable[..., Any]

LIMITERS: list[Make] = [
    lambda **options: RateLimiter(5, 10.0, **options),
    lambda **options: WindowedRateLimiter(5, 10.0, **options),
]


@pytest.fixture(params=LIMITERS, ids=["bucket", "window"])
def limiter(request: pytest.FixtureRequest, time: VirtualTime) -> Any:
    return request.param(name="api", clock=time)


def test_a_cost_above_the_capacity_is_refused_at_once(limiter: Any) -> None:
    """In cano it waits for ever."""
    wanted = "a call of cost 6 could never pass, as there is never more than 5"
    for ask in (
        lambda: limiter.try_acquire(6),
        lambda: limiter.reserve(6),
        lambda: asyncio.run(limiter.acquire(6)),
    ):
        with pytest.raises(ConfigurationError, match=wanted):
            ask()


@pytest.mark.parametrize("cost", [-1, math.nan, math.inf, "1", None])
def test_what_is_no_cost_is_refused(limiter: Any, cost: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a number, 0 or more"):
        limiter.try_acquire(cost)


def test_a_cost_of_nothing_always_passes(limiter: Any, time: VirtualTime) -> None:
    assert limiter.try_acquire(5)
    assert limiter.try_acquire(0)

    async def main() -> None:
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        await limiter.acquire(0)
        assert time.now == 0
        await waiting

    time.run(main)


def test_who_waits_is_served_in_the_order_of_arrival(
    limiter: Any, time: VirtualTime
) -> None:
    """A cheap call does not overtake a dear one."""

    async def main() -> list[str]:
        passed: dict[str, float] = {}
        await limiter.acquire(3)
        tasks = [
            timed(time, passed, f"{number}: {cost}", limiter.acquire(cost))
            for number, cost in enumerate([5, 1, 4, 1, 1, 5])
        ]
        await asyncio.gather(*tasks)
        return list(passed)

    assert time.run(main) == ["0: 5", "1: 1", "2: 4", "3: 1", "4: 1", "5: 5"]


@pytest.mark.parametrize("start", [0.0, 1e9])
def test_nobody_waits_for_less_than_a_clock_can_tell(
    limiter: Any, start: float
) -> None:
    """Nor for less than an event loop can wait; else it would wait again and again."""
    time = limiter._clock
    time.now = start
    limiter.try_acquire(5)
    time.now = start + 10 - 1e-3
    assert not limiter.try_acquire(5)
    time.now = math.nextafter(start + 10 - 5e-10, 0)

    assert limiter.try_acquire(5)


def test_who_comes_late_does_not_overtake_one_whose_time_has_come(
    limiter: Any, time: VirtualTime
) -> None:
    """As when the event loop was busy for so long that there is enough for both."""

    async def main() -> None:
        limiter.try_acquire(5)
        passed: dict[str, float] = {}
        first = timed(time, passed, "first", limiter.acquire())
        await asyncio.sleep(0)
        time.now = 60.0
        second = timed(time, passed, "second", limiter.acquire())
        await asyncio.gather(first, second)
        assert list(passed) == ["first", "second"]

    time.run(main)


def test_who_does_not_wait_takes_nothing_from_those_who_do(
    limiter: Any, time: VirtualTime
) -> None:
    async def main() -> None:
        await limiter.acquire(3)
        dear = asyncio.create_task(limiter.acquire(4))
        await asyncio.sleep(0)
        assert not limiter.try_acquire(1)
        assert limiter.status().waiting == 1
        await dear

    time.run(main)


def test_a_cancelled_waiter_leaves_no_hole(limiter: Any, time: VirtualTime) -> None:
    async def main() -> dict[str, float]:
        passed: dict[str, float] = {}
        await limiter.acquire(3)
        dear = timed(time, passed, "dear", limiter.acquire(5))
        cheap = timed(time, passed, "cheap", limiter.acquire(2))
        late = timed(time, passed, "late", limiter.acquire(5))
        await asyncio.sleep(1.0)
        dear.cancel()
        await cheap
        late.cancel()
        await asyncio.gather(dear, late, return_exceptions=True)
        return passed

    assert time.run(main) == {"cheap": pytest.approx(1.0)}
    assert limiter.status().waiting == 0


def test_a_waiter_in_the_middle_that_is_cancelled_costs_nothing(
    limiter: Any, time: VirtualTime
) -> None:
    async def main() -> float:
        passed: dict[str, float] = {}
        await limiter.acquire(5)
        first = timed(time, passed, "first", limiter.acquire(2))
        gone = timed(time, passed, "gone", limiter.acquire(5))
        last = timed(time, passed, "last", limiter.acquire(3))
        await asyncio.sleep(1.0)
        gone.cancel()
        await asyncio.gather(first, gone, last, return_exceptions=True)
        return passed["last"]

    assert time.run(main) == pytest.approx(10.0)


def test_cancelling_all_who_wait_leaves_the_limiter_as_if_they_had_not_come(
    limiter: Any, time: VirtualTime
) -> None:
    async def main() -> None:
        await limiter.acquire(5)
        tasks = [asyncio.create_task(limiter.acquire(2)) for _ in range(20)]
        await asyncio.sleep(1.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    time.run(main)
    time.now = 10.0
    assert limiter.try_acquire(5)


def test_a_limiter_serves_one_event_loop_after_the_other(
    limiter: Any, time: VirtualTime
) -> None:
    async def main() -> None:
        await asyncio.gather(*(limiter.acquire() for _ in range(10)))

    for _ in range(3):
        time.run(main)

    assert time.now == pytest.approx(50.0, abs=10.0)


def test_a_loop_that_was_closed_with_somebody_waiting_blocks_nobody(
    limiter: Any, time: VirtualTime
) -> None:
    """As when a run is frozen in the middle and its loop thrown away."""
    loop = asyncio.new_event_loop()
    limiter.try_acquire(4)
    frozen = limiter.acquire(3)
    asyncio._set_running_loop(loop)
    try:
        frozen.send(None)
    finally:
        asyncio._set_running_loop(None)
    assert limiter.status().waiting == 1
    loop.close()

    assert limiter.try_acquire()
    time.run(limiter.acquire)
    assert time.now < 11.0
    frozen.close()


def test_a_waiting_coroutine_that_is_dropped_blocks_nobody(
    limiter: Any, time: VirtualTime
) -> None:
    async def main() -> None:
        await limiter.acquire(4)
        dropped = limiter.acquire(3)
        dropped.send(None)
        last = asyncio.create_task(limiter.acquire(1))
        await asyncio.sleep(0)
        assert limiter.status().waiting == 2
        del dropped
        gc.collect()
        await last

    time.run(main)
    assert time.now == 0


def test_threads_with_their_own_loops_never_get_more_than_the_limit() -> None:
    limiter = WindowedRateLimiter(30, 3600.0)
    passed: list[int] = []

    async def some() -> None:
        async def one() -> None:
            await asyncio.sleep(0)
            if limiter.try_acquire():
                passed.append(1)

        await asyncio.gather(*(one() for _ in range(20)))

    threads = [
        threading.Thread(target=lambda: asyncio.run(some()), daemon=True)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(passed) == 30


def test_a_waiter_in_one_thread_is_called_by_a_refund_in_another() -> None:
    limiter = WindowedRateLimiter(1, 3600.0)
    reservation = limiter.reserve()
    passed = threading.Event()

    def wait() -> None:
        asyncio.run(limiter.acquire())
        passed.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while limiter.status().waiting == 0:
        assert thread.is_alive()
    reservation.refund()

    assert passed.wait(10)
    thread.join(30)


@pytest.mark.parametrize("waiters", [50, 200])
def test_those_who_wait_do_not_wake_each_other_up_in_vain(waiters: int) -> None:
    """The work for a queue grows with its length, not with the square of it."""
    time = VirtualTime()
    asked = 0

    def clock() -> float:
        nonlocal asked
        asked += 1
        return time.now

    limiter = RateLimiter(1, clock=clock)

    async def main() -> None:
        await asyncio.gather(*(limiter.acquire() for _ in range(waiters)))

    time.run(main)
    assert asked < 20 * waiters


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
