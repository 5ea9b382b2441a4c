"""Streams that are stopped from outside: what they still do, and what is left."""

import asyncio
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CheckpointStoreError,
    CloseReason,
    Count,
    Every,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    RolledBackError,
    RowKind,
    RunCancelledError,
    RunContext,
    TaskConfig,
    Workflow,
    WorkflowTimeoutError,
)
from crashes import Crash
from one_task import kinds, start_or_resume
from streams import Numbers, cursors, streaming

CANCELLED, EXHAUSTED = CloseReason.CANCELLED, CloseReason.EXHAUSTED


def cancelled_in(
    item: int,
    task: Numbers,
    workflow: Workflow,
    error: type[Exception] = RunCancelledError,
    *,
    rollback: bool = False,
) -> Exception:
    """Run, and cancel while an item is under way; return what the run raised."""

    async def run() -> Exception:
        task.held[item] = asyncio.Event()
        cancel = Cancellation()
        going = asyncio.create_task(
            workflow.orchestrate("Work", workflow_id="r", cancel=cancel)
        )
        await task.reached[item].wait()
        cancel.cancel(rollback=rollback)
        await asyncio.sleep(0)
        task.held.pop(item).set()
        with pytest.raises(error) as caught:
            await going
        return caught.value

    return asyncio.run(run())


def causes(error: BaseException | None) -> list[str]:
    """What an error, its cause, the cause of that, and so on, say."""
    found = []
    while error is not None:
        found.append(str(error))
        error = error.__cause__
    return found


def test_a_cancelled_stream_flushes_what_it_has_and_leaves_its_cursor() -> None:
    store, task, watcher = MemoryCheckpointStore(), Numbers(12), RecordingObserver()
    task.window = Count(5)
    task.stop_at = 7
    workflow = streaming(task, store, observers=[watcher])
    cancelled_in(7, task, workflow)
    assert task.windows == [[1, 2, 3, 4, 5], [6, 7]]
    assert task.reasons == [CANCELLED]
    assert task.closed == 1
    assert cursors(store) == [5, 7]
    assert [e.hook for e in watcher.events].count("on_cancelled") == 1
    task.stop_at = 0
    assert start_or_resume(workflow) == "Done"
    assert task.opened == [None, 7]
    assert task.flushed == list(range(1, 13))
    assert task.processed == list(range(1, 13))
    assert task.reasons == [CANCELLED, EXHAUSTED]


@pytest.mark.parametrize("window", [Count(3), Every(5)])
def test_a_stream_is_cancelled_while_it_waits_for_an_item(window: Any) -> None:
    store, task = MemoryCheckpointStore(), Numbers(9, window=window)
    task.waits_after = {4}
    cancel = Cancellation()

    async def run() -> None:
        going = asyncio.create_task(
            streaming(task, store).orchestrate("Work", workflow_id="r", cancel=cancel)
        )
        await task.reached[4].wait()
        cancel.cancel()
        with pytest.raises(RunCancelledError):
            await going

    asyncio.run(run())
    assert task.flushed == [1, 2, 3, 4]
    assert cursors(store)[-1] == 4
    assert task.reasons == [CANCELLED]
    assert task.closed == 1


def test_the_time_of_a_run_ends_a_stream_as_a_cancellation_does() -> None:
    store, task, watcher = MemoryCheckpointStore(), Numbers(9), RecordingObserver()
    task.waits_after = {4}
    workflow = streaming(task, store, total_timeout=0.15, observers=[watcher])
    with pytest.raises(WorkflowTimeoutError):
        start_or_resume(workflow)
    assert task.windows == [[1, 2, 3], [4]]
    assert task.reasons == [CANCELLED]
    assert cursors(store) == [3, 4]
    assert [e.hook for e in watcher.events].count("on_workflow_timeout") == 1


def test_a_stream_that_is_cancelled_before_it_opens_is_not_closed() -> None:
    task: Any = Numbers(9)
    cancel = Cancellation()

    async def opening(cursor: int | None) -> Any:
        cancel.cancel()
        await asyncio.Event().wait()

    task.open = opening
    with pytest.raises(RunCancelledError):
        asyncio.run(streaming(task).orchestrate("Work", cancel=cancel))
    assert task.reasons == []


def test_a_window_that_can_not_be_flushed_in_the_end_has_no_cursor() -> None:
    store, task = MemoryCheckpointStore(), Numbers(9)
    task.flush_failures = 1
    error = cancelled_in(2, task, streaming(task, store))
    assert "flush" in causes(error)
    assert task.reasons == [CANCELLED]
    assert cursors(store) == []
    assert task.closed == 1


def test_the_error_of_on_close_is_the_cause_of_what_a_cancelled_run_raises() -> None:
    store, task = MemoryCheckpointStore(), Numbers(9)
    task.close_failures = 1
    error = cancelled_in(2, task, streaming(task, store))
    assert "close" in causes(error)
    assert cursors(store) == [2]


def test_an_item_that_fails_while_the_run_has_to_stop_comes_again() -> None:
    store, task = MemoryCheckpointStore(), Numbers(4)
    task.failures[2] = 1
    config = TaskConfig(retry=Retry.fixed(3, 0))
    cancelled_in(2, task, streaming(task, store, config))
    assert task.windows == [[1]]
    assert cursors(store) == [1]
    assert start_or_resume(streaming(task, store)) == "Done"
    assert task.windows == [[1], [2, 3, 4]]


@pytest.mark.parametrize("window", [Count(3), Every(5)])
def test_a_cancelled_asyncio_task_leaves_a_stream_as_it_is(window: Any) -> None:
    store, task = MemoryCheckpointStore(), Numbers(9, window=window)
    task.waits_after = {5}

    async def run() -> None:
        going = asyncio.create_task(
            streaming(task, store).orchestrate("Work", workflow_id="r")
        )
        await task.reached[5].wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

    asyncio.run(run())
    assert task.reasons == []
    assert task.closed == 1
    assert cursors(store) == ([3] if window == Count(3) else [])


def test_the_error_of_the_flush_comes_before_that_of_on_close() -> None:
    store, task = MemoryCheckpointStore(), Numbers(9)
    task.flush_failures = task.close_failures = 1
    error = cancelled_in(2, task, streaming(task, store))
    assert "flush" in causes(error)
    assert task.reasons == [CANCELLED]


def test_a_cancelled_stream_whose_store_fails_is_not_closed() -> None:
    class Failing(MemoryCheckpointStore):
        async def append(self, workflow_id: str, *rows: Any) -> None:
            if rows[0].kind is RowKind.STEP_CURSOR:
                raise OSError("disk full")
            await super().append(workflow_id, *rows)

    store, task = Failing(), Numbers(9)
    cancelled_in(2, task, streaming(task, store), CheckpointStoreError)
    assert task.windows == [[1, 2]]
    assert task.reasons == []


@pytest.mark.parametrize("rollback", [False, True])
def test_a_cancelled_stream_after_a_saga_step_is_undone_only_if_asked(
    rollback: bool,
) -> None:
    store, task = MemoryCheckpointStore(), Numbers(6)
    undone = []

    async def reserve() -> tuple[str, int]:
        return "Stream", 7

    async def release(output: int) -> None:
        undone.append(output)

    workflow = (
        Workflow(checkpoint_store=store)
        .register_with_compensation("Work", reserve, compensate=release)
        .register_stream("Stream", task)
        .add_exit_states("Done", "Stopped")
    )
    cancelled_in(4, task, workflow, rollback=rollback)
    assert task.windows == [[1, 2, 3], [4]]
    if rollback:
        assert undone == [7]
        with pytest.raises(RolledBackError):
            start_or_resume(workflow)
    else:
        assert undone == []
        assert RowKind.STEP_CURSOR in kinds(store)
        assert start_or_resume(workflow) == "Done"
        assert task.flushed == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("at", range(1, 6))
def test_a_store_that_fails_stops_a_stream_without_closing_it(at: int) -> None:
    class Failing(MemoryCheckpointStore):
        appends = 0

        async def append(self, workflow_id: str, *rows: Any) -> None:
            self.appends += 1
            if self.appends == at:
                raise OSError("disk full")
            await super().append(workflow_id, *rows)

    store, task = Failing(), Numbers(9)

    async def run() -> object:
        return await streaming(task, store).start_or_resume("Work", workflow_id="r")

    if at <= 4:
        with pytest.raises(Exception, match="disk full"):
            asyncio.run(run())
        assert task.reasons == []
    assert asyncio.run(run()) == "Done"
    assert sorted(set(task.flushed)) == list(range(1, 10))


def test_an_item_that_comes_in_another_window_than_before_makes_no_call_again() -> None:
    """A window is filled, lost in a crash, and stopped at its first item after it."""
    store = MemoryCheckpointStore()
    charged: list[tuple[int, str]] = []
    lives: list[Cancellation] = []

    class Charging(Numbers):
        async def process_item(self, item: int, run: RunContext) -> int:
            def charge() -> None:
                charged.append((item, run.idempotency_key))

            await run.once("charge", charge)
            if len(lives) == 1 and item == 3:
                raise Crash
            if len(lives) == 2:
                lives[-1].cancel()
            return item

    def live() -> object:
        lives.append(Cancellation())
        workflow = streaming(Charging(4, window=Count(9)), store)
        return asyncio.run(
            workflow.start_or_resume("Work", workflow_id="r", cancel=lives[-1])
        )

    with pytest.raises(Crash):
        live()
    with pytest.raises(RunCancelledError):
        live()
    assert cursors(store) == [1]
    assert live() == "Done"
    assert charged == [(each, f"r/Work/1/{each - 1}") for each in (1, 2, 3, 4)]
