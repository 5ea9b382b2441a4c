"""Parts of one state that stop in their own way when the run has to.

For whoever builds a processing model: `Interruption.calling`.
"""

import asyncio
import contextlib
from contextlib import AbstractContextManager
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    MemoryCheckpointStore,
    RecordingObserver,
    RunCancelledError,
    RunContext,
    Workflow,
    WorkflowTimeoutError,
)
from held import Held, cancelled, stop
from sagas import ONCE, Journal, saga, start


def calling(run: RunContext, stop: Any) -> AbstractContextManager[None]:
    interruption = run._run.interruption
    if interruption is None:
        raise TypeError("nothing can stop this run")
    return interruption.calling(stop)


def one_task(task: Any, **options: Any) -> Workflow:
    workflow = Workflow(**options).register("A", task, config=ONCE)
    return workflow.add_exit_state("Done")


def test_parts_beside_each_other_are_all_told_and_the_rest_is_cancelled_last() -> None:
    plain = Held()
    told: list[str] = []

    async def part(run: RunContext, name: str, last: bool) -> None:
        stopping = asyncio.Event()
        with calling(run, stopping.set):
            await stopping.wait()
            told.append(f"{name} told")
            # It takes its time, and is not disturbed in it.
            for _ in range(5 + 5 * last):
                await asyncio.sleep(0)
                assert not plain.stopped
            told.append(f"{name} stopped")

    async def task(run: RunContext) -> str:
        first, second = part(run, "first", True), part(run, "second", False)
        await asyncio.gather(first, second, plain())
        return "Done"

    error = cancelled(plain, one_task(task), stop(False))
    assert type(error) is RunCancelledError
    assert told == ["first told", "second told", "second stopped", "first stopped"]
    assert plain.stopped


def test_a_part_that_ends_as_it_is_told_does_not_let_the_rest_go_on() -> None:
    """The cancellation comes while a part is open, and takes effect after it."""
    rest = Held()
    watcher = RecordingObserver()
    cancel = Cancellation()

    async def task(run: RunContext) -> str:
        with calling(run, lambda: None):
            cancel.cancel()
        await asyncio.wait_for(rest(), 5)
        return "Done"

    with pytest.raises(RunCancelledError):
        start(one_task(task, observers=[watcher]), cancel=cancel)
    assert rest.stopped
    assert len(watcher.of("on_cancelled")) == 1


def test_a_part_that_is_opened_too_late_is_told_at_once() -> None:
    cancel = Cancellation()

    async def task(run: RunContext) -> str:
        cancel.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        stopping = asyncio.Event()
        with calling(run, stopping.set):
            await asyncio.wait_for(stopping.wait(), 5)
        return "Done"

    assert start(one_task(task), cancel=cancel) == "Done"


def test_a_part_may_say_itself_why_the_run_stops() -> None:
    watcher = RecordingObserver()

    async def task(run: RunContext) -> str:
        stopping = asyncio.Event()
        with calling(run, stopping.set):
            await stopping.wait()
            raise run._run.interruption.reason(run._run, run.label)  # type: ignore[union-attr]

    with pytest.raises(WorkflowTimeoutError):
        start(one_task(task, total_timeout=0.01, observers=[watcher]))
    assert len(watcher.of("on_workflow_timeout")) == 1


def test_a_run_within_a_run_is_stopped_as_part_of_its_task() -> None:
    """Each has its own limits; the outer one cancels the task of the inner one."""
    held, store = Held(), MemoryCheckpointStore()
    journal = Journal()
    journal.holds["C"] = held
    inner = saga(journal, store, total_timeout=60)

    async def task() -> str:
        await inner.orchestrate("A", workflow_id="inner", cancel=Cancellation())
        return "Done"

    error = cancelled(held, one_task(task), stop(True))
    assert (type(error), error.workflow_id) == (RunCancelledError, "r")
    assert journal.undone == []
    journal.holds.clear()
    assert asyncio.run(inner.resume_from("inner")) == "Done"


def test_a_run_whose_tasks_never_wait_gives_the_event_loop_its_turns() -> None:
    stop = Cancellation()

    async def task() -> str:
        return "A"

    workflow = Workflow().register("A", task).add_exit_state("Done")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(stop.cancel)
        await workflow.orchestrate("A", cancel=stop)

    with pytest.raises(RunCancelledError):
        asyncio.run(main())
