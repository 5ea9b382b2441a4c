"""Who owns a run, and what becomes of it when its store fails between two lives."""

import asyncio
from typing import Any

import pytest

from cano_core import (
    CheckpointStoreError,
    RunConflictError,
    RunContext,
    Workflow,
)
from scripted_store import ScriptedStore, ThreeMethodStore, raising
from small_flow import Flow, row


def test_of_two_resumers_one_goes_on_and_the_other_does_nothing() -> None:
    flow = Flow()
    flow.seed(row(0, "Start"), row(1, "Process"))

    async def main() -> list[Any]:
        return await asyncio.gather(
            flow.workflow.resume_from("r"),
            flow.workflow.resume_from("r"),
            return_exceptions=True,
        )

    results = asyncio.run(main())

    assert results[0] == "Done"
    assert isinstance(results[1], RunConflictError)
    assert flow.ran == ["r/Process/1"]
    assert len(flow.watcher.of("on_run_start")) == 1


def test_of_two_that_start_one_goes_on_and_the_other_does_nothing() -> None:
    flow = Flow()

    async def main() -> list[Any]:
        return await asyncio.gather(
            flow.workflow.start_or_resume("Start", workflow_id="r"),
            flow.workflow.start_or_resume("Start", workflow_id="r"),
            return_exceptions=True,
        )

    results = asyncio.run(main())

    assert results[0] == "Done"
    assert isinstance(results[1], RunConflictError)
    assert flow.ran == ["r/Start/1", "r/Process/1"]


def test_whoever_loses_the_run_does_no_more() -> None:
    """The zombie of cano's H01: it neither runs the next task nor clears the log."""
    store = ScriptedStore()
    taken_over, go_on = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    async def first(run: RunContext) -> str:
        ran.append(f"first {run.resumes}")
        if run.resumes == 0:
            taken_over.set()
            await go_on.wait()
        return "Second"

    async def second(run: RunContext) -> str:
        ran.append(f"second {run.resumes}")
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store)
        .register("First", first)
        .register("Second", second)
        .add_exit_state("Done")
    )

    async def main() -> None:
        zombie = asyncio.create_task(workflow.orchestrate("First", workflow_id="r"))
        await taken_over.wait()
        assert await workflow.resume_from("r") == "Done"
        store.calls.clear()
        go_on.set()
        with pytest.raises(RunConflictError) as caught:
            await zombie
        assert (caught.value.workflow_id, caught.value.sequence) == ("r", 1)

    asyncio.run(main())

    assert ran == ["first 0", "first 1", "second 0"]
    assert store.calls == ["append"]


# The store between two lives

STORE_FAULTS = [
    ("append", 1, "before", 0, "Start"),
    ("append", 1, "after", 1, "Start"),
    ("append", 2, "before", 1, "Start"),
    ("append", 2, "after", 2, "Process"),
    ("finish", 1, "before", 2, "Process"),
    ("finish", 1, "after", 0, None),
]


@pytest.mark.parametrize(
    ("operation", "n", "when", "rows", "again"), STORE_FAULTS, ids=str
)
def test_a_store_that_fails_once_costs_one_resume(
    operation: str, n: int, when: str, rows: int, again: str | None
) -> None:
    """Failed, or done and its acknowledgement lost: the log says which."""
    store = ScriptedStore()
    setattr(store, when, raising(OSError("disk"), operation, n))
    flow = Flow(store)

    with pytest.raises(CheckpointStoreError, match=f"{operation}.*OSError: disk"):
        flow.start_or_resume()
    assert len(flow.rows()) == rows
    first_life = list(flow.ran)
    flow.ran.clear()

    assert flow.start_or_resume() == ("Done")
    assert (flow.ran[0].split("/")[1] if flow.ran else None) == again
    assert set(first_life) | set(flow.ran) == {"r/Start/1", "r/Process/1"}


def test_a_clear_that_fails_is_finished_by_the_next_resume() -> None:
    """U52: the exit row stays; nothing is undone and no task runs again."""
    store = ThreeMethodStore(before=raising(OSError("busy"), "clear"))
    flow = Flow(store)

    with pytest.raises(CheckpointStoreError, match=r"run 'r': clear failed.*busy"):
        asyncio.run(flow.workflow.orchestrate("Start", workflow_id="r"))
    assert [each.state for each in flow.rows()] == ["Start", "Process", "Done"]
    flow.ran.clear()

    assert flow.resume() == "Done"
    assert flow.ran == []
    assert flow.rows() == []


def test_a_store_may_fail_with_the_oddest_exception() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    store = ScriptedStore(before=raising(Odd(), "append"))
    with pytest.raises(CheckpointStoreError, match="Odd; the run stopped"):
        Flow(store).start_or_resume()
