"""Streams: windows, their cursors, and where a resumed run goes on."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from cano_core import (
    CheckpointStoreError,
    CloseReason,
    ConfigurationError,
    Count,
    Every,
    MemoryCheckpointStore,
    RowKind,
    RunContext,
    Stop,
    TaskFailedError,
    Workflow,
)
from one_task import kinds, running, start_or_resume
from streams import Numbers, cursors, start, streaming

EXHAUSTED = CloseReason.EXHAUSTED
ENTRY, CURSOR = RowKind.STATE_ENTRY, RowKind.STEP_CURSOR


@pytest.mark.parametrize("register", [streaming, running], ids=["stream", "register"])
@pytest.mark.parametrize("count", [1, 3, 4, 100])
def test_items_are_flushed_in_windows_and_the_rest_in_the_end(
    register: Callable[[object], Workflow], count: int
) -> None:
    task = Numbers(9, window=Count(count))
    assert start(register(task).add_exit_state("Stopped")) == "Done"
    assert task.flushed == list(range(1, 10))
    assert [len(each) for each in task.windows[:-1]] == [count] * (
        len(task.windows) - 1
    )
    assert len(task.windows) == math.ceil(9 / count)
    assert task.reasons == [EXHAUSTED]
    assert task.closed == 1


def test_an_empty_stream_is_closed_without_a_window_or_a_row() -> None:
    store, task = MemoryCheckpointStore(), Numbers(0)
    task.close_failures = 1
    with pytest.raises(TaskFailedError):
        start_or_resume(streaming(task, store))
    assert task.windows == []
    assert kinds(store) == [ENTRY]


@pytest.mark.parametrize(("end", "expected"), [(6, [3, 6]), (8, [3, 6, 8])])
def test_every_window_is_one_row_the_last_one_too(
    end: int, expected: list[int]
) -> None:
    store, task = MemoryCheckpointStore(), Numbers(end)
    task.close_failures = 1
    with pytest.raises(TaskFailedError):
        start_or_resume(streaming(task, store))
    assert cursors(store) == expected
    assert start_or_resume(streaming(task, store)) == "Done"
    assert task.opened == [None, end]
    assert task.flushed == list(range(1, end + 1))
    assert task.reasons == [EXHAUSTED, EXHAUSTED]


def test_a_crash_loses_only_the_window_that_has_no_row() -> None:
    store, task = MemoryCheckpointStore(), Numbers(10)
    task.failures[9] = 1
    with pytest.raises(TaskFailedError, match="item 9"):
        start_or_resume(streaming(task, store))
    assert task.windows == [[1, 2, 3], [4, 5, 6]]
    assert cursors(store) == [3, 6]
    assert start_or_resume(streaming(task, store)) == "Done"
    assert task.opened == [None, 6]
    assert task.windows[2:] == [[7, 8, 9], [10]]
    assert task.processed == [*range(1, 10), *range(7, 11)]
    assert task.closed == 2
    assert kinds(store) == []


def test_a_window_that_is_done_again_has_its_idempotency_keys_again() -> None:
    store, task = MemoryCheckpointStore(), Numbers(6, window=Count(2))
    task.failures[4] = 1
    with pytest.raises(TaskFailedError):
        start_or_resume(streaming(task, store))
    task.flush_failures = 1
    with pytest.raises(TaskFailedError, match="flush"):
        start_or_resume(streaming(task, store))
    assert task.keys == [
        "r/Work/1/0",
        "r/Work/1/1",
        "r/Work/1/0/flush",
        "r/Work/1/2",
        "r/Work/1/3",
        "r/Work/1/2",
        "r/Work/1/3",
        "r/Work/1/2/flush",
    ]
    task.keys.clear()
    assert start_or_resume(streaming(task, store)) == "Done"
    assert task.keys[:3] == ["r/Work/1/2", "r/Work/1/3", "r/Work/1/2/flush"]
    assert task.windows == [[1, 2], [3, 4], [5, 6]]


def test_stop_records_the_window_and_goes_on_without_closing() -> None:
    store, task = MemoryCheckpointStore(), Numbers(9)
    task.stop_at = 5
    seen = []

    async def stopped() -> str:
        seen.extend(cursors_now(await store.load_run("r")))
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store)
        .register_stream("Work", task)
        .register("Stopped", stopped)
        .add_exit_state("Done")
    )
    assert start_or_resume(workflow) == "Done"
    assert task.windows == [[1, 2, 3], [4, 5, 6]]
    assert task.processed == [1, 2, 3, 4, 5, 6]
    assert seen == [ENTRY, CURSOR, CURSOR, ENTRY]
    assert task.reasons == []
    assert task.closed == 1


def cursors_now(rows: Any) -> list[RowKind]:
    return [row.kind for row in rows]


def test_stop_in_the_last_window_is_honoured() -> None:
    task = Numbers(4)
    task.stop_at = 4
    assert start(streaming(task)) == "Stopped"
    assert task.reasons == []


@pytest.mark.parametrize("crash_in", [None, 1, 2])
def test_a_visit_that_comes_back_opens_the_stream_anew(crash_in: int | None) -> None:
    store, task = MemoryCheckpointStore(), Numbers(4, window=Count(2))
    rounds = []

    async def again() -> str:
        rounds.append(1)
        if crash_in == 2 and len(rounds) == 1:
            task.failures[3] = 1
        return "Work" if len(rounds) < 2 else "End"

    workflow = (
        Workflow(checkpoint_store=store)
        .register_stream("Work", task)
        .register("Done", again)
        .add_exit_states("Stopped", "End")
    )
    if crash_in is not None:
        task.failures[3] = int(crash_in == 1)
        with pytest.raises(TaskFailedError):
            start_or_resume(workflow)
    assert start_or_resume(workflow) == "End"
    expected: list[int | None] = [None, None]
    if crash_in is not None:
        expected.insert(crash_in, 2)
    assert task.opened == expected
    assert task.windows == [[1, 2], [3, 4]] * 2


@dataclass
class Tally:
    total: int = 0
    closed: int = 0


class Summing(Numbers):
    async def flush_window(self, results: list[int], tally: Tally) -> None:  # type: ignore[override]
        self.windows.append(results)
        tally.total += sum(results)

    async def on_close(self, reason: CloseReason, tally: Tally) -> str:  # type: ignore[override]
        tally.closed += 1
        return "Check"


@pytest.mark.parametrize("fails", [None, 2, 5, 7])
def test_what_a_flush_makes_of_the_data_is_kept_with_the_window(
    fails: int | None,
) -> None:
    store, task, seen = MemoryCheckpointStore(), Summing(7), []
    if fails is not None:
        task.failures[fails] = 1

    async def check(tally: Tally) -> str:
        seen.append(tally)
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store, data=Tally)
        .register_stream("Work", task)
        .register("Check", check)
        .add_exit_state("Done")
    )

    async def run() -> object:
        return await workflow.start_or_resume("Work", workflow_id="r", data=Tally())

    if fails is not None:
        with pytest.raises(TaskFailedError):
            asyncio.run(run())
    assert asyncio.run(run()) == "Done"
    assert seen == [Tally(28, 1)]


def test_an_item_can_not_change_the_data() -> None:
    class Changing(Numbers):
        async def process_item(self, item: int, tally: Tally) -> int:  # type: ignore[override]
            tally.total += item
            return item

    with pytest.raises(ConfigurationError, match="let flush_window"):
        start(streaming(Changing(3), None, None, data=Tally), data=Tally())


def test_windows_may_be_a_time_long_and_empty_ones_are_passed_over() -> None:
    task: Any = Numbers(0, window=Every(0.005))

    async def opening(cursor: int | None) -> AsyncIterator[tuple[int, int]]:
        yield 1, 1
        yield 2, 2
        await task.has_flushed.wait()
        await asyncio.sleep(0.015)
        yield 3, 3

    task.open = opening
    assert start(streaming(task)) == "Done"
    assert task.flushed == [1, 2, 3]
    assert task.windows[-1] == [3]
    assert all(task.windows)


def test_what_flush_window_must_not_return_stops_the_run() -> None:
    class Wrong(Numbers):
        async def flush_window(self, results: list[int]) -> Any:  # type: ignore[override]
            return "Done"

    with pytest.raises(ConfigurationError, match="neither None nor Stop"):
        start(streaming(Wrong(3)))


def test_the_states_of_stop_and_of_on_close_are_the_transitions() -> None:
    graph = streaming(Numbers(1)).graph
    assert graph.transitions["Work"] == frozenset({"Done", "Stopped"})
    assert graph.kinds["Work"] == "stream"


def test_a_flush_that_never_stops_declares_no_state() -> None:
    class Plain(Numbers):
        async def flush_window(self, results: list[int]) -> None:  # type: ignore[override]
            pass

    graph = streaming(Plain(1)).graph
    assert graph.transitions["Work"] == frozenset({"Done"})


def test_everything_wrong_with_a_stream_is_reported_together() -> None:
    task: Any = Numbers(1)
    task.window = 3
    task.consecutive_errors = -1
    with pytest.raises(ConfigurationError) as caught:
        streaming(task).validate()
    assert "window=3" in str(caught.value)
    assert "consecutive_errors=-1" in str(caught.value)


@pytest.mark.parametrize("wrong", [object(), Numbers, Stop("Done")])
def test_something_without_the_methods_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="is no stream"):
        streaming(wrong)


@pytest.mark.parametrize(
    "make", [lambda: Count(0), lambda: Every(0), lambda: Every(math.inf)]
)
def test_a_window_that_never_ends_or_never_begins_is_refused(
    make: Callable[[], object],
) -> None:
    with pytest.raises(ConfigurationError):
        make()


def test_one_window_of_time_follows_the_other() -> None:
    task: Any = Numbers(0, window=Every(0.004))

    async def opening(cursor: int | None) -> AsyncIterator[tuple[int, int]]:
        for number in (1, 2, 3):
            yield number, number
            await task.has_flushed.wait()
            task.has_flushed.clear()

    async def run() -> object:
        async with asyncio.timeout(2):
            return await streaming(task).orchestrate("Work")

    task.open = opening
    assert asyncio.run(run()) == "Done"
    assert task.windows == [[1], [2], [3]]


def test_a_flush_that_hides_a_failure_of_the_store_stops_the_run() -> None:
    class Failing(MemoryCheckpointStore):
        async def append(self, workflow_id: str, *rows: Any) -> None:
            if rows[0].kind is RowKind.MEMO:
                raise OSError("disk full")
            await super().append(workflow_id, *rows)

    class Hiding(Numbers):
        async def flush_window(self, results: list[int], run: RunContext) -> None:  # type: ignore[override]
            with contextlib.suppress(Exception):
                await run.once("tell", lambda: 1)

    store, task = Failing(), Hiding(9)
    with pytest.raises(CheckpointStoreError):
        start_or_resume(streaming(task, store))
    assert task.processed == [1, 2, 3]
    assert kinds(store) == [ENTRY]


def test_closing_has_an_idempotency_key_of_its_own_and_may_return_none() -> None:
    keys = []

    class Closing(Numbers):
        async def on_close(  # type: ignore[override]
            self, reason: CloseReason, run: RunContext
        ) -> Literal["Done"] | None:
            keys.append(run.idempotency_key)
            return "Done" if reason is EXHAUSTED else None

    workflow = streaming(Closing(1), MemoryCheckpointStore())
    assert start_or_resume(workflow) == "Done"
    assert keys == ["r/Work/1/close"]
    assert workflow.graph.transitions["Work"] == frozenset({"Done", "Stopped"})
