"""Guards between tasks and a service: a circuit breaker, and rate limiters.

A breaker is one object for everybody who calls the service. After three failures in a
row nobody calls it for a while; then one trial call decides.

    python examples/breaker_and_limiter.py

Prints:

    order 1: the bank is down
    order 2: <circuit breaker 'bank': open, 3 failed>
    order 3: <circuit breaker 'bank': open, 3 failed>
    the bank was called 3 times
    order 4: Paid, and the breaker is closed
    3 of 5 calls passed
    small search: passed
    big search: too much for the tier 'day'
    4 pages in not less than 40 ms
"""

import asyncio
import time
from typing import Literal

from cano_core import (
    CircuitBreaker,
    CircuitOpenError,
    MultiRateLimiter,
    RateLimitedError,
    RateLimiter,
    Retry,
    TaskConfig,
    TaskFailedError,
    Tier,
    WindowedRateLimiter,
    Workflow,
)


class Bank:
    def __init__(self) -> None:
        self.is_up = False
        self.calls = 0

    async def pay(self) -> None:
        self.calls += 1
        if not self.is_up:
            raise ConnectionError("the bank is down")


async def pay(bank: Bank) -> Literal["Paid"]:
    await bank.pay()
    return "Paid"


async def fetch_page() -> Literal["Fetched"]:
    return "Fetched"


async def show_breaker() -> None:
    bank = Bank()
    breaker = CircuitBreaker(failure_threshold=3, reset_timeout=0.2, name="bank")
    config = TaskConfig(retry=Retry.fixed(1, 0), circuit_breaker=breaker)
    payment = Workflow(resources={"bank": bank}).add_exit_state("Paid")
    payment.register("Pay", pay, config=config)

    for order in 1, 2, 3:
        try:
            await payment.orchestrate("Pay")
        except TaskFailedError as error:
            cause = error.__cause__
            refused = isinstance(cause, CircuitOpenError)
            print(f"order {order}: {breaker if refused else cause}")
    print(f"the bank was called {bank.calls} times")

    bank.is_up = True
    await asyncio.sleep(0.2)
    with breaker.acquire():  # the same by hand: what leaves the block is the outcome
        await bank.pay()
    reached = await payment.orchestrate("Pay")
    print(f"order 4: {reached}, and the breaker is {breaker.state}")


async def show_limits() -> None:
    polite = RateLimiter(1, burst=2)  # one a second, and two more to begin with
    passed = sum(polite.try_acquire() for _ in range(5))
    print(f"{passed} of 5 calls passed")

    # A call passes every tier, or none. It costs ten of the day's fifty.
    api = MultiRateLimiter(
        Tier("second", RateLimiter(10)),
        Tier("day", WindowedRateLimiter(50, 86_400), cost=10),
    )
    for name, calls in {"small": 2, "big": 4}.items():
        try:
            with api.reserve(calls) as reservation:
                reservation.commit()  # without it, the calls are given back
                print(f"{name} search: passed")
        except RateLimitedError as error:
            print(f"{name} search: too much for the tier {error.tier!r}")

    config = TaskConfig(limits=RateLimiter(1, per=0.02, burst=1))
    pages = Workflow().register("Fetch", fetch_page, config=config)
    pages.add_exit_state("Fetched")
    begun = time.monotonic()
    await asyncio.gather(*(pages.orchestrate("Fetch") for _ in range(4)))
    slow = round(time.monotonic() - begun, 2) >= 0.04
    print("4 pages in", "not less than 40 ms" if slow else "too short a time")


async def main() -> None:
    await show_breaker()
    await show_limits()


if __name__ == "__main__":
    asyncio.run(main())
