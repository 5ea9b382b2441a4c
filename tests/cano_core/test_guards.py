"""A circuit breaker around the attempts of a task."""

import asyncio
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CheckpointRow,
    CheckpointStoreError,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
    CompensationFailedError,
    MemoryCheckpointStore,
    PollTask,
    Ready,
    RecordingObserver,
    RetryExhaustedError,
    RolledBackError,
    RunCancelledError,
    RunContext,
    TaskFailedError,
    Workflow,
)
from cano_core.extension import hookimpl, manager
from guarded import (
    Service,
    failed,
    guarded,
    half_open_then,
    hooks,
    never,
    still_half_open,
    workflow_of,
)
from virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def breaker(time: VirtualTime) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=2, reset_timeout=10.0, clock=time)


def test_an_open_breaker_fails_a_task_at_once_without_calling_it(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    """As cano: no retry is spent on it."""
    for _ in range(2):
        breaker.acquire().failure()
    service, observer = Service(), RecordingObserver()

    error = failed(
        time,
        workflow_of(service.run, guarded(breaker, retries=5), observers=[observer]),
        workflow_id="r",
    )

    assert service.calls == 0
    assert isinstance(error.__cause__, CircuitOpenError)
    assert error.attempts == (error.__cause__,)
    assert not isinstance(error, RetryExhaustedError)
    assert "CircuitOpenError: circuit breaker is open" in str(error)
    assert hooks(observer) == ["on_circuit_open", "on_task_failure"]
    ((workflow_id, name),) = observer.of("on_circuit_open")
    assert (workflow_id, name) == observer.of("on_task_start")[0]


def test_a_retry_loop_stops_when_the_breaker_opens(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    service, observer = Service(), RecordingObserver()

    error = failed(
        time,
        workflow_of(service.run, guarded(breaker, retries=5), observers=[observer]),
    )

    assert service.calls == 2
    assert [type(each) for each in error.attempts] == [
        OSError,
        OSError,
        CircuitOpenError,
    ]
    assert error.__cause__ is error.attempts[-1]
    assert hooks(observer) == [
        "on_retry",
        "on_retry",
        "on_circuit_open",
        "on_task_failure",
    ]


def test_a_success_is_told_to_the_breaker(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    breaker.acquire().failure()
    time.run(lambda: workflow_of(Service(0).run, guarded(breaker)).orchestrate("Work"))

    assert breaker.failures == 0


def test_every_failed_attempt_counts(time: VirtualTime) -> None:
    breaker = CircuitBreaker(failure_threshold=4, clock=time)
    workflow = workflow_of(Service().run, guarded(breaker, retries=1))
    failed(time, workflow)
    assert breaker.failures == 2
    failed(time, workflow)

    assert breaker.state is CircuitState.OPEN


def test_states_workflows_and_calls_by_hand_share_a_breaker(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    service = Service()
    one = workflow_of(service.run, guarded(breaker))
    two = Workflow().register("First", lambda: "Work", config=guarded())
    two.register("Work", service.run, config=guarded(breaker)).add_exit_state("Done")

    failed(time, one)
    with pytest.raises(TaskFailedError):
        time.run(lambda: two.orchestrate("First"))
    assert breaker.state is CircuitState.OPEN
    assert isinstance(failed(time, one).__cause__, CircuitOpenError)
    with pytest.raises(CircuitOpenError):
        breaker.acquire()
    assert service.calls == 2


def test_a_task_goes_through_again_once_the_service_is_back(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    service = Service(2)
    workflow = workflow_of(service.run, guarded(breaker, retries=1))
    failed(time, workflow)
    time.now += 10.0

    assert time.run(lambda: workflow.orchestrate("Work")) == "Done"
    assert breaker.state is CircuitState.CLOSED


def test_only_one_of_many_runs_makes_the_trial_call(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    service = Service(2)
    calls = 0

    async def slow() -> str:
        nonlocal calls
        calls += 1
        await asyncio.sleep(1)
        return await service.run()

    workflow = workflow_of(slow, guarded(breaker))
    failed(time, workflow)
    failed(time, workflow)
    time.now += 10.0

    async def main() -> list[Any]:
        runs = [workflow.orchestrate("Work") for _ in range(5)]
        return await asyncio.gather(*runs, return_exceptions=True)

    results = time.run(main)
    assert calls == 3
    assert results[0] == "Done"
    assert all(isinstance(r.__cause__, CircuitOpenError) for r in results[1:])


def test_an_attempt_that_takes_too_long_is_a_failure(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    workflow = workflow_of(never, guarded(breaker, attempt_timeout=5.0))
    failed(time, workflow)
    assert breaker.failures == 1
    failed(time, workflow)
    assert breaker.state is CircuitState.OPEN


def test_cancelling_the_asyncio_task_of_a_run_is_neither(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    """In cano it is a failure."""
    half_open_then(time, breaker)
    workflow = workflow_of(never, guarded(breaker))

    async def main() -> None:
        run = asyncio.create_task(workflow.orchestrate("Work"))
        await asyncio.sleep(1)
        assert breaker.state is CircuitState.HALF_OPEN
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    time.run(main)
    assert still_half_open(breaker)


def test_cancelling_a_run_is_neither(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    half_open_then(time, breaker)
    workflow = workflow_of(never, guarded(breaker))

    async def main() -> None:
        cancel = Cancellation()
        run = asyncio.create_task(workflow.orchestrate("Work", cancel=cancel))
        await asyncio.sleep(1)
        cancel.cancel()
        with pytest.raises(RunCancelledError):
            await run

    time.run(main)
    assert still_half_open(breaker)


def test_a_crash_is_neither(time: VirtualTime, breaker: CircuitBreaker) -> None:
    class Crash(BaseException):
        pass

    async def crash() -> str:
        raise Crash

    half_open_then(time, breaker)
    with pytest.raises(Crash):
        time.run(lambda: workflow_of(crash, guarded(breaker)).orchestrate("Work"))

    assert still_half_open(breaker)


def test_a_store_that_fails_under_a_task_says_nothing_about_the_service(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    class Full(MemoryCheckpointStore):
        async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
            if any(row.sequence > 0 for row in rows):
                raise OSError("disk full")
            await super().append(workflow_id, *rows)

    async def once(run: RunContext) -> str:
        await run.once("call", lambda: 1)
        return "Done"

    workflow = workflow_of(once, guarded(breaker), checkpoint_store=Full())
    half_open_then(time, breaker)
    with pytest.raises(CheckpointStoreError):
        time.run(lambda: workflow.orchestrate("Work", workflow_id="r"))

    assert still_half_open(breaker)


def test_a_refusal_by_another_breaker_is_an_ordinary_failure(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    """It is for the task's retry policy to wait for it."""
    other = CircuitBreaker(failure_threshold=1, reset_timeout=0.0, clock=time)
    other.acquire().failure()
    trial = other.acquire()

    async def by_hand() -> str:
        with other.acquire():
            return "Done"

    observer = RecordingObserver()
    error = failed(
        time,
        workflow_of(by_hand, guarded(breaker, retries=1), observers=[observer]),
    )

    assert len(error.attempts) == 2
    assert breaker.state is CircuitState.OPEN
    assert hooks(observer) == ["on_retry", "on_task_failure"]
    trial.close()


def test_what_does_not_count_leaves_the_breaker_closed(time: VirtualTime) -> None:
    breaker = CircuitBreaker(
        failure_threshold=1, counts=lambda error: not isinstance(error, KeyError)
    )

    async def mistaken() -> str:
        raise KeyError("our own mistake")

    failed(time, workflow_of(mistaken, guarded(breaker)))
    assert breaker.state is CircuitState.CLOSED
    failed(time, workflow_of(Service().run, guarded(breaker)))
    assert breaker.state is CircuitState.OPEN


@pytest.mark.parametrize(("errors", "failures"), [("OSError", 2), ("KeyError", 0)])
def test_each_poll_of_a_task_that_gave_up_is_judged_by_its_own_error(
    time: VirtualTime, errors: str, failures: int
) -> None:
    """Also the one that was let pass: the breaker is asked for every single poll."""
    seen: list[Exception] = []

    def counts(error: Exception) -> bool:
        seen.append(error)
        return isinstance(error, OSError)

    class Job(PollTask):
        consecutive_errors = 1
        error_delay = 0.0

        async def poll(self) -> Ready[str]:
            raise {"OSError": OSError, "KeyError": KeyError}[errors]("gone")

    breaker = CircuitBreaker(clock=time, counts=counts)
    failed(time, workflow_of(Job(), guarded(breaker)))

    assert breaker.failures == failures
    assert [type(error).__name__ for error in seen] == [errors] * 2


def test_a_wrapped_task_is_guarded_as_well(
    time: VirtualTime, breaker: CircuitBreaker
) -> None:
    """What a plugin puts around a task is not made without a permit either."""
    made: list[str] = []

    class Wrapper:
        def wrap_task(self, state: str, task: object, call: Any) -> Any:
            async def wrapped(*values: Any) -> Any:
                made.append(state)
                return await call(*values)

            return wrapped

    class Plugin:
        @hookimpl
        def cano_wrap_run(self, workflow: Workflow) -> Any:
            return Wrapper()

    plugin = Plugin()
    manager.register(plugin)
    try:
        failed(time, workflow_of(Service().run, guarded(breaker, retries=5)))
    finally:
        manager.unregister(plugin)

    assert made == ["Work", "Work"]


def test_a_compensation_asks_the_breaker_too(time: VirtualTime) -> None:
    """It is a call to the same service; the next resume tries it again."""
    breaker = CircuitBreaker(failure_threshold=1, reset_timeout=10.0, clock=time)
    undone: list[str] = []

    async def reserve() -> tuple[str, int]:
        return "Charge", 7

    async def release(output: int) -> None:
        undone.append("released")

    store = MemoryCheckpointStore()
    workflow = (
        Workflow(checkpoint_store=store)
        .register_with_compensation(
            "Reserve", reserve, compensate=release, config=guarded(breaker)
        )
        .register("Charge", Service().run, config=guarded(breaker))
        .add_exit_state("Done")
    )

    with pytest.raises(CompensationFailedError) as raised:
        time.run(lambda: workflow.orchestrate("Reserve", workflow_id="r"))
    assert isinstance(raised.value.errors[0], CircuitOpenError)
    assert undone == []

    time.now += 10.0
    with pytest.raises(RolledBackError):
        time.run(lambda: workflow.resume_from("r"))
    assert undone == ["released"]
