"""Law 6: where a run stands, before and after its log is cleared."""

import asyncio
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    ConfigurationError,
    Done,
    MemoryCheckpointStore,
    More,
    Outcome,
    OutcomeStatus,
    RowKind,
    RunPhase,
    RunStatus,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from scripted_store import ScriptedStore, ThreeMethodStore, raising


def flow(store: Any, fails: bool = False) -> Workflow:
    async def first() -> str:
        return "Second"

    async def second() -> str:
        if fails:
            raise RuntimeError("no")
        return "Done"

    return (
        Workflow(checkpoint_store=store, version=3)
        .register("First", first)
        .register("Second", second, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )


def status(workflow: Workflow, workflow_id: str = "r") -> RunStatus:
    return asyncio.run(workflow.status(workflow_id))


def start(workflow: Workflow) -> object:
    return asyncio.run(workflow.orchestrate("First", workflow_id="r"))


def test_a_run_that_never_started() -> None:
    assert status(flow(MemoryCheckpointStore())) == RunStatus(RunPhase.NEVER_STARTED)


def test_a_run_that_was_interrupted() -> None:
    workflow = flow(MemoryCheckpointStore(), fails=True)
    with pytest.raises(TaskFailedError):
        start(workflow)
    assert status(workflow) == RunStatus(RunPhase.INTERRUPTED, "Second", 2)

    with pytest.raises(TaskFailedError):
        asyncio.run(workflow.resume_from("r"))
    assert status(workflow) == RunStatus(RunPhase.INTERRUPTED, "Second", 3)


def test_a_run_that_finished() -> None:
    workflow = flow(MemoryCheckpointStore())
    start(workflow)

    assert status(workflow) == RunStatus(RunPhase.FINISHED, "Done")
    assert asyncio.run(workflow.outcome("r")) == Outcome(
        OutcomeStatus.FINISHED, "Done", None, 3
    )


def test_a_run_that_finished_and_is_not_yet_cleared() -> None:
    store = ThreeMethodStore(before=raising(OSError("busy"), "clear"))
    workflow = flow(store)
    with pytest.raises(CheckpointStoreError):
        start(workflow)

    assert status(workflow) == RunStatus(RunPhase.FINISHED, "Done", 3)


def test_a_run_whose_store_forgets_the_finished() -> None:
    workflow = flow(ThreeMethodStore())
    assert status(workflow) == RunStatus(RunPhase.UNKNOWN)
    start(workflow)
    assert status(workflow) == RunStatus(RunPhase.UNKNOWN)
    with pytest.raises(ConfigurationError, match="ThreeMethodStore does not remember"):
        asyncio.run(workflow.outcome("r"))


def test_a_run_that_is_being_rolled_back() -> None:
    store = MemoryCheckpointStore()
    rows = [
        CheckpointRow(0, "First", "first", RowKind.STATE_ENTRY),
        CheckpointRow(1, "First", "first", RowKind.ROLLBACK),
        CheckpointRow(2, "First", "first", RowKind.RESUME),
    ]
    asyncio.run(store.append("r", *rows))
    assert status(flow(store)) == RunStatus(RunPhase.ROLLING_BACK, "First", 3)


def test_a_run_that_was_rolled_back() -> None:
    store = MemoryCheckpointStore()
    row = CheckpointRow(0, "First", "first", RowKind.STATE_ENTRY)
    asyncio.run(store.append("r", row))
    outcome = Outcome(OutcomeStatus.ROLLED_BACK, "First")
    asyncio.run(store.finish("r", [], outcome))

    assert status(flow(store)) == RunStatus(RunPhase.ROLLED_BACK, "First")


def test_a_run_of_another_version_can_be_looked_at() -> None:
    store = MemoryCheckpointStore()
    row = CheckpointRow(0, "Old", "old", RowKind.STATE_ENTRY, b"data", 99)
    asyncio.run(store.append("r", row))

    assert status(flow(store)) == RunStatus(RunPhase.INTERRUPTED, "Old", 1)


def test_clear_makes_the_id_as_new() -> None:
    store = MemoryCheckpointStore()
    workflow = flow(store)
    start(workflow)
    asyncio.run(store.clear("r"))

    assert status(workflow) == RunStatus(RunPhase.NEVER_STARTED)
    assert start(workflow) == "Done"


def test_looking_touches_nothing() -> None:
    store = ScriptedStore()
    workflow = flow(store)
    status(workflow)
    assert asyncio.run(workflow.outcome("r")) is None

    assert store.calls == ["load_run", "outcome", "outcome"]
    workflow.register("More", lambda_free)  # not frozen


async def lambda_free() -> str:
    return "Done"


@pytest.mark.parametrize("call", ["status", "outcome"])
def test_without_a_store_there_is_nothing_to_look_at(call: str) -> None:
    workflow = Workflow().add_exit_state("Done")
    with pytest.raises(ConfigurationError, match=rf"{call}.*checkpoint_store"):
        asyncio.run(getattr(workflow, call)("r"))


@pytest.mark.parametrize("call", ["status", "outcome"])
def test_a_store_that_fails_to_answer_has_failed(call: str) -> None:
    def fail(operation: str, n: int) -> None:
        raise OSError("disk")

    with pytest.raises(CheckpointStoreError, match="OSError: disk"):
        asyncio.run(getattr(flow(ScriptedStore(before=fail)), call)("r"))


def test_rows_that_a_store_leaves_out_of_the_tail_are_counted() -> None:
    async def step(cursor: int | None) -> More[int] | Done[str]:
        if cursor == 4:
            raise KeyboardInterrupt
        return More((cursor or 0) + 1)

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    workflow.register_stepped("Count", step).add_exit_state("Done")
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(workflow.orchestrate("Count", workflow_id="r"))
    assert asyncio.run(workflow.status("r")).rows == 5
