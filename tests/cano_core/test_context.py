"""What a task knows of its run: its key, its visit, its attempt."""

import asyncio

import pytest

from cano_core import (
    MemoryCheckpointStore,
    RunContext,
    TaskFailedError,
    Workflow,
)
from one_task import ONCE_MORE, running, start_or_resume


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
