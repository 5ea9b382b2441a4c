"""Being told of rollbacks, cancellations, limits and crashes, in order."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CanoError,
    ConfigurationError,
    Event,
    MemoryCheckpointStore,
    OutcomeStatus,
    RecordingObserver,
    RunCancelledError,
    RunContext,
    Workflow,
    WorkflowObserver,
    WorkflowTimeoutError,
)
from saga_flow import SagaFlow


def saga(
    flow: SagaFlow, watcher: RecordingObserver, cancel: Cancellation | None = None
) -> list[tuple[Any, ...]]:
    """What was told from the last task on, without the run's id."""
    with contextlib.suppress(CanoError):
        asyncio.run(
            flow.workflow.start_or_resume("Book", workflow_id="r", cancel=cancel)
        )
    told = [(event.hook, *event.arguments[1:]) for event in watcher.take()]
    start = ("on_task_start", "check")
    return told[told.index(start) + 1 :] if start in told else told


def test_a_rollback_is_told_in_the_documented_order() -> None:
    watcher = RecordingObserver()
    flow = SagaFlow(checkpoint_store=MemoryCheckpointStore(), observers=[watcher])
    sold_out, stuck = flow.refusals[0], OSError("stuck")
    flow.stuck.append(stuck)

    assert saga(flow, watcher) == [
        ("on_task_failure", "check", sold_out),
        ("on_checkpoint", 5),
        ("on_rollback_start", "Check"),
        ("on_checkpoint", 6),
        ("on_compensated", "Pay"),
        ("on_compensation_failure", "Book", stuck),
        ("on_rollback_end", False),
        ("on_run_end", None),
    ]
    *resumed, (end, outcome) = saga(flow, watcher)
    assert resumed == [
        ("on_checkpoint", 7),
        ("on_run_start",),
        ("on_resume", 6),
        ("on_rollback_start", "Check"),
        ("on_checkpoint", 8),
        ("on_compensated", "Book"),
        ("on_rollback_end", True),
    ]
    assert (end, outcome.status) == ("on_run_end", OutcomeStatus.ROLLED_BACK)
    assert saga(flow, watcher) == []


def test_what_a_compensatable_task_left_is_durable_with_the_next_entry() -> None:
    watcher = RecordingObserver()
    flow = SagaFlow(checkpoint_store=MemoryCheckpointStore(), observers=[watcher])
    flow.refusals.clear()
    asyncio.run(flow.workflow.start_or_resume("Book", workflow_id="r"))

    told = [(event.hook, *event.arguments[1:]) for event in watcher.events]
    entered = told.index(("on_state_enter", "Pay"))
    assert told[entered - 1 : entered + 4] == [
        ("on_task_success", "book"),
        ("on_state_enter", "Pay"),
        ("on_checkpoint", 1),
        ("on_checkpoint", 2),
        ("on_task_start", "pay"),
    ]


class Parked(SagaFlow):
    """Check never ends; it asks for a cancellation where there is one."""

    def __init__(self, cancel: Cancellation | None = None, **options: Any) -> None:
        self.cancel = cancel
        super().__init__(**options)

    async def check(self) -> str:
        if self.cancel is not None:
            self.cancel.cancel(rollback=True)
        await asyncio.Event().wait()
        return "Done"


def test_a_cancellation_is_told_once_before_anything_is_undone() -> None:
    watcher = RecordingObserver()
    cancel = Cancellation()
    store = MemoryCheckpointStore()
    flow = Parked(cancel, checkpoint_store=store, observers=[watcher])

    cancelled, (failure, task, error), *undone = saga(flow, watcher, cancel)
    assert cancelled == ("on_cancelled", "Check")
    assert (failure, task) == ("on_task_failure", "check")
    assert isinstance(error, RunCancelledError)
    assert [hook for hook, *_ in undone if hook != "on_checkpoint"] == [
        "on_rollback_start",
        "on_compensated",
        "on_compensated",
        "on_rollback_end",
        "on_run_end",
    ]


def test_a_cancellation_before_a_state_is_told_instead_of_entering_it() -> None:
    watcher = RecordingObserver()
    cancel = Cancellation()
    cancel.cancel()
    flow = SagaFlow(checkpoint_store=MemoryCheckpointStore(), observers=[watcher])

    assert saga(flow, watcher, cancel) == [
        ("on_run_start",),
        ("on_cancelled", "Book"),
        ("on_run_end", None),
    ]


def test_a_limit_that_is_reached_is_told_once_before_anything_is_undone() -> None:
    watcher = RecordingObserver()
    store = MemoryCheckpointStore()
    flow = Parked(checkpoint_store=store, observers=[watcher], total_timeout=0.01)

    reached, (failure, task, error), *undone = saga(flow, watcher)
    assert reached == ("on_workflow_timeout", "Check", 0.01)
    assert (failure, task) == ("on_task_failure", "check")
    assert isinstance(error, WorkflowTimeoutError)
    assert undone[1] == ("on_rollback_start", "Check")


@pytest.mark.parametrize(
    "hook",
    [
        "on_cancelled",
        "on_rollback_start",
        "on_compensated",
        "on_compensation_failure",
        "on_rollback_end",
    ],
)
def test_an_observer_that_raises_disturbs_no_rollback(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    def angry(self: object, *arguments: object) -> None:
        raise RuntimeError("not today")

    def life(observers: list[WorkflowObserver]) -> list[str]:
        watcher = RecordingObserver()
        cancel = Cancellation()
        store = MemoryCheckpointStore()
        flow = Parked(cancel, checkpoint_store=store, observers=[*observers, watcher])
        flow.stuck.append(OSError("stuck"))
        told = [*saga(flow, watcher, cancel), *saga(flow, watcher)]
        assert ("on_rollback_end", True) in told
        return [each for each, *_ in told]

    observer = type("Angry", (WorkflowObserver,), {hook: angry})()
    with caplog.at_level(logging.ERROR, "cano_core"):
        disturbed = life([observer])

    assert disturbed == life([])
    assert f"raised in {hook}" in caplog.text


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt])
def test_a_crash_is_told_of_by_the_end_alone(kind: type[BaseException]) -> None:
    watcher = RecordingObserver()
    flow = SagaFlow(checkpoint_store=MemoryCheckpointStore(), observers=[watcher])
    flow.refusals = [kind()]

    with pytest.raises(kind):
        saga(flow, watcher)
    assert [event.hook for event in watcher.events][-2:] == [
        "on_task_start",
        "on_run_end",
    ]


@dataclass
class Order:
    total: int = 0


@pytest.mark.parametrize("wrong", ["state", "data", "result"])
def test_a_task_that_breaks_a_rule_has_failed(wrong: str) -> None:
    async def work(run: RunContext) -> str:
        if wrong == "data":
            run.data.total = object()
        if wrong == "result":
            await run.once("call", object)
        return "Nowhere" if wrong == "state" else "Done"

    watcher = RecordingObserver()
    workflow = Workflow(
        checkpoint_store=MemoryCheckpointStore(), observers=[watcher], data=Order
    )
    workflow.register("Work", work).add_exit_state("Done")
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(workflow.orchestrate("Work", workflow_id="r", data=Order()))

    *_, start, failure, end = watcher.events
    assert start.hook == "on_task_start"
    assert failure == Event("on_task_failure", ("r", "work", caught.value))
    assert end == Event("on_run_end", ("r", None))
