"""A circuit breaker that the branches of a split share."""

import asyncio

import pytest

from cano_core import (
    CircuitBreaker,
    CircuitState,
    JoinConfig,
    JoinStrategy,
    RecordingObserver,
    TaskFailedError,
    Workflow,
)
from guarded import (
    Service,
    guarded,
    never,
)
from virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def breaker(time: VirtualTime) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=2, reset_timeout=10.0, clock=time)


def test_the_branches_of_a_split_share_a_breaker(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    """Who comes after the second failure is refused; the names have the index."""
    services = [Service() for _ in range(4)]
    observer = RecordingObserver()
    workflow = Workflow(observers=[observer]).register_split(
        "Fan",
        [service.run for service in services],
        JoinConfig(JoinStrategy.ALL, "Done", bulkhead=1),
        config=guarded(breaker, retries=5),
    )
    workflow.add_exit_state("Done")

    with pytest.raises(TaskFailedError):
        time.run(lambda: workflow.orchestrate("Fan"))

    assert sum(service.calls for service in services) == 2
    assert breaker.state is CircuitState.OPEN
    refused = [name for _, name in observer.of("on_circuit_open")]
    started = [name for _, name in observer.of("on_task_start")]
    assert refused
    assert set(refused) <= set(started)
    assert refused[0].endswith("[0]")


def test_a_branch_that_is_cancelled_by_the_join_is_no_failure(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    async def quick() -> str:
        await asyncio.sleep(1)
        return "value"

    breaker.acquire().failure()
    workflow = Workflow().register_split(
        "Fan",
        [quick, never],
        JoinConfig(JoinStrategy.ANY, "Done"),
        config=guarded(breaker),
    )
    workflow.add_exit_state("Done")

    assert time.run(lambda: workflow.orchestrate("Fan")) == "Done"
    assert breaker.state is CircuitState.CLOSED
