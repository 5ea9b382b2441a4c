"""Stepped tasks and streams among other kinds of states."""

import asyncio
from typing import Any

import pytest

from cano_core import (
    BatchTask,
    Cancellation,
    CloseReason,
    Count,
    Done,
    ItemDone,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    More,
    PollTask,
    Ready,
    RowKind,
    RunCancelledError,
    RunContext,
    SplitResult,
    SteppedTask,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from cano_core.progress import Cursor
from one_task import start_or_resume
from streams import Numbers, cursors

ALL = JoinConfig(JoinStrategy.ALL, "Joined")


def test_a_resumed_pipeline_enters_only_the_state_that_failed() -> None:
    store, numbers = MemoryCheckpointStore(), Numbers(6, window=Count(2))
    numbers.failures[5] = 1
    calls: list[object] = []

    class Waiting(PollTask):
        async def poll(self) -> Ready[str]:
            calls.append("poll")
            return Ready("Batch")

    class Adding(BatchTask):
        async def load(self) -> list[int]:
            calls.append("load")
            return [10, 20]

        async def process_item(self, item: int) -> int:
            return item

        async def finish(self, results: list[Any]) -> str:
            calls.append(sum(r.value for r in results if isinstance(r, ItemDone)))
            return "Stream"

    workflow = (
        Workflow(checkpoint_store=store)
        .register("Work", Waiting())
        .register("Batch", Adding())
        .register_stream("Stream", numbers)
        .add_exit_states("Done", "Stopped")
    )
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    assert numbers.windows == [[1, 2], [3, 4]]
    assert start_or_resume(workflow) == "Done"
    assert calls == ["poll", "load", 30]
    assert numbers.opened == [None, 4]
    assert numbers.windows == [[1, 2], [3, 4], [5, 6]]
    assert asyncio.run(store.load_run("r")) == []


class Climbing(SteppedTask):
    """Climbs to three, once failing at two; its value says which branch it was."""

    config = TaskConfig.minimal()

    def __init__(self, value: int, fails: bool) -> None:
        self.value = value
        self.fails = fails
        self.seen: list[tuple[int | None, str]] = []

    async def step(self, cursor: int | None, run: RunContext) -> More[int] | Done[int]:
        self.seen.append((cursor, run.idempotency_key))
        await run.once("climb", lambda: self.value)
        if cursor == 2 and self.fails:
            self.fails = False
            raise ConnectionError("outage")
        return Done(self.value) if cursor == 3 else More((cursor or 0) + 1)


def test_a_stepped_branch_goes_on_with_its_own_cursor() -> None:
    store = MemoryCheckpointStore()
    climbers = [Climbing(7, fails=False), Climbing(8, fails=True)]
    joined = []

    async def join(result: SplitResult) -> str:
        joined.append(tuple(result.values))
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store)
        .register_split("Work", climbers, ALL)
        .register("Joined", join)
        .add_exit_state("Done")
    )
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    rows = asyncio.run(store.load_run("r"))
    last = {
        row.task: Cursor.decode(row.payload)
        for row in rows
        if row.kind is RowKind.STEP_CURSOR
    }
    assert last["[1]"].payload == b"\x02"
    climbers[1].seen.clear()
    assert start_or_resume(workflow) == "Done"
    assert climbers[1].seen == [(2, "r/Work/1/1/2"), (3, "r/Work/1/1/3")]
    assert joined == [(7, 8)]


def test_streams_in_branches_are_cancelled_in_their_own_way() -> None:
    store, tasks = MemoryCheckpointStore(), [Numbers(9), Numbers(9)]
    cancel = Cancellation()

    async def join(result: SplitResult) -> str:
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store)
        .register_split("Work", tasks, ALL)
        .register("Joined", join)
        .add_exit_state("Done")
    )

    async def run() -> None:
        for task in tasks:
            task.waits_after = {4}
        going = asyncio.create_task(
            workflow.orchestrate("Work", workflow_id="r", cancel=cancel)
        )
        for task in tasks:
            await task.reached[4].wait()
        cancel.cancel()
        with pytest.raises(RunCancelledError):
            await going

    asyncio.run(run())
    for task in tasks:
        task.waits_after = set()
        assert task.windows == [[1, 2, 3], [4]]
        assert task.reasons == [CloseReason.CANCELLED]
    assert sorted(cursors(store)) == [3, 3, 4, 4]
    assert start_or_resume(workflow) == "Done"
    for task in tasks:
        assert task.flushed == list(range(1, 10))
