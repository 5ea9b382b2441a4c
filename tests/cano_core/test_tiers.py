"""Several limits at once: all or none, and in the order of arrival."""

import asyncio

import pytest

from cano_core import (
    ConfigurationError,
    MultiRateLimiter,
    RateLimitedError,
    RateLimiter,
    Tier,
    WindowedRateLimiter,
)
from virtual_time import VirtualTime

DAY = 86_400.0


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def second(time: VirtualTime) -> RateLimiter:
    return RateLimiter(2, clock=time)


@pytest.fixture
def day(time: VirtualTime) -> WindowedRateLimiter:
    return WindowedRateLimiter(10, DAY, clock=time)


@pytest.fixture
def both(second: RateLimiter, day: WindowedRateLimiter) -> MultiRateLimiter:
    return MultiRateLimiter(Tier("second", second), Tier("day", day, cost=3))


def used(limiter: MultiRateLimiter) -> dict[str, float]:
    return {name: status.used for name, status in limiter.status().items()}


def test_a_call_is_counted_in_every_tier_at_its_cost(both: MultiRateLimiter) -> None:
    assert both.try_acquire()
    assert used(both) == {"second": 1, "day": 3}
    assert both.try_acquire(1)
    assert used(both) == {"second": 2, "day": 6}


def test_a_call_may_count_as_several(both: MultiRateLimiter) -> None:
    assert both.try_acquire(2)
    assert used(both) == {"second": 2, "day": 6}
    assert both.try_acquire(0)
    assert used(both) == {"second": 2, "day": 6}


def test_a_call_that_one_tier_refuses_is_counted_in_none(
    both: MultiRateLimiter, day: WindowedRateLimiter, second: RateLimiter
) -> None:
    day.try_acquire(8)
    assert not both.try_acquire()
    assert used(both) == {"second": 0, "day": 8}

    second.try_acquire(2)
    assert not both.try_acquire(only=["second"])
    assert used(both) == {"second": 2, "day": 8}


def test_a_refusal_names_the_tier_that_takes_longest(
    both: MultiRateLimiter,
    day: WindowedRateLimiter,
    second: RateLimiter,
    time: VirtualTime,
) -> None:
    """Cano names the first that refuses, and a time at which the next would."""
    second.try_acquire(2)
    with pytest.raises(RateLimitedError) as raised:
        both.reserve()
    assert raised.value.tier == "second"
    assert raised.value.retry_after == pytest.approx(0.5)

    day.try_acquire(8)
    time.now = 100.0
    second.try_acquire(2)
    with pytest.raises(RateLimitedError) as raised:
        both.reserve()
    assert raised.value.tier == "day"
    assert raised.value.retry_after == DAY - 100


def test_a_reservation_is_given_back_to_every_tier(both: MultiRateLimiter) -> None:
    with both.reserve():
        assert used(both) == {"second": 1, "day": 3}
    assert used(both) == {"second": 0, "day": 0}

    with both.reserve() as reservation:
        reservation.commit()
    assert used(both) == {"second": 1, "day": 3}


def test_a_reservation_gives_nothing_back_to_a_window_that_is_over(
    both: MultiRateLimiter, day: WindowedRateLimiter, time: VirtualTime
) -> None:
    with both.reserve():
        time.now = DAY
        day.try_acquire(4)
    assert used(both) == {"second": 0, "day": 4}


def test_a_limiter_in_two_tiers_is_charged_for_both(second: RateLimiter) -> None:
    limiter = MultiRateLimiter(Tier("reads", second), Tier("all", second))
    assert limiter.try_acquire()
    assert second.status().used == 2
    with pytest.raises(RateLimitedError) as raised:
        limiter.reserve()
    assert raised.value.tier == "reads"
    assert raised.value.retry_after == pytest.approx(1.0)


def test_acquire_waits_for_the_tier_that_takes_longest(
    both: MultiRateLimiter, time: VirtualTime
) -> None:
    async def main() -> list[float]:
        passed = []
        for _ in range(5):
            await both.acquire()
            passed.append(time.now)
        return passed

    assert time.run(main) == pytest.approx([0, 0, 0.5, DAY, DAY])


def test_only_the_named_tiers_matter(
    both: MultiRateLimiter, day: WindowedRateLimiter
) -> None:
    day.try_acquire(10)
    assert not both.try_acquire()
    assert both.try_acquire(only=["second"])
    assert both.try_acquire(only=[])
    assert used(both) == {"second": 1, "day": 10}


@pytest.mark.parametrize("only", [["dya"], ["second", "hour"], "day", "d"])
def test_a_name_that_is_no_tier_is_an_error(both: MultiRateLimiter, only: str) -> None:
    """In cano nothing is enforced then."""
    with pytest.raises(ConfigurationError, match=r"names of tiers \(second, day\)"):
        both.try_acquire(only=only)


def test_without_tiers_nothing_is_limited(time: VirtualTime) -> None:
    limiter = MultiRateLimiter()
    assert limiter.try_acquire(1_000_000)
    time.run(limiter.acquire)
    assert limiter.status() == {}


def test_a_tier_that_costs_nothing_limits_nothing(
    second: RateLimiter, day: WindowedRateLimiter
) -> None:
    day.try_acquire(10)
    limiter = MultiRateLimiter(Tier("second", second), Tier("day", day, cost=0))

    assert limiter.try_acquire()


def test_what_could_never_pass_is_refused_when_it_is_made(second: RateLimiter) -> None:
    with pytest.raises(ConfigurationError, match="never more than 2"):
        Tier("second", second, cost=3)
    with pytest.raises(ConfigurationError, match="never more than 2"):
        MultiRateLimiter(Tier("a", second, cost=1), Tier("b", second, cost=2))
    with pytest.raises(ConfigurationError, match="never more than 2"):
        asyncio.run(MultiRateLimiter(Tier("a", second)).acquire(3))


@pytest.mark.parametrize("cost", [-1, "1", None])
def test_what_is_no_cost_is_refused(both: MultiRateLimiter, cost: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a number, 0 or more"):
        both.try_acquire(cost)  # type: ignore[arg-type]


def test_tiers_need_names_of_their_own_and_limiters(
    second: RateLimiter, both: MultiRateLimiter
) -> None:
    with pytest.raises(ConfigurationError, match="a name of its own"):
        MultiRateLimiter(Tier("a", second), Tier("a", second))
    with pytest.raises(ConfigurationError, match="a tier has a RateLimiter"):
        Tier("a", both)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"say Tier\(name, limiter\)"):
        MultiRateLimiter(second)  # type: ignore[arg-type]


def test_it_shows_its_tiers(both: MultiRateLimiter) -> None:
    assert repr(both) == (
        "<multi rate limiter ('second': 2 per 1 s, 'day': 10 in 86400 s)>"
    )


# Fairness between those who share some of their tiers


def test_who_waits_for_tomorrow_does_not_hold_up_who_needs_only_now(
    both: MultiRateLimiter, day: WindowedRateLimiter, time: VirtualTime
) -> None:
    async def main() -> dict[str, float]:
        passed: dict[str, float] = {}

        async def call(name: str, *only: str) -> None:
            await both.acquire(only=only or None)
            passed[name] = time.now

        day.try_acquire(10)
        tomorrow = asyncio.create_task(call("tomorrow"))
        await asyncio.sleep(0)
        now = [asyncio.create_task(call(f"now {n}", "second")) for n in range(4)]
        await asyncio.gather(tomorrow, *now)
        return passed

    assert time.run(main) == {
        "now 0": 0,
        "now 1": 0,
        "now 2": pytest.approx(0.5),
        "now 3": pytest.approx(1.0),
        "tomorrow": DAY,
    }


def test_who_needs_two_busy_tiers_is_not_starved_by_those_who_need_one(
    time: VirtualTime,
) -> None:
    """Each of the others comes again and again for what it would take."""
    one, two = RateLimiter(1, clock=time), RateLimiter(1, per=0.9, clock=time)
    limiter = MultiRateLimiter(Tier("one", one), Tier("two", two))

    async def main() -> float:
        async def again(name: str) -> None:
            while True:
                await limiter.acquire(only=[name])

        others = [asyncio.create_task(again(name)) for name in ["one", "two"] * 3]
        await asyncio.sleep(10.05)
        await limiter.acquire()
        passed = time.now
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return passed

    assert time.run(main) < 16


def test_a_waiter_takes_nothing_before_it_can_take_all(
    both: MultiRateLimiter, day: WindowedRateLimiter, time: VirtualTime
) -> None:
    async def main() -> None:
        day.try_acquire(10)
        waiting = asyncio.create_task(both.acquire())
        await asyncio.sleep(1.0)
        assert used(both) == {"second": 0, "day": 10}
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert both.status()["second"].waiting == 0
        assert both.status()["day"].waiting == 0

    time.run(main)


def test_a_refund_helps_also_those_behind_somebody_who_waits_for_something_else(
    time: VirtualTime,
) -> None:
    busy = WindowedRateLimiter(2, DAY, clock=time)
    slow = RateLimiter(1, per=10.0, clock=time)
    limiter = MultiRateLimiter(Tier("busy", busy), Tier("slow", slow))

    async def main() -> tuple[float, float]:
        slow.try_acquire()
        reservation = busy.reserve(2)
        first = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        second = asyncio.create_task(busy.acquire())
        await asyncio.sleep(1.0)
        reservation.refund()
        await second
        second_passed = time.now
        await first
        return second_passed, time.now

    assert time.run(main) == (1.0, 10.0)


def test_what_a_cheap_call_would_delay_comes_first(time: VirtualTime) -> None:
    """There is one unit left, and the first needs it when its other tier lets it."""
    busy = WindowedRateLimiter(2, DAY, clock=time)
    slow = RateLimiter(1, per=10.0, clock=time)
    limiter = MultiRateLimiter(Tier("busy", busy), Tier("slow", slow))

    async def main() -> tuple[float, float]:
        slow.try_acquire()
        busy.try_acquire()
        first = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        assert not busy.try_acquire()
        second = asyncio.create_task(busy.acquire())
        await first
        first_passed = time.now
        await second
        return first_passed, time.now

    assert time.run(main) == (10.0, DAY)
