"""Stepped tasks: what a step is handed, how it is tried again, what it leaves."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from cano_core import (
    Cancellation,
    ConfigurationError,
    Done,
    Event,
    MemoryCheckpointStore,
    More,
    RecordingObserver,
    Retry,
    RetryExhaustedError,
    RowKind,
    RunCancelledError,
    RunContext,
    SteppedTask,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowTimeoutError,
)
from cano_core.progress import Cursor
from one_task import kinds, running, start_or_resume

ENTRY, CURSOR, MEMO = RowKind.STATE_ENTRY, RowKind.STEP_CURSOR, RowKind.MEMO


class Counting(SteppedTask):
    """Counts up to ``end``; fails as often as it is told to."""

    config = TaskConfig.minimal()

    def __init__(self, end: int, **failures: int) -> None:
        self.end = end
        self.failures = {int(key[1:]): count for key, count in failures.items()}
        self.calls: list[int | None] = []
        self.reached = defaultdict[int, asyncio.Event](asyncio.Event)

    async def step(self, cursor: int | None) -> More[int] | Done[Literal["Done"]]:
        self.calls.append(cursor)
        self.reached[len(self.calls)].set()
        at = cursor or 0
        if self.failures.get(at, 0):
            self.failures[at] -= 1
            raise ConnectionError("outage")
        return Done("Done") if at == self.end else More(at + 1)


def stepping(
    task: object, store: Any = None, config: TaskConfig | None = None, **options: Any
) -> Workflow:
    return (
        Workflow(checkpoint_store=store, **options)
        .register_stepped("Work", task, config=config)
        .add_exit_state("Done")
    )


def start(workflow: Workflow) -> object:
    return asyncio.run(workflow.orchestrate("Work"))


def cursors(store: MemoryCheckpointStore) -> list[Cursor]:
    return [
        Cursor.decode(row.payload)
        for row in asyncio.run(store.load_run("r"))
        if row.kind is CURSOR
    ]


@pytest.mark.parametrize("register", [stepping, running], ids=["stepped", "register"])
def test_each_step_is_handed_what_the_step_before_returned(
    register: Callable[[object], Workflow],
) -> None:
    task = Counting(3)
    assert start(register(task)) == "Done"
    assert task.calls == [None, 1, 2, 3]


def test_a_function_is_a_stepped_task() -> None:
    seen = []

    def step(cursor: int | None, factor: int) -> More[int] | Done[str]:
        seen.append(cursor)
        return Done("Done") if cursor == factor else More(factor)

    workflow = stepping(step, resources={"factor": 7})
    assert start(workflow) == "Done"
    assert seen == [None, 7]


def test_an_object_with_a_step_is_a_stepped_task_with_its_name_and_config() -> None:
    class Copier:
        name = "copier"
        config = TaskConfig(retry=Retry.fixed(1, 0))
        failed = False

        async def step(self, cursor: int | None) -> More[int] | Done[str]:
            if cursor is None:
                return More(1)
            if not self.failed:
                self.failed = True
                raise ConnectionError("outage")
            return Done("Done")

    watcher, store = RecordingObserver(), MemoryCheckpointStore()
    assert start_or_resume(stepping(Copier(), store, observers=[watcher])) == "Done"
    assert [e for e in watcher.events if e.hook == "on_retry"] == [
        Event("on_retry", ("r", "copier", 1))
    ]


def test_something_without_a_step_is_refused_when_it_is_registered() -> None:
    with pytest.raises(ConfigurationError, match="'step'"):
        stepping(object())


@pytest.mark.parametrize("declared", [More[int] | Done[str], Done[str], Done])
def test_a_step_that_is_registered_as_a_plain_task_is_told_the_way(
    declared: Any,
) -> None:
    async def step(cursor: int | None) -> Any:
        return Done("End")

    step.__annotations__["return"] = declared
    workflow = Workflow().register("Work", step).add_exit_state("End")
    with pytest.raises(ConfigurationError, match=r"with register_stepped\(\)"):
        start(workflow)

    workflow = Workflow().register_stepped("Work", step).add_exit_state("End")
    assert start(workflow) == "End"


def test_every_more_is_a_row_and_done_is_none() -> None:
    store = MemoryCheckpointStore()
    with pytest.raises(TaskFailedError):
        start_or_resume(stepping(Counting(3, s3=1), store))
    assert kinds(store) == [ENTRY, CURSOR, CURSOR, CURSOR]
    assert [(c.number, c.payload) for c in cursors(store)] == [
        (1, b"\x01"),
        (2, b"\x02"),
        (3, b"\x03"),
    ]


def test_a_step_that_fails_is_tried_again_with_the_same_cursor() -> None:
    task = Counting(5, s3=2)
    config = TaskConfig(retry=Retry.fixed(2, 0))
    assert start(stepping(task, None, config)) == "Done"
    assert task.calls == [None, 1, 2, 3, 3, 3, 4, 5]


def test_the_retry_budget_is_that_of_one_step() -> None:
    task = Counting(3, s1=1, s2=1, s3=2)
    with pytest.raises(RetryExhaustedError) as caught:
        start(stepping(task, None, TaskConfig(retry=Retry.fixed(1, 0))))
    assert task.calls == [None, 1, 1, 2, 2, 3, 3]
    assert len(caught.value.attempts) == 2


def test_a_resumed_run_goes_on_with_the_last_cursor() -> None:
    store, task = MemoryCheckpointStore(), Counting(6, s4=1)
    with pytest.raises(TaskFailedError):
        start_or_resume(stepping(task, store))
    assert task.calls == [None, 1, 2, 3, 4]
    task.calls.clear()
    assert start_or_resume(stepping(task, store)) == "Done"
    assert task.calls == [4, 5, 6]
    assert kinds(store) == []


def test_a_run_without_cursors_is_resumed_with_the_first_step() -> None:
    store, task = MemoryCheckpointStore(), Counting(2, s0=1)
    with pytest.raises(TaskFailedError):
        start_or_resume(stepping(task, store))
    assert start_or_resume(stepping(task, store)) == "Done"
    assert task.calls == [None, None, 1, 2]


def test_the_time_limit_is_that_of_one_step() -> None:
    ended = []

    async def step(cursor: int | None) -> More[int] | Done[str]:
        if cursor is None:
            return More(1)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(cursor)
        return Done("Done")

    with pytest.raises(TaskFailedError) as caught:
        start(
            stepping(step, None, TaskConfig(retry=Retry.none(), attempt_timeout=0.01))
        )
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert ended == [1]


@dataclass
class Page:
    number: int
    seen: list[str] = field(default_factory=list)


def test_a_cursor_is_read_back_as_the_step_declares_it_and_afresh() -> None:
    seen = []

    async def step(cursor: Page | None) -> Any:
        if cursor is None:
            return More(Page(1))
        seen.append(Page(cursor.number, list(cursor.seen)))
        cursor.seen.append("by a failed attempt")
        if len(seen) == 1:
            raise ConnectionError("outage")
        return Done("Done")

    config = TaskConfig(retry=Retry.fixed(1, 0))
    assert start(stepping(step, None, config)) == "Done"
    assert seen == [Page(1), Page(1)]


def test_a_cursor_may_be_declared_by_more_alone() -> None:
    async def step(cursor: Any) -> More[Page] | Done[str]:
        return More(Page(1)) if cursor is None else Done(type(cursor).__name__)

    workflow = stepping(step).add_exit_state("Page")
    assert start(workflow) == "Page"


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("Done", "neither More"),
        (More("one"), "the cursor of step"),
        (More(object()), "the cursor of step"),
    ],
)
def test_what_can_not_be_recorded_stops_the_run_and_is_not_tried_again(
    returned: object, message: str
) -> None:
    store, calls = MemoryCheckpointStore(), 0

    async def step(cursor: int | None) -> Any:
        nonlocal calls
        calls += 1
        return returned

    with pytest.raises(ConfigurationError, match=message):
        start_or_resume(stepping(step, store, TaskConfig(retry=Retry.fixed(2, 0))))
    assert calls == 1
    assert kinds(store) == [ENTRY]


def test_a_cursor_that_can_not_be_read_any_more_stops_the_run() -> None:
    store = MemoryCheckpointStore()
    with pytest.raises(TaskFailedError):
        start_or_resume(stepping(Counting(3, s2=1), store))

    async def step(cursor: Page | None) -> Any:
        return Done("Done")

    with pytest.raises(ConfigurationError, match="can't be read"):
        start_or_resume(stepping(step, store))


def test_the_states_of_done_are_the_transitions() -> None:
    assert stepping(Counting(1)).graph.kinds["Work"] == "stepped"
    assert running(Counting(1)).graph.kinds["Work"] == "stepped"
    assert stepping(Counting(1)).graph.transitions["Work"] == frozenset({"Done"})

    async def step(cursor: int | None) -> More[int] | Done[Literal["Done", "Lost"]]:
        return Done("Done")

    with pytest.raises(ConfigurationError, match="Lost"):
        stepping(step).validate()


@dataclass
class Tally:
    total: int = 0


class Adding(SteppedTask):
    """Adds its cursor to the data, and fails once at ``fails``."""

    config = TaskConfig.minimal()

    def __init__(self, fails: int | None = None) -> None:
        self.fails = fails

    async def step(self, cursor: int | None, tally: Tally) -> More[int] | Done[str]:
        at = cursor or 0
        tally.total += at
        if at == self.fails:
            self.fails = None
            raise ConnectionError("outage")
        return Done("Check") if at == 4 else More(at + 1)


@pytest.mark.parametrize("fails", [None, 0, 2, 4])
@pytest.mark.parametrize("durable", [True, False])
def test_what_a_step_makes_of_the_data_is_kept_with_its_cursor(
    fails: int | None, durable: bool
) -> None:
    store = MemoryCheckpointStore() if durable else None
    totals = []

    async def check(tally: Tally) -> str:
        totals.append(tally.total)
        return "Done"

    retry = TaskConfig(retry=Retry.fixed(0 if durable else 1, 0))
    workflow = (
        Workflow(checkpoint_store=store, data=Tally)
        .register_stepped("Work", Adding(fails), config=retry)
        .register("Check", check)
        .add_exit_state("Done")
    )

    async def run() -> object:
        if durable:
            return await workflow.start_or_resume("Work", workflow_id="r", data=Tally())
        return await workflow.orchestrate("Work", data=Tally())

    if durable and fails is not None:
        with pytest.raises(TaskFailedError):
            asyncio.run(run())
    assert asyncio.run(run()) == "Done"
    assert totals == [10]


def test_a_step_that_leaves_the_data_alone_does_not_store_it_again() -> None:
    store = MemoryCheckpointStore()

    async def step(cursor: int | None, tally: Tally) -> Any:
        if cursor == 2:
            raise ConnectionError("outage")
        if cursor == 1:
            tally.total = 5
        return More((cursor or 0) + 1)

    workflow = stepping(step, store, TaskConfig.minimal(), data=Tally)
    with pytest.raises(TaskFailedError):
        asyncio.run(workflow.orchestrate("Work", workflow_id="r", data=Tally()))
    assert [c.data is None for c in cursors(store)] == [True, False]


def test_each_step_has_its_own_calls_and_its_own_idempotency_key() -> None:
    store = MemoryCheckpointStore()
    keys, charged = [], []
    fail = True

    def charge(cursor: int) -> int:
        charged.append(cursor)
        return cursor

    async def step(cursor: int | None, run: RunContext) -> Any:
        nonlocal fail
        keys.append(run.idempotency_key)
        at = cursor or 0
        await run.once("charge", charge, at)
        if at == 1 and fail:
            fail = False
            raise ConnectionError("outage")
        return Done("Done") if at == 2 else More(at + 1)

    with pytest.raises(TaskFailedError):
        start_or_resume(stepping(step, store, TaskConfig.minimal()))
    assert kinds(store) == [ENTRY, MEMO, CURSOR, MEMO]
    assert start_or_resume(stepping(step, store)) == "Done"
    assert charged == [0, 1, 2]
    assert keys == ["r/Work/1/0", "r/Work/1/1", "r/Work/1/1", "r/Work/1/2"]


@pytest.mark.parametrize("crash_in", [None, 1, 2, 3])
def test_a_visit_that_comes_back_begins_without_a_cursor(crash_in: int | None) -> None:
    store = MemoryCheckpointStore()
    calls: list[tuple[int, int | None]] = []
    left = {crash_in}

    async def step(cursor: int | None, run: RunContext) -> Any:
        calls.append((run.visit, cursor))
        if cursor == 2 and run.visit in left:
            left.clear()
            raise ConnectionError("outage")
        return Done("Again" if run.visit < 3 else "Done") if cursor == 2 else More(2)

    async def again() -> str:
        return "Work"

    workflow = stepping(step, store, TaskConfig.minimal()).register("Again", again)
    if crash_in is not None:
        with pytest.raises(TaskFailedError):
            start_or_resume(workflow)
    assert start_or_resume(workflow) == "Done"
    once = [(1, None), (1, 2), (2, None), (2, 2), (3, None), (3, 2)]
    if crash_in is not None:
        once.insert(2 * crash_in, (crash_in, 2))
    assert calls == once


@pytest.mark.parametrize("durable", [True, False])
def test_a_cancelled_run_stops_between_steps_that_never_wait(durable: bool) -> None:
    store = MemoryCheckpointStore() if durable else None
    cancel, calls = Cancellation(), []

    async def step(cursor: int | None) -> More[int] | Done[str]:
        calls.append(cursor)
        if cursor == 3:
            cancel.cancel()
        return More((cursor or 0) + 1)

    async def run() -> object:
        return await stepping(step, store).orchestrate(
            "Work", workflow_id="r", cancel=cancel
        )

    with pytest.raises(RunCancelledError):
        asyncio.run(run())
    assert len(calls) in (4, 5)
    if store is not None:
        # What was recorded is counted: the next run goes on there.
        assert cursors(store)[-1].payload == bytes([len(calls)])


def test_the_time_of_a_run_ends_it_between_steps_that_never_wait() -> None:
    async def step(cursor: int | None) -> More[int]:
        return More((cursor or 0) + 1)

    with pytest.raises(WorkflowTimeoutError):
        start(stepping(step, total_timeout=0.01))


def test_a_cancelled_asyncio_task_leaves_the_run_resumable() -> None:
    store, task = MemoryCheckpointStore(), Counting(50)

    async def run() -> None:
        going = asyncio.create_task(
            stepping(task, store).orchestrate("Work", workflow_id="r")
        )
        await task.reached[10].wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

    asyncio.run(run())
    reached = cursors(store)[-1].payload[0]
    task.calls.clear()
    assert start_or_resume(stepping(task, store)) == "Done"
    assert task.calls == list(range(reached, 51))
