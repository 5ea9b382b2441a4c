"""What may happen to the row of a call, and what the run does about it."""

import asyncio
import gc

import pytest

from cano_core import (
    CheckpointStoreError,
    ConfigurationError,
    MemoryCheckpointStore,
    Retry,
    RowKind,
    RunConflictError,
    RunContext,
    TaskConfig,
    Workflow,
    WorkflowObserver,
)
from one_task import ONCE_MORE, kinds, running, start_or_resume
from scripted_store import ScriptedStore, raising

SWALLOWED = [
    (OSError("disk"), CheckpointStoreError),
    (RunConflictError("r", 1), RunConflictError),
    (CheckpointStoreError("full"), CheckpointStoreError),
    (asyncio.CancelledError(), CheckpointStoreError),
    (ExceptionGroup("many", [OSError("disk")]), CheckpointStoreError),
]


@pytest.mark.parametrize(("error", "raised"), SWALLOWED, ids=repr)
@pytest.mark.parametrize("acknowledged", ["before", "after"])
@pytest.mark.parametrize("then", ["returns", "raises"])
def test_a_store_error_inside_once_stops_the_run_whatever_the_task_does(
    error: BaseException,
    raised: type[BaseException],
    acknowledged: str,
    then: str,
) -> None:
    store = ScriptedStore()
    setattr(store, acknowledged, raising(error, "append", 2))
    attempts: list[int] = []
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        attempts.append(run.attempt)
        try:
            await run.once("call", lambda: calls.append(1))
        except BaseException:
            if then == "raises":
                raise RuntimeError("something else") from None
        with pytest.raises(raised):
            await run.once("another", lambda: calls.append(2))
        return "Done"

    with pytest.raises(raised) as caught:
        start_or_resume(running(work, store, ONCE_MORE))

    assert attempts == [1]
    assert calls == [1]
    assert store.calls.count("append") == 2
    assert "finish" not in store.calls
    if isinstance(error, OSError):
        assert caught.value.__cause__ is error
    assert caught.value.__cause__ is not caught.value


def test_calls_side_by_side_write_nothing_after_the_first_store_error() -> None:
    store = ScriptedStore(before=raising(OSError("disk"), "append", 2))

    async def work(run: RunContext) -> str:
        await asyncio.gather(
            *[run.once(f"call {n}", lambda: 1) for n in range(3)],
            return_exceptions=True,
        )
        return "Done"

    with pytest.raises(CheckpointStoreError, match="OSError: disk"):
        start_or_resume(running(work, store))
    assert store.calls.count("append") == 2


def test_an_end_of_the_world_inside_once_stops_the_run_even_if_swallowed() -> None:
    class Crash(BaseException):
        pass

    store = ScriptedStore(before=raising(Crash(), "append", 2))

    async def work(run: RunContext) -> str:
        with pytest.raises(Crash):
            await run.once("call", lambda: 1)
        return "Done"

    with pytest.raises(Crash):
        start_or_resume(running(work, store, ONCE_MORE))
    assert store.calls == ["load_run", "outcome", "append", "append"]


@pytest.mark.parametrize("inside", ["the store", "the task"])
def test_a_cancelled_once_is_recorded_all_the_same(inside: str) -> None:
    """asyncio.wait_for around it, then the task goes on, and so does the run."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(operation: str, n: int) -> None:
        if (operation, n) == ("append", 2):
            reached.set()
            await go_on.wait()

    store = ScriptedStore(**{"before" if inside == "the task" else "after": slow})
    charges: list[int] = []
    seen: list[int] = []

    async def work(run: RunContext) -> str:
        call = asyncio.create_task(run.once("charge", lambda: charges.append(1) or 7))
        if run.attempt == 1:
            await reached.wait()
            call.cancel()
            asyncio.get_running_loop().call_soon(call.cancel)
            asyncio.get_running_loop().call_later(0, go_on.set)
            with pytest.raises(asyncio.CancelledError):
                await call
            raise TimeoutError("the charge took too long")
        seen.append(await call)
        return "Done"

    assert start_or_resume(running(work, store, ONCE_MORE)) == "Done"

    assert charges == [1]
    assert seen == [7]


def test_an_attempt_that_times_out_inside_once_is_recorded_all_the_same() -> None:
    go_on = asyncio.Event()

    async def slow(operation: str, n: int) -> None:
        if (operation, n) == ("append", 2):
            await go_on.wait()

    store = ScriptedStore(before=slow)
    charges: list[int] = []

    async def work(run: RunContext) -> str:
        asyncio.get_running_loop().call_later(0.03, go_on.set)
        await run.once("charge", lambda: charges.append(1))
        return "Done"

    config = TaskConfig(retry=Retry.fixed(1, 0), attempt_timeout=0.01)
    assert start_or_resume(running(work, store, config)) == "Done"

    assert charges == [1]


def test_a_cancelled_once_whose_row_failed_stops_the_run_and_nothing_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def failing(operation: str, n: int) -> None:
        if (operation, n) == ("append", 2):
            reached.set()
            await go_on.wait()
            raise OSError("disk")

    async def work(run: RunContext) -> str:
        call = asyncio.create_task(run.once("charge", lambda: 7))
        await reached.wait()
        call.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await call
        del call
        gc.collect()
        return "Done"

    with pytest.raises(CheckpointStoreError, match="OSError: disk"):
        start_or_resume(running(work, ScriptedStore(before=failing)))
    gc.collect()
    assert caplog.records == []


def test_a_row_that_is_being_written_is_waited_for() -> None:
    """A call that the task did not await; the next state's row comes after its own."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    class Watcher(WorkflowObserver):
        def on_state_enter(self, workflow_id: str | None, state: str) -> None:
            if state == "Next":
                asyncio.get_running_loop().call_soon(go_on.set)

    async def slow(operation: str, n: int) -> None:
        if (operation, n) == ("append", 2):
            reached.set()
            await go_on.wait()

    store = ScriptedStore(before=slow)
    left: list[asyncio.Task[int]] = []

    async def work(run: RunContext) -> str:
        left.append(asyncio.create_task(run.once("call", lambda: 1)))
        await reached.wait()
        return "Next"

    async def following() -> str:
        assert await left[0] == 1
        raise KeyboardInterrupt

    workflow = Workflow(checkpoint_store=store, observers=[Watcher()])
    workflow.register("Work", work).register("Next", following).add_exit_state("Done")
    with pytest.raises(KeyboardInterrupt):
        start_or_resume(workflow)

    assert kinds(store.inner) == [
        RowKind.STATE_ENTRY,
        RowKind.MEMO,
        RowKind.STATE_ENTRY,
    ]


def test_a_call_left_behind_by_an_attempt_spoils_no_log() -> None:
    """It comes back while the next attempt makes the same call."""
    store = MemoryCheckpointStore()
    left: list[asyncio.Task[int]] = []
    seen: list[int] = []
    go_on = asyncio.Event()

    async def charge(number: int) -> int:
        await go_on.wait()
        return number

    async def work(run: RunContext) -> str:
        call = asyncio.create_task(run.once("charge", charge, run.attempt))
        await asyncio.sleep(0)
        if run.attempt == 1:
            left.append(call)
            raise RuntimeError("could not wait")
        go_on.set()
        seen.extend([await call, await left[0]])
        raise KeyboardInterrupt

    workflow = running(work, store, ONCE_MORE)
    with pytest.raises(KeyboardInterrupt):
        start_or_resume(workflow)

    assert kinds(store) == [RowKind.STATE_ENTRY, RowKind.MEMO]
    assert seen == [1, 1]


def test_a_call_left_behind_by_a_state_spoils_no_log() -> None:
    store = MemoryCheckpointStore()
    left: list[asyncio.Task[int]] = []
    go_on = asyncio.Event()

    async def charge() -> int:
        await go_on.wait()
        return 1

    async def work(run: RunContext) -> str:
        left.append(asyncio.create_task(run.once("charge", charge)))
        await asyncio.sleep(0)
        return "Next"

    async def following(run: RunContext) -> str:
        go_on.set()
        with pytest.raises(ConfigurationError, match="after the run had left it"):
            await left[0]
        raise KeyboardInterrupt

    workflow = running(work, store).register("Next", following)
    with pytest.raises(KeyboardInterrupt):
        start_or_resume(workflow)
    assert kinds(store) == [RowKind.STATE_ENTRY] * 2
    status = asyncio.run(workflow.status("r"))
    assert status.state == "Next"
