"""Being told what a run does: everything, in order, and without any say in it."""

import asyncio
import inspect
import logging
from enum import Enum
from typing import Any

import pytest

from cano_core import (
    CircuitBreaker,
    CircuitOpenError,
    Event,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    RecordingObserver,
    Retry,
    RunConflictError,
    RunContext,
    RunExistsError,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowObserver,
)
from cano_core.errors import BranchCancelledError
from cano_core.observers import ObserverGroup

HOOKS = [name for name in vars(WorkflowObserver) if name.startswith("on_")]

TOLD_BY_A_FLOW = [
    "on_run_start",
    "on_run_end",
    "on_state_enter",
    "on_checkpoint",
    "on_resume",
    "on_task_start",
    "on_retry",
    "on_task_success",
    "on_task_failure",
]


class Flow:
    """First > Second > Done; Second fails as often as it is told to."""

    def __init__(self, failures: int = 0, **options: Any) -> None:
        self.failures = failures
        self.watcher = RecordingObserver()
        options.setdefault("checkpoint_store", MemoryCheckpointStore())
        self.workflow = Workflow(
            observers=[*options.pop("before", ()), self.watcher], **options
        )
        once_more = TaskConfig(retry=Retry.fixed(1, 0))
        self.workflow.register("First", self.first)
        self.workflow.register("Second", self.second, config=once_more)
        self.workflow.add_exit_state("Done")

    async def first(self, run: RunContext) -> str:
        await run.once("call", lambda: 1)
        return "Second"

    async def second(self) -> str:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no")
        return "Done"

    def run(self) -> object:
        return asyncio.run(self.workflow.start_or_resume("First", workflow_id="r"))

    def told(self) -> list[tuple[Any, ...]]:
        told = [(event.hook, *event.arguments) for event in self.watcher.events]
        self.watcher.events.clear()
        return told


FINISHED = Outcome(OutcomeStatus.FINISHED, "Done")


def test_a_run_is_told_in_the_documented_order() -> None:
    flow = Flow(failures=1)
    flow.run()

    assert flow.told() == [
        ("on_run_start", "r"),
        ("on_state_enter", "r", "First"),
        ("on_checkpoint", "r", 0),
        ("on_task_start", "r", "first"),
        ("on_checkpoint", "r", 1),
        ("on_task_success", "r", "first"),
        ("on_state_enter", "r", "Second"),
        ("on_checkpoint", "r", 2),
        ("on_task_start", "r", "second"),
        ("on_retry", "r", "second", 1),
        ("on_task_success", "r", "second"),
        ("on_state_enter", "r", "Done"),
        ("on_checkpoint", "r", 3),
        ("on_run_end", "r", FINISHED),
    ]


def test_a_failure_and_a_resume_are_told_in_the_documented_order() -> None:
    flow = Flow(failures=2)
    with pytest.raises(TaskFailedError) as caught:
        flow.run()

    *_, retry, failure, end = flow.told()
    assert retry == ("on_retry", "r", "second", 1)
    assert failure == ("on_task_failure", "r", "second", caught.value.__cause__)
    assert end == ("on_run_end", "r", None)

    flow.run()
    assert flow.told() == [
        ("on_checkpoint", "r", 3),
        ("on_run_start", "r"),
        ("on_resume", "r", 2),
        ("on_state_enter", "r", "Second"),
        ("on_task_start", "r", "second"),
        ("on_task_success", "r", "second"),
        ("on_state_enter", "r", "Done"),
        ("on_checkpoint", "r", 4),
        ("on_run_end", "r", FINISHED),
    ]


def test_a_refusal_by_a_breaker_is_told_before_the_failure() -> None:
    flow = Flow(failures=1)
    breaker = CircuitBreaker(failure_threshold=1)
    guarded = TaskConfig(retry=Retry.fixed(2, 0), circuit_breaker=breaker)
    flow.workflow.register("Guarded", flow.second, config=guarded)
    with pytest.raises(TaskFailedError):
        asyncio.run(flow.workflow.orchestrate("Guarded", workflow_id="r"))

    *_, start, retry, refusal, failure, _ = flow.told()
    assert start == ("on_task_start", "r", "second")
    assert retry == ("on_retry", "r", "second", 1)
    assert refusal == ("on_circuit_open", "r", "second")
    assert failure[:3] == ("on_task_failure", "r", "second")
    assert isinstance(failure[3], CircuitOpenError)


def test_branches_of_a_split_are_tasks_within_its_own() -> None:
    meeting = asyncio.Barrier(2)

    async def fetch() -> int:
        async with meeting:
            return 1

    async def wait() -> int:
        async with meeting:
            pass
        await asyncio.Event().wait()
        return 1

    flow = Flow()
    flow.workflow.register_split(
        "Split", [fetch, wait], JoinConfig(JoinStrategy.ANY, "Done")
    )
    asyncio.run(flow.workflow.orchestrate("Split", workflow_id="r"))

    told = flow.told()
    assert told[3:-5] == [
        ("on_task_start", "r", "split"),
        ("on_task_start", "r", "fetch[0]"),
        ("on_task_start", "r", "wait[1]"),
        ("on_checkpoint", "r", 1),
        ("on_task_success", "r", "fetch[0]"),
    ]
    (failure, _, branch, error), success, entered, *_ = told[-5:]
    assert (failure, branch) == ("on_task_failure", "wait[1]")
    assert isinstance(error, BranchCancelledError)
    assert success == ("on_task_success", "r", "split")
    assert entered == ("on_state_enter", "r", "Done")


def test_a_finished_run_tells_nothing_when_it_is_asked_again() -> None:
    flow = Flow()
    flow.run()
    flow.told()
    flow.run()
    assert flow.told() == []


def test_a_run_without_store_and_id_has_neither_rows_nor_id() -> None:
    flow = Flow(checkpoint_store=None)
    asyncio.run(flow.workflow.orchestrate("First"))

    told = flow.told()
    assert "on_checkpoint" not in {hook for hook, *_ in told}
    assert {workflow_id for _, workflow_id, *_ in told} == {None}


def test_a_claim_that_is_lost_tells_nothing() -> None:
    flow = Flow(failures=2)
    with pytest.raises(TaskFailedError):
        flow.run()
    flow.told()
    store = flow.workflow._store
    load_run = store.load_run

    async def stale(workflow_id: str) -> Any:
        return (await load_run(workflow_id))[:-1]

    store.load_run = stale
    with pytest.raises(RunConflictError):
        flow.run()
    assert flow.told() == []


def test_a_taken_id_is_told_as_a_run_that_did_not_come_far() -> None:
    flow = Flow()
    flow.run()
    flow.told()
    with pytest.raises(RunExistsError):
        asyncio.run(flow.workflow.orchestrate("First", workflow_id="r"))

    assert flow.told() == [
        ("on_run_start", "r"),
        ("on_state_enter", "r", "First"),
        ("on_run_end", "r", None),
    ]


@pytest.mark.parametrize("hook", HOOKS)
def test_an_observer_that_raises_keeps_nothing_from_the_next_one(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    def angry(self: object, *arguments: object) -> None:
        raise RuntimeError("not today")

    watcher = RecordingObserver()
    observer = type("Angry", (WorkflowObserver,), {hook: angry})()
    parameters = inspect.signature(getattr(WorkflowObserver, hook)).parameters
    arguments = tuple(range(len(parameters) - 1))

    with caplog.at_level(logging.ERROR, "cano_core"):
        ObserverGroup([observer, watcher]).tell(hook, *arguments)

    assert watcher.events == [Event(hook, arguments)]
    assert f"raised in {hook}{arguments}; the run goes on" in caplog.text
    assert "not today" in caplog.text


@pytest.mark.parametrize("hook", TOLD_BY_A_FLOW)
def test_an_observer_that_raises_is_logged_and_changes_nothing(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    def angry(self: object, *arguments: object) -> None:
        raise RuntimeError("not today")

    observer = type("Angry", (WorkflowObserver,), {hook: angry})()

    def lives(flow: Flow) -> list[tuple[Any, ...]]:
        with pytest.raises(TaskFailedError):
            flow.run()
        assert flow.run() == "Done"
        told = flow.told()
        return [each[:2] for each in told]

    with caplog.at_level(logging.ERROR, "cano_core"):
        disturbed = lives(Flow(failures=3, before=[observer]))
    undisturbed = lives(Flow(failures=3))

    assert disturbed == undisturbed
    assert f"raised in {hook}" in caplog.text
    assert "not today" in caplog.text


def test_observers_are_told_one_after_the_other() -> None:
    told: list[str] = []

    class Named(WorkflowObserver):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_state_enter(self, workflow_id: str | None, state: str) -> None:
            told.append(f"{self.name} {state}")

    Flow(before=[Named("a"), Named("b")]).run()

    assert told[:4] == ["a First", "b First", "a Second", "b Second"]


def test_the_recording_observer_records_every_hook() -> None:
    watcher = RecordingObserver()
    for number, hook in enumerate(HOOKS):
        parameters = len(inspect.signature(getattr(WorkflowObserver, hook)).parameters)
        arguments = [f"argument {number}"] * (parameters - 1)
        getattr(watcher, hook)(*arguments)
        assert watcher.events[-1] == Event(hook, tuple(arguments))
        assert watcher.of(hook) == [tuple(arguments)]
    assert len(watcher.events) == len(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_what_it_means_and_does_nothing(hook: str) -> None:
    method = getattr(WorkflowObserver(), hook)
    assert method.__doc__
    assert method(*range(len(inspect.signature(method).parameters))) is None
    assert getattr(RecordingObserver, hook).__doc__ == method.__doc__


def test_the_path_is_that_of_the_states_entered() -> None:
    flow = Flow()
    flow.run()
    assert flow.watcher.path == ["First", "Second", "Done"]


def test_what_was_taken_is_not_told_again() -> None:
    flow = Flow()
    flow.run()
    everything = list(flow.watcher.events)

    assert flow.watcher.take() == everything
    assert flow.watcher.take() == []
    assert flow.watcher.path == []


def test_the_outcome_is_that_of_the_run_that_ended_last() -> None:
    flow = Flow(failures=2)
    assert flow.watcher.outcome is None
    with pytest.raises(TaskFailedError):
        flow.run()
    assert flow.watcher.outcome is None
    flow.run()
    assert flow.watcher.outcome == FINISHED


def test_states_that_were_not_entered_are_found_by_state_or_label() -> None:
    class Step(Enum):
        Second = 1
        Third = 2

    flow = Flow()
    assert flow.watcher.not_entered("First", *Step) == ["First", "Second", "Third"]
    flow.run()
    assert flow.watcher.not_entered("First", *Step, "Third") == ["Third"]
    assert flow.watcher.not_entered(*flow.workflow.graph.states) == []


def test_what_was_undone_is_told_by_state_in_its_order() -> None:
    watcher = RecordingObserver()
    watcher.on_compensated("r", "Ship")
    watcher.on_compensation_failure("r", "Pack", OSError())
    watcher.on_compensated("r", "Charge")

    assert watcher.compensated == ["Ship", "Charge"]
