"""The limiters against models that are a few lines long, in whole numbers.

For more examples:
    CANO_MODEL_EXAMPLES=5000 python -m pytest tests/cano_core/test_limits_model.py
"""

import asyncio
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cano_core import MultiRateLimiter, RateLimiter, Tier, WindowedRateLimiter
from virtual_time import VirtualTime

EXAMPLES = int(os.environ.get("CANO_MODEL_EXAMPLES", "60"))
NEVER = Fraction(10**9)


@dataclass
class Bucket:
    """What a RateLimiter should do."""

    rate: int
    burst: int
    level: Fraction = field(init=False)
    at: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        self.level = Fraction(self.rate + self.burst)

    def real(self, time: VirtualTime) -> RateLimiter:
        return RateLimiter(self.rate, burst=self.burst, clock=time)

    def fill(self, now: Fraction) -> None:
        full = Fraction(self.rate + self.burst)
        self.level = min(full, self.level + (now - self.at) * self.rate)
        self.at = now

    def enough(self, cost: int, now: Fraction) -> Fraction:
        self.fill(now)
        return now + max(Fraction(0), (cost - self.level) / self.rate)

    def take(self, cost: int, now: Fraction) -> None:
        self.fill(now)
        self.level -= cost


@dataclass
class Window:
    """What a WindowedRateLimiter should do."""

    limit: int
    length: int
    used: int = 0
    ends: Fraction = Fraction(-1)

    def real(self, time: VirtualTime) -> WindowedRateLimiter:
        return WindowedRateLimiter(self.limit, self.length, clock=time)

    def enough(self, cost: int, now: Fraction) -> Fraction:
        if now >= self.ends or self.used + cost <= self.limit:
            return now
        return self.ends

    def take(self, cost: int, now: Fraction) -> None:
        if now >= self.ends:
            self.used, self.ends = 0, now + self.length
        self.used += cost


@dataclass(frozen=True)
class Call:
    """Somebody who comes, and how long they are ready to wait."""

    gap: int
    cost: int
    patience: Fraction


calls = st.lists(
    st.builds(
        Call,
        gap=st.integers(0, 4),
        cost=st.integers(0, 5),
        patience=st.sampled_from([NEVER, Fraction(1, 7), Fraction(16, 7)]),
    ),
    max_size=15,
).map(
    # So that nobody loses patience at the very moment of passing, or together with
    # somebody else: what happens first then is a matter of taste.
    lambda calls: [
        replace(call, patience=call.patience + Fraction(number, 1009))
        for number, call in enumerate(calls)
    ]
)
models = st.one_of(
    st.builds(Bucket, rate=st.sampled_from([1, 2, 4]), burst=st.just(4)),
    st.builds(Window, limit=st.integers(5, 8), length=st.integers(1, 6)),
)


def expected(model: Bucket | Window, calls: Sequence[Call]) -> list[Fraction | None]:
    """First come, first served: when each passes; None for who lost patience."""
    passed: list[Fraction | None] = []
    comes = free = Fraction(0)
    for call in calls:
        comes += call.gap
        first = max(comes, free)
        due = model.enough(call.cost, first) if call.cost else comes
        if due > comes + call.patience:
            passed.append(None)
            free = max(free, comes + call.patience)
        else:
            passed.append(due)
            if call.cost:
                model.take(call.cost, due)
                free = due
    return passed


def observed(limiter: Any, calls: Sequence[Call], time: VirtualTime) -> list[Any]:
    passed: list[float | None] = [None] * len(calls)

    async def one(number: int, call: Call) -> None:
        try:
            async with asyncio.timeout(float(call.patience)):
                await limiter.acquire(call.cost)
        except TimeoutError:
            return
        passed[number] = time.now

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number, call in enumerate(calls):
                await asyncio.sleep(call.gap)
                group.create_task(one(number, call))

    time.run(main)
    assert limiter.status().waiting == 0
    return passed


@settings(max_examples=EXAMPLES, deadline=None)
@given(models, calls)
def test_everybody_passes_exactly_when_first_come_first_served_lets_them(
    model: Bucket | Window, calls: list[Call]
) -> None:
    time = VirtualTime()
    limiter = model.real(time)
    wanted = expected(model, calls)
    event(f"lost patience: {wanted.count(None)}")

    got = observed(limiter, calls, time)

    assert [when is None for when in got] == [when is None for when in wanted]
    for when, due in zip(got, wanted, strict=True):
        if due is not None:
            assert when == pytest.approx(float(due), abs=1e-6)


# Several tiers


@dataclass(frozen=True)
class TieredCall:
    gap: int
    only: frozenset[str]
    patience: float


COSTS = {"one": 1, "two": 2, "three": 1}

tiered_calls = st.lists(
    st.builds(
        TieredCall,
        gap=st.integers(0, 2),
        only=st.frozensets(st.sampled_from(sorted(COSTS)), min_size=1),
        patience=st.sampled_from([math.inf, math.inf, 1.37]),
    ),
    max_size=20,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(tiered_calls)
def test_several_tiers_keep_every_limit_and_the_order_and_starve_nobody(
    calls: list[TieredCall],
) -> None:
    time = VirtualTime()
    one = RateLimiter(1, burst=1, clock=time)
    two = RateLimiter(2, per=3.0, clock=time)
    three = WindowedRateLimiter(2, 4.0, clock=time)
    limiter = MultiRateLimiter(
        Tier("one", one), Tier("two", two, cost=2), Tier("three", three)
    )
    passed: list[tuple[float, int]] = []

    async def call_once(number: int, call: TieredCall) -> None:
        try:
            async with asyncio.timeout(
                None if call.patience == math.inf else call.patience
            ):
                await limiter.acquire(only=call.only)
        except TimeoutError:
            return
        passed.append((time.now, number))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number, call in enumerate(calls):
                await asyncio.sleep(call.gap)
                group.create_task(call_once(number, call))

    time.run(main)

    patient = {n for n, call in enumerate(calls) if call.patience == math.inf}
    assert patient <= {number for _, number in passed}, "everybody passes in the end"
    for only in {call.only for call in calls}:
        alike = [number for _, number in passed if calls[number].only == only]
        assert alike == sorted(alike), "first come, first served"
    for name, (most, speed) in {"one": (2, 1), "two": (2, 2 / 3)}.items():
        times = [when for when, number in passed if name in calls[number].only]
        for i, start in enumerate(times):
            for j, end in enumerate(times[i:], 1):
                assert j * COSTS[name] <= most + speed * (end - start) + 1e-6
    opened = -math.inf
    counted = 0
    for when, number in passed:
        if "three" in calls[number].only:
            if when >= opened + 4.0 - 1e-6:
                opened, counted = when, 0
            counted += 1
            assert counted <= 2
    last_comes = sum(call.gap for call in calls)
    most_time = max(3.0, 4.0) * len(calls)
    assert all(when <= last_comes + most_time for when, _ in passed)
