"""A timer's moment is in the log before it sleeps, so no crash makes it wait anew."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest

from cano_core import (
    CircuitBreaker,
    CircuitOpenError,
    ConfigurationError,
    MemoryCheckpointStore,
    RateLimiter,
    Retry,
    RowKind,
    RunContext,
    TaskConfig,
    TaskFailedError,
    TimerTask,
    Workflow,
)
from cano_core.progress import Cursor
from cano_core.tasks.waiting import Wait
from crashes import Crash, every_crash, split_of
from scripted_store import ScriptedStore, raising
from virtual_time import VirtualTime

ONCE = TaskConfig.minimal()


class Alarm(TimerTask):
    """Waits for what it is made with, and notes when it does what."""

    name = "alarm"

    def __init__(self, asked: Any = 100, *failures: BaseException) -> None:
        self.asked = asked
        self.failures = list(failures)
        self.did: list[tuple[str, float]] = []

    async def wait(self) -> Any:
        self.did.append(("wait", time.time()))
        if isinstance(self.asked, BaseException):
            raise self.asked
        return self.asked

    async def after_wait(self) -> Any:
        self.did.append(("after", time.time()))
        if self.failures:
            raise self.failures.pop(0)
        return "Done"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Every clock there is, a thousand seconds after the epoch."""
    virtual = VirtualTime()
    virtual.now = 1000.0
    monkeypatch.setattr(time, "time", virtual)
    return virtual


def start(task: object, store: Any = None, **options: Any) -> Any:
    """Start the run, or go on with it."""
    config = options.pop("config", None)
    workflow = Workflow(checkpoint_store=store, **options)
    workflow.register("Wait", task, config=config).add_exit_state("Done")
    if store is None:
        return workflow.orchestrate("Wait")
    return workflow.start_or_resume("Wait", workflow_id="r")


def live(clock: VirtualTime, task: object, store: Any = None, **options: Any) -> object:
    return clock.run(lambda: start(task, store, **options))


def waits(store: MemoryCheckpointStore) -> list[Wait]:
    """What the log says of the run's waiting."""
    return [
        Wait.decode(Cursor.decode(row.payload).payload)
        for row in asyncio.run(store.load_run("r"))
        if row.kind is RowKind.STEP_CURSOR
    ]


# Waiting


@pytest.mark.parametrize("asked", [7200, 7200.0, timedelta(hours=2)])
def test_a_duration_timer_goes_on_when_it_has_passed(
    clock: VirtualTime, asked: Any
) -> None:
    task = Alarm(asked)

    assert live(clock, task) == "Done"
    assert task.did == [("wait", 1000), ("after", pytest.approx(8200))]


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-5))])
def test_a_timer_until_a_moment_goes_on_at_that_moment(
    clock: VirtualTime, zone: timezone
) -> None:
    task = Alarm(datetime.fromtimestamp(4600, zone))

    assert live(clock, task) == "Done"
    assert task.did == [("wait", 1000), ("after", pytest.approx(4600))]


@pytest.mark.parametrize(
    "asked", [0, -5, timedelta(seconds=-1), datetime(1970, 1, 1, tzinfo=UTC)]
)
def test_no_time_or_one_that_has_passed_is_no_wait(
    clock: VirtualTime, asked: Any
) -> None:
    task = Alarm(asked)

    assert live(clock, task) == "Done"
    assert task.did == [("wait", 1000), ("after", 1000)]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (datetime(2030, 1, 1), "no time zone"),
        ("5", "neither a number of seconds"),
        (None, "neither a number of seconds"),
        (float("nan"), "neither a number of seconds"),
        (float("inf"), "neither a number of seconds"),
    ],
)
def test_what_is_no_moment_stops_the_run_and_a_mended_program_goes_on(
    clock: VirtualTime, asked: Any, problem: str
) -> None:
    store = MemoryCheckpointStore()

    with pytest.raises(ConfigurationError, match=problem):
        live(clock, Alarm(asked), store, config=TaskConfig())
    assert waits(store) == []
    assert live(clock, Alarm(1), store) == "Done"


def test_sync_methods_get_their_parameters_as_any_task_does() -> None:
    class Job(TimerTask):
        def wait(self, delay: float, run: RunContext) -> float:
            keys.append(run.idempotency_key)
            return delay

        def after_wait(self, run: RunContext) -> Literal["Done"]:
            keys.append(run.idempotency_key)
            return "Done"

    keys: list[str] = []
    workflow = Workflow(resources={"delay": 0.001})
    workflow.register("Wait", Job()).add_exit_state("Done")
    assert workflow.graph.transitions["Wait"] == {"Done"}
    assert asyncio.run(workflow.orchestrate("Wait", workflow_id="r")) == "Done"
    assert keys == ["r/Wait/1/wait", "r/Wait/1"]


def test_a_clock_that_is_set_is_noticed_within_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it is after the machine was suspended: no timer runs, but time goes on."""
    virtual = VirtualTime()
    monkeypatch.setattr(
        time, "time", lambda: virtual.now + (5000 if virtual.now > 65 else 0)
    )

    task = Alarm(datetime.fromtimestamp(4000, UTC))
    assert live(virtual, task) == "Done"
    assert virtual.now == pytest.approx(120)


@pytest.mark.parametrize(("relative", "expected"), [(True, 200), (False, 3200)])
def test_a_clock_that_is_set_back_delays_only_what_goes_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, relative: bool, expected: float
) -> None:
    virtual = VirtualTime()
    monkeypatch.setattr(
        time, "time", lambda: virtual.now + 9000 - (3000 if virtual.now > 65 else 0)
    )

    task = Alarm(200 if relative else datetime.fromtimestamp(9200, UTC))
    assert live(virtual, task) == "Done"
    assert virtual.now == pytest.approx(expected)


# Failures and time limits


def test_an_error_in_wait_keeps_after_wait_from_being_called(
    clock: VirtualTime,
) -> None:
    task = Alarm(OSError("no calendar"))

    with pytest.raises(TaskFailedError, match="no calendar"):
        live(clock, task)
    assert task.did == [("wait", 1000)]


def test_a_retry_of_what_comes_after_does_not_wait_again(clock: VirtualTime) -> None:
    for store in (None, MemoryCheckpointStore()):
        clock.now = 1000
        task = Alarm(100, OSError(), OSError())
        assert live(clock, task, store, config=TaskConfig(retry=Retry.fixed(2, 3)))
        assert task.did == [
            ("wait", 1000),
            ("after", pytest.approx(1100)),
            ("after", pytest.approx(1103)),
            ("after", pytest.approx(1106)),
        ]


def test_attempt_timeout_ends_a_long_timer(clock: VirtualTime) -> None:
    config = TaskConfig(retry=Retry.none(), attempt_timeout=90)

    with pytest.raises(TaskFailedError, match="attempt_timeout of 90 s") as caught:
        live(clock, Alarm(100), config=config)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert clock.now == pytest.approx(1090)


@pytest.mark.parametrize("method", ["wait", "after_wait"])
def test_attempt_timeout_bounds_either_method(clock: VirtualTime, method: str) -> None:
    class Hangs(Alarm):
        pass

    async def hang() -> Any:
        await asyncio.Event().wait()

    task = Hangs(80)
    setattr(task, method, hang)
    with pytest.raises(TaskFailedError, match="TimeoutError"):
        live(clock, task, config=TaskConfig(retry=Retry.none(), attempt_timeout=90))
    assert clock.now == pytest.approx(1090 if method == "wait" else 1170)


def test_every_attempt_has_its_own_time_and_waits_for_the_same_moment(
    clock: VirtualTime,
) -> None:
    store = MemoryCheckpointStore()
    task = Alarm(100, Crash())
    config = TaskConfig(retry=Retry.fixed(1, 5), attempt_timeout=60)

    with pytest.raises(Crash):
        live(clock, task, store, config=config)
    assert task.did == [("wait", 1000), ("after", pytest.approx(1100))]
    assert waits(store) == [Wait(1000, 1100, True), Wait(1065, 1100, True)]


def test_the_limits_and_the_breaker_are_for_what_comes_after(
    clock: VirtualTime,
) -> None:
    breaker = CircuitBreaker(failure_threshold=2, clock=clock)
    limits = RateLimiter(1, per=7.0, clock=clock)
    config = TaskConfig(retry=Retry.fixed(5, 0), circuit_breaker=breaker, limits=limits)

    task = Alarm(100, OSError(), OSError(), OSError())
    with pytest.raises(TaskFailedError) as caught:
        live(clock, task, config=config)
    assert isinstance(caught.value.__cause__, CircuitOpenError)
    assert task.did == [
        ("wait", 1000),
        ("after", pytest.approx(1100)),
        ("after", pytest.approx(1107)),
    ]


# The log


def test_the_moment_is_a_row_before_the_task_sleeps(clock: VirtualTime) -> None:
    store = ScriptedStore(after=raising(Crash(), "append", 2))
    task = Alarm(100)

    with pytest.raises(Crash):
        live(clock, task, store)
    assert waits(store.inner) == [Wait(1000, 1100, True)]
    assert clock.now == 1000


@pytest.mark.parametrize(("away", "resumed"), [(30, 1100), (100, 1100), (5000, 6000)])
@pytest.mark.parametrize("asked", [100, datetime.fromtimestamp(1100, UTC)])
def test_a_resumed_timer_waits_the_rest_or_not_at_all(
    clock: VirtualTime, away: float, resumed: float, asked: Any
) -> None:
    store = ScriptedStore(after=raising(Crash(), "append", 2))
    with pytest.raises(Crash):
        live(clock, Alarm(asked), store)

    clock.now += away
    task = Alarm(asked)
    assert live(clock, task, store.inner) == "Done"
    assert task.did == [("after", pytest.approx(resumed))]


def test_a_crash_at_any_row_of_a_timer_neither_lengthens_nor_shortens_it(
    clock: VirtualTime,
) -> None:
    crashes = 0
    for disk in every_crash(lambda store: start(Alarm(100), store), clock.run):
        crashes += 1
        begun = clock.now
        clock.now += 7
        asked_before = bool(waits(disk))
        task = Alarm(100)
        assert live(clock, task, disk) == "Done"
        assert [name for name, _ in task.did] == (
            ["after"] if asked_before else ["wait", "after"]
        )
        expected = begun + 100 if asked_before else begun + 107
        assert task.did[-1][1] == pytest.approx(expected)
    assert crashes == 2 * 2


def test_a_resumed_timer_is_bounded_by_the_time_since_its_recorded_beginning(
    clock: VirtualTime,
) -> None:
    store = ScriptedStore(after=raising(Crash(), "append", 2))
    with pytest.raises(Crash):
        live(clock, Alarm(100), store)

    clock.now = 1030
    config = TaskConfig(retry=Retry.none(), attempt_timeout=90)
    with pytest.raises(TaskFailedError, match="attempt_timeout"):
        live(clock, Alarm(100), store.inner, config=config)
    assert clock.now == pytest.approx(1090)

    # Once the moment has passed nothing is left to bound but what comes after.
    clock.now = 1200
    assert live(clock, Alarm(100), store.inner, config=config) == "Done"


def test_what_wait_makes_of_the_data_is_there_after_a_crash(
    clock: VirtualTime,
) -> None:
    class Job(TimerTask):
        async def wait(self, data: list[str], run: RunContext) -> float:
            data.append(await run.once("call", lambda: "wait"))
            return 5

        async def after_wait(self, data: list[str], run: RunContext) -> str:
            given.append(list(data))
            data.append(await run.once("call", lambda: "after"))
            if lives:
                raise lives.pop()
            return "Next"

    async def following(data: list[str]) -> str:
        seen.extend(data)
        return "Done"

    def program() -> Any:
        workflow = Workflow(checkpoint_store=store, data=list[str])
        workflow.register("Wait", Job(), config=TaskConfig(retry=Retry.fixed(1, 1)))
        workflow.register("Next", following).add_exit_state("Done")
        return workflow.start_or_resume("Wait", workflow_id="r", data=[])

    store = MemoryCheckpointStore()
    seen: list[str] = []
    given: list[list[str]] = []
    lives: list[BaseException] = [OSError(), Crash(), OSError()]
    with pytest.raises(Crash):
        clock.run(program)
    assert clock.run(program) == "Done"
    assert seen == ["wait", "after"]
    assert given == [["wait"]] * 4


def test_a_timer_in_a_branch_has_rows_of_its_own_and_leaves_the_data_alone(
    clock: VirtualTime,
) -> None:
    store = ScriptedStore(after=raising(Crash(), "append", 2))
    with pytest.raises(Crash):
        clock.run(lambda: split_of(Alarm(100), store))
    [row] = asyncio.run(store.inner.load_run("r"))[1:]
    assert row.task.endswith("[0]")
    task = Alarm(100)
    assert clock.run(lambda: split_of(task, store.inner)).values == ("Done",)
    assert task.did == [("after", pytest.approx(1100))]

    class Job(Alarm):
        async def wait(self, data: list[str]) -> Any:  # type: ignore[override]
            data.append("x")
            return 1

    disk = MemoryCheckpointStore()
    with pytest.raises(ConfigurationError, match="in a branch of a split"):
        clock.run(lambda: split_of(Job(), disk, data=list[str], value=[]))
