"""Circuit breakers and rate limits around the attempts of a task."""

import asyncio
import math
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CheckpointRow,
    CheckpointStoreError,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
    ConfigurationError,
    MemoryCheckpointStore,
    MultiRateLimiter,
    PollTask,
    RateLimiter,
    Ready,
    RecordingObserver,
    Retry,
    RetryExhaustedError,
    RunCancelledError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Tier,
    WindowedRateLimiter,
    Workflow,
)
from cano_core.attempts import Attempts
from cano_core.extension import hookimpl, manager
from virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def breaker(time: VirtualTime) -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=2, reset_timeout=10.0, clock=time)


def guarded(
    breaker: CircuitBreaker | None = None, retries: int = 0, **options: Any
) -> TaskConfig:
    return TaskConfig(retry=Retry.fixed(retries, 0), circuit_breaker=breaker, **options)


def workflow_of(task: object, config: TaskConfig, **options: Any) -> Workflow:
    workflow = Workflow(**options).register("Work", task, config=config)
    return workflow.add_exit_state("Done")


class Service:
    """Fails so many times, then works."""

    def __init__(self, failures: float = math.inf) -> None:
        self.failures = failures
        self.calls = 0

    async def run(self) -> str:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise OSError("gone")
        return "Done"


async def never(run: RunContext) -> str:
    await asyncio.Event().wait()
    return "Done"


def failed(time: VirtualTime, workflow: Workflow, **options: Any) -> TaskFailedError:
    with pytest.raises(TaskFailedError) as raised:
        time.run(lambda: workflow.orchestrate("Work", **options))
    return raised.value


def hooks(observer: RecordingObserver) -> list[str]:
    return [
        event.hook
        for event in observer.events
        if event.hook in {"on_retry", "on_circuit_open", "on_task_failure"}
    ]


# The breaker


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


def half_open_then(time: VirtualTime, breaker: CircuitBreaker) -> None:
    for _ in range(2):
        breaker.acquire().failure()
    time.now += 10.0


def still_half_open(breaker: CircuitBreaker) -> bool:
    """A trial call ended, was neither, and made room for the next."""
    failures = breaker.failures
    state = breaker.state
    with breaker.acquire():
        pass
    return (state, failures) == (CircuitState.HALF_OPEN, 2)


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


@pytest.mark.parametrize(("errors", "failures"), [("OSError", 1), ("KeyError", 0)])
def test_a_poll_task_that_gave_up_is_judged_by_its_last_error(
    time: VirtualTime, errors: str, failures: int
) -> None:
    seen: list[Exception] = []

    def counts(error: Exception) -> bool:
        seen.append(error)
        return isinstance(error, OSError)

    class Job(PollTask):
        consecutive_errors = 1

        async def poll(self) -> Ready[str]:
            raise {"OSError": OSError, "KeyError": KeyError}[errors]("gone")

    breaker = CircuitBreaker(clock=time, counts=counts)
    failed(time, workflow_of(Job(), guarded(breaker)))

    assert breaker.failures == failures
    assert [type(error).__name__ for error in seen] == [errors]


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

    failed(time, workflow_of(Service().run, guarded(retries=3, limits=Broken())))
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
