"""A workflow that runs another one in a task: failures, retries and resumes."""

import asyncio

import pytest

from cano_core import (
    MemoryCheckpointStore,
    Retry,
    RetryExhaustedError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from sagas import ONCE, Journal, resume, saga, start


def test_a_failure_within_a_task_keeps_its_own_state_and_path() -> None:
    """Each run tells of its own states; the one within is the cause of the other."""
    inner = saga(Journal(C=[ValueError("no")] * 2))

    async def task() -> object:
        return await inner.orchestrate("A", workflow_id="inner")

    outer = Workflow().register("First", lambda: "Second").add_exit_state("Done")
    outer.register("Second", task, config=TaskConfig(retry=Retry.fixed(1, 0)))
    with pytest.raises(RetryExhaustedError) as caught:
        start(outer, "First")

    error, cause = caught.value, caught.value.__cause__
    assert (error.workflow_id, error.path) == ("r", ("First", "Second"))
    assert isinstance(cause, TaskFailedError)
    assert (cause.workflow_id, cause.path) == ("inner", ("A", "B", "C"))
    assert isinstance(cause.__cause__, ValueError)


def test_a_run_within_a_task_that_crashed_goes_on_with_it() -> None:
    """Named after the visit, it is found again, and does only the rest."""
    store = MemoryCheckpointStore()
    journal = Journal(C=[KeyboardInterrupt()])

    async def task(run: RunContext) -> object:
        inner = saga(journal, store)
        return await inner.start_or_resume("A", workflow_id=run.idempotency_key)

    outer = Workflow(checkpoint_store=store).add_exit_state("Done")
    outer.register("Work", task, config=ONCE)
    with pytest.raises(KeyboardInterrupt):
        start(outer, "Work")
    assert resume(outer) == "Done"

    assert journal.did == ["A", "B", "C", "C"]
    assert asyncio.run(store.load_run("r/Work/1")) == []
