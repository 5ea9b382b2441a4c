"""A poll asks until it is told; what it waits for, and since when, is in the log."""

import asyncio
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal

import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    CircuitBreaker,
    CircuitOpenError,
    ConfigurationError,
    MemoryCheckpointStore,
    Pending,
    PollTask,
    RateLimiter,
    Ready,
    RecordingObserver,
    Retry,
    RetryExhaustedError,
    RowKind,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from cano_core.progress import Cursor
from cano_core.tasks.waiting import Wait
from crashes import Crash, every_crash, split_of
from scripted_store import ScriptedStore, raising
from virtual_time import VirtualTime


class Step(Enum):
    WAIT = auto()
    NEXT = auto()
    DONE = auto()


@dataclass
class Order:
    key: str


class Answers(PollTask):
    """Gives the answers that it is made with, and notes when it is asked."""

    name = "answers"

    def __init__(self, *answers: Any, **attributes: Any) -> None:
        self.answers = iter(answers)
        self.asked: list[float] = []
        self.takes = 0.0
        self.__dict__.update(attributes)

    async def poll(self) -> Any:
        self.asked.append(time.time())
        answer = next(self.answers)
        if self.takes:
            await asyncio.sleep(self.takes)
        if isinstance(answer, BaseException):
            raise answer
        return answer


READY = Ready("Done")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Every clock there is, a thousand seconds after the epoch."""
    virtual = VirtualTime()
    virtual.now = 1000.0
    monkeypatch.setattr(time, "time", virtual)
    return virtual


def workflow_with(task: object, store: Any = None, **options: Any) -> Workflow:
    config = options.pop("config", None)
    workflow = Workflow(checkpoint_store=store, **options)
    return workflow.register("Wait", task, config=config).add_exit_state("Done")


def live(clock: VirtualTime, task: object, store: Any = None, **options: Any) -> object:
    """One process: start the run, or resume it."""
    workflow = workflow_with(task, store, **options)
    if store is None:
        return clock.run(lambda: workflow.orchestrate("Wait"))
    return clock.run(lambda: workflow.start_or_resume("Wait", workflow_id="r"))


def waits(store: ScriptedStore | MemoryCheckpointStore) -> list[Wait]:
    """What the log of the run says of its waiting."""
    inner = store.inner if isinstance(store, ScriptedStore) else store
    rows = asyncio.run(inner.load_run("r"))
    return [
        Wait.decode(Cursor.decode(row.payload).payload)
        for row in rows
        if row.kind is RowKind.STEP_CURSOR
    ]


# Asking


def test_a_poll_asks_again_after_each_delay_until_it_is_ready(
    clock: VirtualTime,
) -> None:
    task = Answers(Pending(5), Pending(0.5), READY)

    assert live(clock, task) == "Done"
    assert task.asked == pytest.approx([1000, 1005, 1005.5])


def test_a_poll_that_wants_no_delay_does_not_spin(clock: VirtualTime) -> None:
    task = Answers(*[Pending(0)] * 10, READY)

    assert live(clock, task) == "Done"
    assert clock.now == pytest.approx(1000.1)


def test_a_sync_poll_gets_its_parameters_as_any_task_does() -> None:
    asked: list[int] = []

    class Job(PollTask):
        def poll(self, ids: list[int], run: RunContext) -> Any:
            asked.append(ids.pop())
            return Pending(0.001) if ids else Ready("Done")

    workflow = workflow_with(Job(), resources={"ids": [3, 2, 1]})
    assert asyncio.run(workflow.orchestrate("Wait")) == "Done"
    assert asked == [1, 2, 3]


def test_what_ready_holds_declares_the_transitions() -> None:
    class Job(PollTask):
        async def poll(
            self,
        ) -> Ready[Literal[Step.NEXT]] | Ready[Literal[Step.DONE]] | Pending:
            return Ready(Step.DONE)

    class Undeclared(PollTask):
        async def poll(self) -> Ready[Step] | Pending:
            return Ready(Step.DONE)

    class Wrong(PollTask):
        async def poll(self) -> Ready[Literal[Step.NEXT]] | Pending:
            answer: Any = Ready(Step.DONE)
            return answer  # type: ignore[no-any-return]

    def workflow(task: PollTask) -> Workflow:
        return (
            Workflow().register(Step.WAIT, task).add_exit_states(Step.NEXT, Step.DONE)
        )

    def declared(task: PollTask) -> object:
        return workflow(task).graph.transitions["WAIT"]

    assert declared(Job()) == {"NEXT", "DONE"}
    assert declared(Undeclared()) is None
    assert asyncio.run(workflow(Job()).orchestrate(Step.WAIT)) is Step.DONE
    with pytest.raises(ConfigurationError, match="declares only NEXT"):
        asyncio.run(workflow(Wrong()).orchestrate(Step.WAIT))


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), "1", None])
def test_a_delay_that_is_no_time_is_refused(delay: Any) -> None:
    with pytest.raises(ConfigurationError, match="0 or more seconds"):
        Pending(delay)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("consecutive_errors", -1), ("consecutive_errors", "2"), ("error_delay", -0.1)],
)
def test_an_error_policy_that_can_not_be_is_a_problem(
    attribute: str, value: Any
) -> None:
    task = Answers(READY, **{attribute: value})

    with pytest.raises(ConfigurationError, match=f"'answers': {attribute}="):
        workflow_with(task).validate()


def test_an_answer_that_is_none_stops_the_run_and_nothing_is_undone() -> None:
    """It is a mistake of the program, which goes on once it is mended."""
    undone: list[int] = []

    async def book() -> tuple[str, int]:
        return "Wait", 1

    async def unbook(seat: int) -> None:
        undone.append(seat)

    def workflow(answer: Any) -> Workflow:
        task = Answers(answer, consecutive_errors=5)
        return workflow_with(task, store).register_with_compensation(
            "Book", book, compensate=unbook
        )

    store = MemoryCheckpointStore()
    with pytest.raises(ConfigurationError, match=r"returned 'Done', neither Ready"):
        asyncio.run(workflow("Done").orchestrate("Book", workflow_id="r"))
    assert asyncio.run(workflow(READY).resume_from("r")) == "Done"
    assert undone == []


# Errors


def test_a_poll_fails_with_its_first_error_unless_it_says_otherwise(
    clock: VirtualTime,
) -> None:
    task = Answers(OSError("gone"), READY)

    with pytest.raises(TaskFailedError, match="gone") as caught:
        live(clock, task)
    assert isinstance(caught.value.__cause__, OSError)
    assert len(task.asked) == 1


def test_poll_error_budget_resets_on_pending_and_kills_on_burst(
    clock: VirtualTime,
) -> None:
    def errors(count: int) -> list[Exception]:
        return [OSError(f"error {n}") for n in range(1, count + 1)]

    policy = {"consecutive_errors": 2, "error_delay": 3.0}
    watcher = RecordingObserver()
    patient = Answers(*errors(2), Pending(1), *errors(2), READY, **policy)

    assert live(clock, patient, observers=[watcher]) == "Done"
    assert [moment - 1000 for moment in patient.asked] == [0, 3, 6, 7, 10, 13]
    assert [told[-1] for told in watcher.of("on_retry")] == [1, 2, 1, 2]

    burst = Answers(*errors(3), READY, **policy)
    with pytest.raises(RetryExhaustedError, match="error 3") as caught:
        live(clock, burst)
    assert list(map(str, caught.value.attempts)) == ["error 1", "error 2", "error 3"]
    assert len(burst.asked) == 3


def test_a_mistake_of_the_program_is_no_error_that_is_let_pass(
    clock: VirtualTime,
) -> None:
    task = Answers(ConfigurationError("wrong"), READY, consecutive_errors=5)

    with pytest.raises(ConfigurationError, match="wrong"):
        live(clock, task)
    assert len(task.asked) == 1


def test_a_store_that_fails_is_no_error_that_is_let_pass() -> None:
    """Neither the poll's own row, nor that of a call within it."""

    class Calls(PollTask):
        consecutive_errors = 5
        error_delay = 0.0

        async def poll(self, run: RunContext) -> Any:
            asked.append(run.attempt)
            try:
                await run.once("call", int)
            except CheckpointStoreError:
                raise OSError("made of it") from None
            return READY

    asked: list[int] = []
    for task in (Calls(), Answers(Pending(0), READY, consecutive_errors=5)):
        store = ScriptedStore(before=raising(OSError("disk full"), "append", 2))
        workflow = workflow_with(task, store)
        with pytest.raises(CheckpointStoreError, match="disk full"):
            asyncio.run(workflow.orchestrate("Wait", workflow_id="r"))
        assert store.calls.count("append") == 2
    assert asked == [1]


def test_every_poll_has_to_pass_the_limits_and_the_breaker(clock: VirtualTime) -> None:
    breaker = CircuitBreaker(failure_threshold=2, clock=clock)
    config = TaskConfig(
        retry=Retry.fixed(2, 0),
        circuit_breaker=breaker,
        limits=RateLimiter(1, per=5.0, clock=clock),
    )
    task = Answers(
        Pending(1),
        *[OSError("down")] * 3,
        READY,
        consecutive_errors=9,
        error_delay=1.0,
    )

    with pytest.raises(TaskFailedError) as caught:
        live(clock, task, config=config)
    assert isinstance(caught.value.__cause__, CircuitOpenError)
    assert [round(moment - 1000) for moment in task.asked] == [0, 5, 10]


# Time limits


def test_poll_eternal_pending_is_bounded_by_attempt_timeout(
    clock: VirtualTime,
) -> None:
    task = Answers(*[Pending(1)] * 99)

    with pytest.raises(TaskFailedError, match=r"attempt_timeout of 7\.5 s") as caught:
        live(clock, task, config=TaskConfig(retry=Retry.none(), attempt_timeout=7.5))
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert clock.now == pytest.approx(1007.5)


def test_a_poll_that_hangs_is_bounded_too_and_its_errors_do_not_count(
    clock: VirtualTime,
) -> None:
    class Hangs(PollTask):
        config = TaskConfig(retry=Retry.none(), attempt_timeout=7.5)
        consecutive_errors = 5

        async def poll(self) -> Any:
            if clock.now < 1002:
                return Pending(2)
            return await asyncio.Event().wait()

    with pytest.raises(TaskFailedError, match="attempt_timeout"):
        live(clock, Hangs())
    assert clock.now == pytest.approx(1007.5)


def test_a_timeout_of_the_poll_itself_is_an_error_as_any(clock: VirtualTime) -> None:
    task = Answers(TimeoutError("its own"), READY, consecutive_errors=1)

    config = TaskConfig(retry=Retry.none(), attempt_timeout=60)
    assert live(clock, task, config=config) == "Done"


def test_every_attempt_of_a_retry_policy_has_its_own_time(clock: VirtualTime) -> None:
    task = Answers(Pending(4), Pending(4), Pending(4), READY)
    config = TaskConfig(retry=Retry.fixed(1, 1.0), attempt_timeout=5.0)
    store = MemoryCheckpointStore()

    assert live(clock, task, store, config=config) == "Done"
    assert task.asked == pytest.approx([1000, 1004, 1006, 1010])


# The log


def test_the_first_delay_is_a_row_and_every_other_that_is_worth_it(
    clock: VirtualTime,
) -> None:
    task = Answers(
        Pending(0.25), Pending(0.5), Pending(1), Pending(0.75), Pending(2), Crash()
    )
    store = MemoryCheckpointStore()

    with pytest.raises(Crash):
        live(clock, task, store)
    assert waits(store) == [
        Wait(1000, 1000.25, True),
        Wait(1000, 1001.75, True),
        Wait(1000, 1004.5, True),
    ]


def test_a_resumed_poll_waits_the_rest_and_asks_then(clock: VirtualTime) -> None:
    store = ScriptedStore(after=raising(Crash(), "append", 2))
    with pytest.raises(Crash):
        live(clock, Answers(Pending(100)), store)

    clock.now += 30
    task = Answers(READY)
    assert live(clock, task, store.inner) == "Done"
    assert task.asked == pytest.approx([1100])


def test_a_resumed_poll_asks_at_once_if_its_time_came_meanwhile(
    clock: VirtualTime,
) -> None:
    store = ScriptedStore(after=raising(Crash(), "append", 2))
    with pytest.raises(Crash):
        live(clock, Answers(Pending(100)), store)

    clock.now += 5000
    task = Answers(READY)
    assert live(clock, task, store.inner) == "Done"
    assert task.asked == [6000]


def test_the_time_spent_waiting_survives_every_resume(clock: VirtualTime) -> None:
    store = MemoryCheckpointStore()
    config = TaskConfig(retry=Retry.none(), attempt_timeout=60)
    for _ in range(3):
        with pytest.raises(Crash):
            live(clock, Answers(Pending(8), Pending(8), Crash()), store, config=config)
    assert clock.now == 1048
    assert {wait.began for wait in waits(store)} == {1000}


def test_a_resumed_poll_is_bounded_by_the_time_since_its_recorded_beginning(
    clock: VirtualTime,
) -> None:
    store = MemoryCheckpointStore()
    config = TaskConfig(retry=Retry.none(), attempt_timeout=60)
    with pytest.raises(Crash):
        live(clock, Answers(Pending(8), Crash()), store, config=config)

    clock.now = 1040
    task = Answers(*[Pending(3)] * 50)
    with pytest.raises(TaskFailedError, match="attempt_timeout"):
        live(clock, task, store, config=config)
    assert clock.now == pytest.approx(1060)
    assert len(task.asked) == 7


@pytest.mark.parametrize("answer", [READY, Pending(1)])
@pytest.mark.parametrize("resumed", [1070, 9000])
def test_a_resumed_poll_whose_time_is_over_asks_once_more(
    clock: VirtualTime, answer: Any, resumed: float
) -> None:
    """What it waited for may have come while the process was away."""
    scripted = ScriptedStore(after=raising(Crash(), "append", 2))
    store = scripted.inner
    config = TaskConfig(retry=Retry.none(), attempt_timeout=60)
    with pytest.raises(Crash):
        live(clock, Answers(Pending(100)), scripted)

    clock.now = resumed
    task = Answers(answer, READY, takes=1.0)
    if answer is READY:
        assert live(clock, task, store, config=config) == "Done"
    else:
        with pytest.raises(TaskFailedError, match="attempt_timeout"):
            live(clock, task, store, config=config)
    assert task.asked == [resumed]


def test_a_clock_that_is_set_back_does_not_make_a_poll_oversleep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    virtual = VirtualTime()

    def wall() -> float:
        return virtual.now + 100_000 - (50_000 if virtual.now > 70 else 0)

    monkeypatch.setattr(time, "time", wall)
    task = Answers(Pending(200), READY)
    assert live(virtual, task) == "Done"
    assert virtual.now == pytest.approx(200)


def test_a_clock_that_is_set_back_between_two_lives_gives_no_more_time(
    clock: VirtualTime,
) -> None:
    store = MemoryCheckpointStore()
    config = TaskConfig(retry=Retry.none(), attempt_timeout=60)
    with pytest.raises(Crash):
        live(clock, Answers(Pending(0), Crash()), store, config=config)

    clock.now = 100
    with pytest.raises(TaskFailedError, match="attempt_timeout"):
        live(clock, Answers(*[Pending(7)] * 99), store, config=config)
    assert clock.now == pytest.approx(160)


def test_a_crash_at_any_row_of_a_poll_loses_nothing(clock: VirtualTime) -> None:
    """Each life goes on in its waiting, and asks the world, which has moved on."""
    asked: list[float] = []

    class Job(PollTask):
        async def poll(self, run: RunContext) -> Any:
            await run.once("submit", submit)
            asked.append(clock.now - begun)
            return Pending(10) if clock.now < begun + 30 else Ready("Done")

    def submit() -> int:
        submitted.append(1)
        return 1

    def start(store: Any) -> Any:
        workflow = workflow_with(Job(), store)
        return workflow.start_or_resume("Wait", workflow_id="r")

    def start_afresh(store: Any) -> Any:
        nonlocal begun
        begun = clock.now
        submitted.clear()
        asked.clear()
        return start(store)

    crashes = 0
    begun, submitted = 0.0, list[int]()
    for disk in every_crash(start_afresh, clock.run):
        crashes += 1
        assert clock.run(lambda disk=disk: start(disk)) == "Done"
        # Only where the call was made and not recorded it is made again.
        assert len(submitted) <= 2
        assert list(dict.fromkeys(asked)) == pytest.approx([0, 10, 20, 30])
    assert crashes == 2 * 5


def test_polls_in_one_visit_share_their_calls_and_not_their_data(
    clock: VirtualTime,
) -> None:
    """What a poll made of the data counts if it is the last one."""
    calls: list[str] = []

    class Job(PollTask):
        async def poll(self, run: RunContext, data: list[int]) -> Any:
            await run.once("0/submit", lambda: calls.append("submit"))
            data.append(len(seen))
            seen.append(list(data))
            return Pending(2) if len(seen) < 3 else Ready("Next")

    async def following(data: list[int]) -> str:
        seen.append(data)
        return "Done"

    seen: list[list[int]] = []
    workflow = Workflow(checkpoint_store=MemoryCheckpointStore(), data=list[int])
    workflow.register("Wait", Job()).register("Next", following).add_exit_state("Done")
    clock.run(lambda: workflow.orchestrate("Wait", workflow_id="r", data=[7]))
    assert seen == [[7, 0], [7, 1], [7, 2], [7, 2]]
    assert calls == ["submit"]


def test_a_poll_in_a_branch_has_rows_of_its_own_and_gives_any_value(
    clock: VirtualTime,
) -> None:
    class Job(PollTask):
        async def poll(self, run: RunContext) -> Ready[Order] | Pending:
            asked.append(clock.now)
            if clock.now < 1100:
                return Pending(100)
            return Ready(Order(run.idempotency_key))

    asked: list[float] = []
    scripted = ScriptedStore(after=raising(Crash(), "append", 2))
    with pytest.raises(Crash):
        clock.run(lambda: split_of(Job(), scripted))
    [row] = asyncio.run(scripted.inner.load_run("r"))[1:]
    assert row.task.endswith("[0]")

    result = clock.run(lambda: split_of(Job(), scripted.inner))
    assert result.values == (Order("r/Split/1/0"),)
    assert asked == pytest.approx([1000, 1100])


def test_a_log_of_another_kind_of_task_is_refused(clock: VirtualTime) -> None:
    store = MemoryCheckpointStore()
    entry = CheckpointRow(0, "Wait", "answers", RowKind.STATE_ENTRY)
    payload = Cursor("", 1, b"\x05").encode()
    cursor = CheckpointRow(1, "Wait", "answers", RowKind.STEP_CURSOR, payload)
    asyncio.run(store.append("r", entry, cursor))

    with pytest.raises(ConfigurationError, match="can't be read as a wait"):
        live(clock, Answers(READY), store)
