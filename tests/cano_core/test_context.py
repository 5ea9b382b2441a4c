"""What a task knows of its run: keys, visits, attempts, and calls made only once."""

import asyncio
import contextlib
import gc
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from cano_core import (
    CheckpointStoreError,
    ConfigurationError,
    MemoryCheckpointStore,
    Retry,
    RowKind,
    RunConflictError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowObserver,
)
from scripted_store import ScriptedStore, raising

ONCE_MORE = TaskConfig(retry=Retry.fixed(1, 0))


def running(
    task: object, store: Any = None, config: TaskConfig | None = None
) -> Workflow:
    return (
        Workflow(checkpoint_store=store)
        .register("Work", task, config=config or TaskConfig.minimal())
        .add_exit_state("Done")
    )


def start_or_resume(workflow: Workflow) -> object:
    return asyncio.run(workflow.start_or_resume("Work", workflow_id="r"))


def kinds(store: MemoryCheckpointStore) -> list[RowKind]:
    return [row.kind for row in asyncio.run(store.load_run("r"))]


# Keys, visits, attempts, resumes


def test_the_key_is_that_of_the_visit_over_retries_and_resumes() -> None:
    store = MemoryCheckpointStore()
    seen: list[tuple[str, int, int]] = []

    async def work(run: RunContext) -> str:
        assert (run.state, run.label, run.workflow_id) == ("Work", "Work", "r")
        seen.append((run.idempotency_key, run.attempt, run.resumes))
        if len(seen) < 5:
            raise RuntimeError("again")
        return "Work" if run.visit == 1 else "Done"

    workflow = running(work, store, ONCE_MORE)
    for _ in range(2):
        with pytest.raises(TaskFailedError):
            start_or_resume(workflow)
    assert start_or_resume(workflow) == "Done"

    assert seen == [
        ("r/Work/1", 1, 0),
        ("r/Work/1", 2, 0),
        ("r/Work/1", 1, 1),
        ("r/Work/1", 2, 1),
        ("r/Work/1", 1, 2),
        ("r/Work/2", 1, 0),
    ]


def test_the_key_does_not_drift_with_resumes_of_other_visits() -> None:
    store = MemoryCheckpointStore()
    seen: list[tuple[str, int]] = []
    crashes = iter([True, True, False, True, False, False])

    async def work(run: RunContext) -> str:
        seen.append((run.idempotency_key, run.resumes))
        if next(crashes):
            raise RuntimeError("again")
        return "Work" if run.visit < 3 else "Done"

    workflow = running(work, store)
    for _ in range(3):
        with pytest.raises(TaskFailedError):
            start_or_resume(workflow)
    start_or_resume(workflow)

    assert seen == [
        ("r/Work/1", 0),
        ("r/Work/1", 1),
        ("r/Work/1", 2),
        ("r/Work/2", 0),
        ("r/Work/2", 1),
        ("r/Work/3", 0),
    ]


def test_keys_of_different_states_never_collide() -> None:
    keys: list[str] = []

    async def look(run: RunContext) -> str:
        keys.append(run.idempotency_key)
        return {"a": "a/1", "a/1": "a%2F1", "a%2F1": "Done"}[run.label]

    workflow = Workflow()
    for state in ("a", "a/1", "a%2F1"):
        workflow.register(state, look)
    workflow.add_exit_state("Done")
    asyncio.run(workflow.orchestrate("a", workflow_id="r"))

    assert keys == ["r/a/1", "r/a%2F1/1", "r/a%252F1/1"]


# once


@dataclass
class Receipt:
    amount: Decimal
    at: datetime


class Model(BaseModel):
    number: int


RECEIPT = Receipt(Decimal("1.50"), datetime(2024, 2, 29, tzinfo=UTC))


async def a_receipt(amount: str, *, at: datetime) -> Receipt:
    return Receipt(Decimal(amount), at)


def a_model() -> Model:
    return Model(number=3)


def a_set() -> set[int]:
    return {1, 2}


def nothing() -> None:
    return None


def an_id() -> uuid.UUID:
    return uuid.UUID(int=7)


def maybe() -> Receipt | None:
    return RECEIPT


def later() -> Awaitable[Receipt]:
    return a_receipt("1.50", at=RECEIPT.at)


T = TypeVar("T")


def same(value: T) -> T:
    return value


CALLS: list[tuple[Callable[..., Any], Any]] = [
    (partial(a_receipt, "1.50", at=RECEIPT.at), RECEIPT),
    (a_model, Model(number=3)),
    (a_set, {1, 2}),
    (nothing, None),
    (an_id, uuid.UUID(int=7)),
    (maybe, RECEIPT),
    (later, RECEIPT),
    (partial(same, [1, "two", None, 3.5, {"four": True}, b"5"]), None),
    (lambda: {"plain": [1, 2]}, {"plain": [1, 2]}),
    (partial(Model, number=3), Model(number=3)),
    (partial(int, "5"), 5),
]


@pytest.mark.parametrize(
    ("function", "expected"), CALLS, ids=[str(n) for n in range(len(CALLS))]
)
def test_a_recorded_result_comes_back_with_its_type(
    function: Callable[..., Any], expected: object
) -> None:
    store = MemoryCheckpointStore()
    seen: list[Any] = []
    calls: list[None] = []

    async def work(run: RunContext) -> str:
        def counted(*args: Any, **kwargs: Any) -> Any:
            calls.append(None)
            return function(*args, **kwargs)

        counted.__annotations__ = {"return": _declared(function)}
        seen.append(await run.once("call", counted))
        if len(seen) == 1:
            raise RuntimeError("after the call")
        return "Done"

    workflow = running(work, store)
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    start_or_resume(workflow)

    assert len(calls) == 1
    assert seen[0] == seen[1]
    assert type(seen[0]) is type(seen[1])
    if expected is not None:
        assert seen[0] == expected


def _declared(function: Any) -> Any:
    from cano_core.signature import declared_result

    return declared_result(function)


def test_a_call_passes_its_arguments_and_its_exception() -> None:
    seen: list[Any] = []

    async def failing(*args: Any, name: str) -> None:
        seen.append((args, name))
        raise LookupError("refused")

    async def work(run: RunContext) -> str:
        with pytest.raises(LookupError, match="refused"):
            await run.once("call", failing, 1, 2, name="three")
        return "Done"

    store = MemoryCheckpointStore()
    assert start_or_resume(running(work, store)) == "Done"
    assert seen == [((1, 2), "three")]


def test_a_call_that_failed_is_made_again_by_the_next_attempt() -> None:
    tries: list[int] = []

    async def charge() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("down")
        return "paid"

    async def work(run: RunContext) -> str:
        await run.once("charge", charge)
        return "Done"

    store = MemoryCheckpointStore()
    assert start_or_resume(running(work, store, ONCE_MORE)) == "Done"
    assert len(tries) == 2


@pytest.mark.parametrize("with_store", [True, False])
def test_a_retry_gets_the_recorded_result(with_store: bool) -> None:
    charges: list[int] = []
    seen: list[int] = []

    async def work(run: RunContext) -> str:
        seen.append(await run.once("charge", lambda: charges.append(1) or 7))
        if run.attempt == 1:
            raise RuntimeError("after the charge")
        return "Done"

    store = MemoryCheckpointStore() if with_store else None
    workflow = running(work, store, ONCE_MORE)
    asyncio.run(workflow.orchestrate("Work", workflow_id="r"))

    assert charges == [1]
    assert seen == [7, 7]


def test_another_visit_makes_the_call_again() -> None:
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        calls.append(await run.once("call", lambda: run.visit))
        return "Work" if run.visit < 3 else "Done"

    start_or_resume(running(work, MemoryCheckpointStore()))

    assert calls == [1, 2, 3]


def test_calls_made_side_by_side_are_all_recorded() -> None:
    store = MemoryCheckpointStore()
    calls: list[int] = []
    seen: list[list[int]] = []

    async def slow(n: int) -> int:
        calls.append(n)
        await asyncio.sleep(0)
        return n

    async def work(run: RunContext) -> str:
        seen.append(
            await asyncio.gather(*[run.once(f"n{n}", slow, n) for n in range(20)])
        )
        if len(seen) == 1:
            raise RuntimeError("after the calls")
        return "Done"

    workflow = running(work, store)
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    assert kinds(store) == [RowKind.STATE_ENTRY] + [RowKind.MEMO] * 20
    start_or_resume(workflow)

    assert seen == [list(range(20))] * 2
    assert sorted(calls) == list(range(20))


def test_one_name_twice_in_a_visit_is_an_error_and_no_retry() -> None:
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        await run.once("same", lambda: calls.append(1))
        await run.once("same", lambda: calls.append(2))
        return "Done"

    with pytest.raises(TaskFailedError, match=r"once\(.same.\) in .* was called twice"):
        start_or_resume(running(work, MemoryCheckpointStore(), ONCE_MORE))

    assert calls == [1]


@pytest.mark.parametrize("name", [print, 3, None, "", "\ud800", "a\nb", "x" * 300])
def test_a_name_that_can_not_be_a_name_is_refused_before_the_call(name: Any) -> None:
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        await run.once(name, lambda: calls.append(1))
        return "Done"

    store = MemoryCheckpointStore()
    with pytest.raises(TaskFailedError) as caught:
        start_or_resume(running(work, store))

    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert calls == []
    assert kinds(store) == [RowKind.STATE_ENTRY]


class Opaque:
    pass


def opaque() -> Opaque:
    raise AssertionError("must not be called")


def test_a_declared_result_that_can_not_be_stored_is_refused_before_the_call() -> None:
    async def work(run: RunContext) -> str:
        await run.once("call", opaque)
        return "Done"

    with pytest.raises(TaskFailedError, match=r"once\('call'\).*Opaque"):
        start_or_resume(running(work, MemoryCheckpointStore()))


@pytest.mark.parametrize(
    "result",
    [Opaque(), (1, 2), {1, 2}, RECEIPT, [(1, 2)], float("inf") - float("inf")],
    ids=lambda result: type(result).__name__,
)
def test_a_result_that_would_come_back_different_stops_the_run(result: object) -> None:
    """The call has happened and the log does not know: no retry, whatever is caught."""
    store = MemoryCheckpointStore()
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        with contextlib.suppress(ConfigurationError):
            await run.once("call", lambda: calls.append(1) or result)
        return "Done"

    with pytest.raises(ConfigurationError, match=r"run.once\('call'\) in state 'Work'"):
        start_or_resume(running(work, store, ONCE_MORE))

    assert calls == [1]
    assert kinds(store) == [RowKind.STATE_ENTRY]


# once, and what may happen to its row

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
