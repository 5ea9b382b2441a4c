"""Waiting for a limiter: in which order, for how long, and not for ever."""

import asyncio
import gc
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cano_core import (
    ConfigurationError,
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
