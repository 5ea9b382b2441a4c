"""Features of cano that belong to no other file, as docs/parity.md has them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cano_core import (
    Count,
    Done,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    More,
    RecordingObserver,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from one_task import kinds, running, start_or_resume
from saga_rows import cursor
from sagas import Journal
from small_flow import row
from streams import Numbers, cursors, streaming


@pytest.mark.parametrize("register", [streaming, running], ids=["stream", "register"])
def test_a_stream_is_the_same_however_it_is_registered(register: Any) -> None:
    """Cano gives cursors and a cooperative end to register_stream alone."""
    store, task = MemoryCheckpointStore(), Numbers(5, window=Count(2))
    task.failures[5] = 1
    workflow = register(task, store)
    workflow.add_exit_states("Done", "Stopped")
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    assert cursors(store) == [2, 4]
    assert start_or_resume(workflow) == "Done"
    assert task.opened == [None, 4]
    assert task.windows == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("when", ["called", "read"])
def test_an_error_in_open_is_a_failure_like_any_other(when: str) -> None:
    """Cano lets a panic in open() out of the run."""

    class Closed(Numbers):
        def open(self, cursor: int | None) -> Any:
            if when == "called":
                raise ConnectionError("closed")
            return self._read()

        async def _read(self) -> AsyncIterator[tuple[int, int]]:
            raise ConnectionError("closed")
            yield 1, 1

    store, watcher = MemoryCheckpointStore(), RecordingObserver()
    with pytest.raises(TaskFailedError, match="closed") as caught:
        start_or_resume(streaming(Closed(1), store, observers=[watcher]))
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert watcher.of("on_task_failure") == [("r", "Closed", caught.value.__cause__)]
    assert len(kinds(store)) == 1


def test_a_compensatable_and_a_stepped_state_are_told_in_order() -> None:
    """The trace that cano documents, with one append less."""
    watcher = RecordingObserver()

    async def step(at: int | None) -> More[int] | Done[str]:
        return Done("Done") if at == 3 else More((at or 0) + 1)

    workflow = Workflow(
        checkpoint_store=MemoryCheckpointStore(), observers=[watcher]
    ).add_exit_state("Done")
    workflow.register_with_compensation("A", lambda: ("B", 1), compensate=print)
    workflow.register_stepped("B", step)
    asyncio.run(workflow.orchestrate("A", workflow_id="r"))

    told = [
        f"{event.hook.removeprefix('on_')} {event.arguments[-1]}"
        for event in watcher.events[1:-1]
    ]
    assert told == [
        "state_enter A",
        "checkpoint 0",
        "task_start <lambda>",
        "task_success <lambda>",
        "state_enter B",
        "checkpoint 1",
        "checkpoint 2",
        "task_start step",
        "checkpoint 3",
        "checkpoint 4",
        "checkpoint 5",
        "task_success step",
        "state_enter Done",
        "checkpoint 6",
    ]


def test_branches_are_not_undone() -> None:
    """What they did before the split failed is theirs to see to, as in cano."""
    journal = Journal()

    class Undoable:
        name = "undoable"

        async def run(self) -> int:
            journal.step("branch")
            return 1

        async def compensate(self, output: int) -> None:
            journal.step("undo branch")

    async def fail() -> int:
        raise ValueError("no")

    async def reserve() -> tuple[str, int]:
        return "Fan", 7

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    workflow.register_with_compensation(
        "Reserve", reserve, compensate=lambda output: journal.step(f"undo {output}")
    )
    workflow.register_split(
        "Fan",
        [Undoable(), fail],
        JoinConfig(JoinStrategy.ALL, "Done"),
        config=TaskConfig.minimal(),
    ).add_exit_state("Done")
    with pytest.raises(TaskFailedError):
        asyncio.run(workflow.orchestrate("Reserve", workflow_id="r"))
    assert journal.did == ["branch", "undo 7"]


def test_a_cursor_is_of_no_use_to_a_plain_task() -> None:
    """A state that was a stepped task, and is a plain one by now, runs anew."""
    store = MemoryCheckpointStore()
    asyncio.run(store.append("r", row(0, "Work"), cursor(1, "Work")))
    ran = []

    async def work() -> str:
        ran.append("work")
        return "Done"

    assert start_or_resume(running(work, store)) == "Done"
    assert ran == ["work"]
