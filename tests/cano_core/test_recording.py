"""Rows that come together become durable together, and keep the rules of a log."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    Outcome,
    RowKind,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from cano_core.progress import decode_sequence
from scripted_store import ScriptedStore

ENTRY, MEMO = RowKind.STATE_ENTRY, RowKind.MEMO


class Watched(ScriptedStore):
    """Keeps the rows of each append; may hold one up until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.appended: list[tuple[CheckpointRow, ...]] = []
        self.finished: list[CheckpointRow] = []
        self.held_up = 0
        self.under_way = asyncio.Event()
        self.let_go = asyncio.Event()

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        self.appended.append(rows)
        if len(self.appended) == self.held_up:
            self.under_way.set()
            await self.let_go.wait()
        await super().append(workflow_id, *rows)

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        self.finished += rows
        await super().finish(workflow_id, rows, outcome)

    @property
    def sizes(self) -> list[int]:
        return [len(rows) for rows in self.appended]


def run(task: Callable[..., Any], store: ScriptedStore) -> None:
    workflow = Workflow(checkpoint_store=store)
    workflow.register("Work", task, config=TaskConfig.minimal()).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Work", workflow_id="r"))


def test_calls_that_come_back_together_share_an_append() -> None:
    async def work(run: RunContext) -> str:
        calls = [run.once(f"call {n}", lambda n=n: n) for n in range(20)]
        assert await asyncio.gather(*calls) == list(range(20))
        return "Done"

    store = Watched()
    run(work, store)
    assert store.sizes == [1, 20]
    assert [row.sequence for rows in store.appended for row in rows] == list(range(21))


def test_what_comes_while_rows_are_written_waits_for_the_next_append() -> None:
    store = Watched()
    store.held_up = 2

    async def work(run: RunContext) -> str:
        first = asyncio.create_task(run.once("first", lambda: 1))
        await store.under_way.wait()
        others = [
            asyncio.create_task(run.once(name, lambda: 2)) for name in ("a", "b", "c")
        ]
        await asyncio.sleep(0)
        store.let_go.set()
        await asyncio.gather(first, *others)
        return "Done"

    run(work, store)
    assert store.sizes == [1, 1, 3]


def test_one_call_of_two_attempts_is_one_row_though_both_come_back_together() -> None:
    """The attempt that was given up goes on in a task of its own."""
    seen: list[int] = []
    begin = asyncio.Event()
    left: list[asyncio.Task[int]] = []

    async def call() -> int:
        await begin.wait()
        seen.append(len(seen))
        return seen[-1]

    async def work(run: RunContext) -> str:
        calling = asyncio.create_task(run.once("call", call))
        left.append(calling)
        await asyncio.sleep(0)
        if run.attempt == 1:
            raise ConnectionError
        begin.set()
        assert await asyncio.gather(*left) == [0, 0]
        return "Done"

    store = Watched()
    run_twice = Workflow(checkpoint_store=store).register("Work", work)
    asyncio.run(run_twice.add_exit_state("Done").orchestrate("Work", workflow_id="r"))
    assert seen == [0, 1]
    assert store.sizes == [1, 1]


def test_an_append_that_fails_is_everybodys_failure() -> None:
    caught: list[BaseException] = []

    async def call(run: RunContext, name: str) -> None:
        try:
            await run.once(name, lambda: 1)
        except CheckpointStoreError as error:
            caught.append(error)

    async def work(run: RunContext) -> str:
        await asyncio.gather(*(call(run, name) for name in "abc"))
        await call(run, "later")
        return "Done"

    def before(operation: str, n: int) -> None:
        if (operation, n) == ("append", 2):
            raise OSError("disk full")

    store = Watched()
    store.before = before
    with pytest.raises(CheckpointStoreError, match="disk full") as error:
        run(work, store)
    assert caught == [error.value] * 4
    assert store.sizes == [1, 3]


def test_a_call_that_nobody_awaited_does_not_take_the_next_row_away() -> None:
    """It is being written while the task's own output, and the next state, come."""
    store = Watched()
    store.held_up = 2
    stray: list[asyncio.Task[int]] = []
    undone = []

    async def charge(run: RunContext) -> tuple[str, int]:
        stray.append(asyncio.create_task(run.once("stray", lambda: 1)))
        await store.under_way.wait()
        asyncio.get_running_loop().call_soon(store.let_go.set)
        return "Ship", 7

    async def undo(output: int) -> None:
        undone.append(output)

    async def ship() -> tuple[str, int]:
        return "Fail", 8

    async def fail() -> str:
        raise ConnectionError

    workflow = (
        Workflow(checkpoint_store=store)
        .register_with_compensation("Charge", charge, compensate=undo)
        .register_with_compensation("Ship", ship, compensate=undo)
        .register("Fail", fail, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )
    with pytest.raises(TaskFailedError):
        asyncio.run(workflow.orchestrate("Charge", workflow_id="r"))
    assert undone == [8, 7]
    rows = [row for rows in store.appended for row in rows] + store.finished
    assert [row.sequence for row in rows] == list(range(len(rows)))
    assert [row.kind for row in rows[:4]] == [
        ENTRY,
        MEMO,
        RowKind.COMPENSATION_COMPLETION,
        ENTRY,
    ]
    entries = [row.sequence for row in rows if row.kind is ENTRY]
    assert [
        decode_sequence(row.payload) for row in rows if row.kind is RowKind.COMPENSATED
    ] == [entries[1], entries[0]]


def test_a_loop_that_ends_meanwhile_leaves_nobody_waiting() -> None:
    """As when a program is interrupted while its store hangs."""
    store = Watched()
    store.held_up = 2

    async def main() -> None:
        async def work(run: RunContext) -> str:
            await asyncio.gather(*(run.once(name, lambda: 1) for name in "ab"))
            return "Done"

        workflow = Workflow(checkpoint_store=store, store_timeout=None)
        workflow.register("Work", work).add_exit_state("Done")
        task = asyncio.create_task(workflow.orchestrate("Work", workflow_id="r"))
        await store.under_way.wait()
        for each in asyncio.all_tasks() - {asyncio.current_task()}:
            each.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        assert task.cancelled()

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(1, 12))
def test_a_loop_that_ends_at_any_moment_does_not_wait_for_ever(turns: int) -> None:
    """As when a program ends while a run goes on beside it: its tasks are cancelled,
    and one that writes rows may not even have begun."""

    async def work(run: RunContext) -> str:
        for name in "abc":
            await run.once(name, lambda: 1)
        return "Done"

    workflow = Workflow(checkpoint_store=Watched(), store_timeout=None)
    workflow.register("Work", work).add_exit_state("Done")

    async def main() -> None:
        task = asyncio.create_task(workflow.orchestrate("Work", workflow_id="r"))
        for _ in range(turns):
            await asyncio.sleep(0)
        for each in asyncio.all_tasks() - {asyncio.current_task()}:
            each.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()

    asyncio.run(main())


def test_calls_are_recorded_with_eager_tasks_too() -> None:
    """A writer that never waits has ended before anybody knows of it."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("needs Python 3.12: tox run -e py312")

    class Quick(Watched):
        async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
            self.appended.append(rows)

    async def work(run: RunContext) -> str:
        for name in "abc":
            await run.once(name, lambda: 1)
        return "Done"

    store = Quick()
    workflow = Workflow(checkpoint_store=store)
    workflow.register("Work", work).add_exit_state("Done")

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        await asyncio.wait([asyncio.create_task(work_it())], timeout=5)

    async def work_it() -> None:
        with contextlib.suppress(Exception):
            await workflow.orchestrate("Work", workflow_id="r")

    asyncio.run(main())
    assert store.sizes == [1, 1, 1, 1]
