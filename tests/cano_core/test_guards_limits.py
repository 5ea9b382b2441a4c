"""Limits around the attempts of a task, and what is no guard."""

import asyncio
from typing import Any

import pytest

from cano_core import (
    CircuitBreaker,
    CircuitState,
    ConfigurationError,
    MultiRateLimiter,
    RateLimiter,
    RunContext,
    TaskConfig,
    Tier,
    WindowedRateLimiter,
)
from cano_core.attempts import Attempts
from guarded import (
    Service,
    failed,
    guarded,
    half_open_then,
    workflow_of,
)
from virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def breaker(time: VirtualTime) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=2, reset_timeout=10.0, clock=time)


# The limits


def test_every_attempt_waits_for_its_limit(time: VirtualTime) -> None:
    limiter = RateLimiter(1, per=3.0, clock=time)
    times: list[float] = []

    async def failing() -> str:
        times.append(time.now)
        raise OSError("gone")

    failed(time, workflow_of(failing, guarded(retries=3, limits=limiter)))
    assert times == pytest.approx([0, 3, 6, 9])


def test_waiting_for_a_limit_is_not_part_of_the_attempts_time(
    time: VirtualTime,
) -> None:
    limiter = RateLimiter(1, per=100.0, clock=time)
    limiter.try_acquire()
    config = guarded(limits=limiter, attempt_timeout=1.0)

    run = workflow_of(Service(0).run, config)
    assert time.run(lambda: run.orchestrate("Work")) == "Done"
    assert time.now == pytest.approx(100.0)


def test_all_of_several_limits_are_waited_for(time: VirtualTime) -> None:
    one = WindowedRateLimiter(5, 1e6, clock=time)
    two = MultiRateLimiter(
        Tier("day", WindowedRateLimiter(2, 86_400.0, clock=time), cost=2)
    )
    workflow = workflow_of(Service(0).run, guarded(limits=[one, two]))
    time.run(lambda: workflow.orchestrate("Work"))
    time.run(lambda: workflow.orchestrate("Work"))

    assert time.now == 86_400.0
    assert one.status().used == 2


def test_anything_that_can_be_waited_for_is_a_limit(time: VirtualTime) -> None:
    costs: list[float] = []

    class Counting:
        async def acquire(self, cost: float = 1) -> None:
            costs.append(cost)

    workflow = workflow_of(Service(2).run, guarded(retries=2, limits=Counting()))
    time.run(lambda: workflow.orchestrate("Work"))

    assert costs == [1, 1, 1]


def test_runs_that_share_a_limit_are_served_in_the_order_of_arrival(
    time: VirtualTime,
) -> None:
    limiter = RateLimiter(1, clock=time)
    order: list[str] = []

    async def note(run: RunContext) -> str:
        order.append(run.workflow_id)
        return "Done"

    workflow = workflow_of(note, guarded(limits=limiter))
    names = [f"r{number}" for number in range(8)]

    async def main() -> None:
        await asyncio.gather(
            *(workflow.orchestrate("Work", workflow_id=name) for name in names)
        )

    time.run(main)
    assert order == names
    assert time.now == pytest.approx(7.0)


def test_a_run_that_is_cancelled_while_it_waits_takes_nothing(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    limiter = RateLimiter(1, per=10.0, clock=time)
    limiter.try_acquire()
    service = Service(0)
    workflow = workflow_of(service.run, guarded(breaker, limits=limiter))

    async def main() -> None:
        cancelled = asyncio.create_task(workflow.orchestrate("Work"))
        await asyncio.sleep(1)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await workflow.orchestrate("Work")

    time.run(main)
    assert service.calls == 1
    assert time.now == pytest.approx(10.0)
    assert limiter.status().waiting == 0


def test_who_waits_for_a_limit_holds_no_trial_call(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    half_open_then(time, breaker)
    limiter = RateLimiter(1, per=10.0, clock=time)
    limiter.try_acquire()
    workflow = workflow_of(Service(0).run, guarded(breaker, limits=limiter))

    async def main() -> None:
        run = asyncio.create_task(workflow.orchestrate("Work"))
        await asyncio.sleep(1)
        with breaker.acquire():
            pass
        await run

    time.run(main)
    assert breaker.state is CircuitState.CLOSED


def test_a_limit_that_can_never_let_a_call_through_is_not_tried_again(
    time: VirtualTime,
) -> None:
    class Broken:
        calls = 0

        async def acquire(self, cost: float = 1) -> None:
            Broken.calls += 1
            raise ConfigurationError("a call of cost 1 could never pass")

    workflow = workflow_of(Service().run, guarded(retries=3, limits=Broken()))
    with pytest.raises(ConfigurationError, match="could never pass"):
        time.run(lambda: workflow.orchestrate("Work"))
    assert Broken.calls == 1


# The configuration


def test_a_configuration_without_guards_puts_nothing_around_an_attempt() -> None:
    async def attempt(*values: Any) -> Any:
        return None

    for config in (TaskConfig(), TaskConfig.minimal(), guarded(limits=[])):
        assert Attempts.of("task", config, attempt).call is attempt


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"circuit_breaker": 5},
            "circuit_breaker=5) must be a CircuitBreaker, or None",
        ),
        ({"limits": 5}, "limits=5) must be a limiter, such as RateLimiter(10)"),
        ({"limits": "x"}, "limits='x') must be a limiter"),
        (
            {"limits": [RateLimiter(1), None]},
            "limits=[<rate limiter (1 per 1 s)>, None]) must be a limiter",
        ),
        (
            {"limits": CircuitBreaker(name="b")},
            "limits=<circuit breaker 'b': closed, 0 failed>) must be a limiter",
        ),
    ],
)
def test_a_guard_of_the_wrong_kind_is_refused(
    options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        TaskConfig(**options)

    assert str(raised.value).startswith(f"TaskConfig({problem}")


def test_configurations_with_the_same_guards_are_equal() -> None:
    limiter = RateLimiter(1)

    assert TaskConfig(limits=[limiter]) == TaskConfig(limits=(limiter,))
    assert hash(TaskConfig(limits=[limiter])) == hash(TaskConfig(limits=limiter))
