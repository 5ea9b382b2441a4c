"""How runs end, as OpenTelemetry sees it: failures, rollbacks, crashes, limits."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.trace import StatusCode

from cano_core import (
    Cancellation,
    CheckpointStoreError,
    CircuitBreaker,
    CompensationFailedError,
    MemoryCheckpointStore,
    RolledBackError,
    RunCancelledError,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowTimeoutError,
)
from saga_flow import SagaFlow
from shop_flow import Flow
from telemetry import Telemetry, instrumented


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    with instrumented() as telemetry:
        yield telemetry


def test_a_failed_attempt_that_is_tried_again_fails_neither_state_nor_run(
    telemetry: Telemetry,
) -> None:
    Flow(None, OSError("no")).run()

    first, second = (each for each in telemetry.spans if each.name == "attempt charge")
    assert first.status.status_code is StatusCode.ERROR
    assert first.status.description == "OSError: no"
    assert [event.name for event in first.events] == ["exception"]
    for span in (second, telemetry.span("state Charge"), telemetry.span("run")):
        assert span.status.status_code is StatusCode.UNSET
        assert not span.events


def test_a_failure_for_good_is_the_error_of_attempt_state_and_run(
    telemetry: Telemetry,
) -> None:
    with pytest.raises(TaskFailedError):
        Flow(MemoryCheckpointStore(), OSError("no"), ValueError("never")).run()

    _, attempt = (each for each in telemetry.spans if each.name == "attempt charge")
    for span in (attempt, telemetry.span("state Charge"), telemetry.span("run")):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "ValueError"
    run = telemetry.span("run")
    assert run.attributes["cano.outcome"] == "failed"
    assert run.events[0].attributes["exception.type"] == (
        "cano_core.errors.RetryExhaustedError"
    )


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
def test_a_crash_ends_every_span_without_an_error(
    telemetry: Telemetry, kind: type[BaseException]
) -> None:
    with pytest.raises(kind):
        Flow(MemoryCheckpointStore(), kind()).run()

    for name in ("attempt charge", "state Charge", "run"):
        assert telemetry.span(name).status.status_code is StatusCode.UNSET
    for name in ("attempt charge", "run"):
        span = telemetry.span(name)
        assert span.attributes["cano.outcome"] == "interrupted"
        assert [event.name for event in span.events] == ["cano.interrupted"]
    assert telemetry.counts("cano.active_runs") == {(): 0}


def test_a_store_that_fails_is_the_error_of_its_call_and_of_the_run(
    telemetry: Telemetry,
) -> None:
    store = MemoryCheckpointStore()

    async def broken(workflow_id: str, *rows: object) -> None:
        raise OSError("disk full")

    store.append = broken  # type: ignore[method-assign]
    with pytest.raises(CheckpointStoreError, match="in MemoryCheckpointStore: OSError"):
        Flow(store).run()

    append = telemetry.span("store append")
    assert append.status.description == "OSError: disk full"
    run = telemetry.span("run")
    assert run.status.status_code is StatusCode.ERROR
    assert run.attributes["error.type"] == "cano_core.errors.CheckpointStoreError"
    assert telemetry.counts("cano.store.operation.duration")[
        ("failure", "append", "MemoryCheckpointStore", "OSError")
    ]
    assert not telemetry.counts("cano.checkpoint.rows")


def roll_back(flow: SagaFlow, error: type[Exception], workflow_id: str = "r") -> None:
    with pytest.raises(error):
        asyncio.run(
            flow.workflow.start_or_resume("Book", workflow_id=workflow_id),
        )


def test_compensations_stand_in_the_rollback_and_it_in_the_run(
    telemetry: Telemetry,
) -> None:
    roll_back(SagaFlow(checkpoint_store=MemoryCheckpointStore()), TaskFailedError)

    run = telemetry.tree()[-1]
    assert run[-2:] == [
        ["state Check", "store append", "attempt check", "store append"],
        [
            "rollback",
            "compensate pay",
            "store append",
            "compensate book",
            "store finish",
        ],
    ]


def test_a_rollback_says_what_it_undoes_and_whether_it_did(
    telemetry: Telemetry,
) -> None:
    roll_back(SagaFlow(checkpoint_store=MemoryCheckpointStore()), TaskFailedError)

    run, rollback = telemetry.span("run"), telemetry.span("rollback")
    assert run.attributes["cano.outcome"] == "rolled_back"
    assert run.attributes["error.type"] == "OSError"
    assert run.status.status_code is StatusCode.ERROR
    assert rollback.attributes["cano.state.name"] == "Check"
    assert rollback.attributes["cano.rollback.complete"] is True
    assert rollback.status.status_code is StatusCode.UNSET
    assert telemetry.counts("cano.rollback.duration") == {(True,): 1}
    assert telemetry.counts("cano.compensation.duration") == {
        ("success", "Pay", "pay"): 1,
        ("success", "Book", "book"): 1,
    }
    assert telemetry.counts("cano.run.duration") == {("rolled_back", "OSError"): 1}
    kinds = telemetry.counts("cano.checkpoint.rows")
    assert (kinds["rollback",], kinds["compensated",]) == (1, 2)


def test_a_rollback_that_is_stuck_is_an_error_until_a_resumed_one_ends_it(
    telemetry: Telemetry,
) -> None:
    flow = SagaFlow(checkpoint_store=MemoryCheckpointStore())
    flow.stuck.append(ValueError("no"))
    roll_back(flow, CompensationFailedError)
    roll_back(flow, RolledBackError)

    stuck, ended = (span for span in telemetry.spans if span.name == "rollback")
    assert stuck.status.status_code is StatusCode.ERROR
    assert stuck.attributes["error.type"] == "ValueError"
    assert stuck.attributes["cano.rollback.complete"] is False
    assert ended.status.status_code is StatusCode.UNSET
    assert telemetry.counts("cano.compensation.duration") == {
        ("success", "Pay", "pay"): 1,
        ("failure", "Book", "book", "ValueError"): 1,
        ("success", "Book", "book"): 1,
    }
    first, second = (span for span in telemetry.spans if span.name == "run")
    assert first.attributes["cano.outcome"] == "failed"
    assert second.attributes["cano.outcome"] == "rolled_back"
    assert second.status.status_code is StatusCode.UNSET


def test_what_a_caller_is_handling_is_not_the_error_of_a_run(
    telemetry: Telemetry,
) -> None:
    flow = SagaFlow(checkpoint_store=MemoryCheckpointStore())
    flow.stuck.append(ValueError("no"))
    roll_back(flow, CompensationFailedError)

    async def in_an_except() -> None:
        try:
            raise KeyError("elsewhere")
        except KeyError:
            await flow.workflow.resume_from("r")

    with pytest.raises(RolledBackError):
        asyncio.run(in_an_except())
    _, second = (span for span in telemetry.spans if span.name == "run")
    assert second.status.status_code is StatusCode.UNSET
    assert not second.events


@pytest.mark.parametrize("rollback", [True, False])
def test_a_cancellation_is_an_event_and_no_error(
    telemetry: Telemetry, rollback: bool
) -> None:
    cancellation = Cancellation()

    class Parked(SagaFlow):
        async def check(self) -> str:
            cancellation.cancel(rollback=rollback)
            await asyncio.Event().wait()
            return "Done"

    parked = Parked(checkpoint_store=MemoryCheckpointStore()).workflow
    with pytest.raises(RunCancelledError):
        asyncio.run(
            parked.orchestrate("Book", workflow_id="r", cancel=cancellation),
        )

    run = telemetry.span("run")
    for span in (run, telemetry.span("state Check"), telemetry.span("attempt check")):
        assert span.status.status_code is StatusCode.UNSET
    assert run.attributes["cano.outcome"] == (
        "rolled_back" if rollback else "interrupted"
    )
    assert [event.name for event in run.events] == [
        "cano.cancelled",
        "cano.interrupted",
    ]
    assert telemetry.counts("cano.run.cancellations") == {(): 1}
    assert telemetry.counts("cano.task.runs")["interrupted", "check"] == 1


def test_a_run_that_takes_too_long_is_an_error_that_says_so(
    telemetry: Telemetry,
) -> None:
    async def wait() -> str:
        await asyncio.Event().wait()
        return "Done"

    workflow = Workflow(total_timeout=0.01)
    workflow.register("Wait", wait).add_exit_state("Done")
    with pytest.raises(WorkflowTimeoutError):
        asyncio.run(workflow.orchestrate("Wait"))

    run = telemetry.span("run")
    assert run.status.status_code is StatusCode.ERROR
    assert [event.name for event in run.events] == ["cano.run_timeout", "exception"]
    assert dict(run.events[0].attributes) == {
        "cano.state.name": "Wait",
        "cano.limit": 0.01,
    }
    assert telemetry.counts("cano.run.timeouts") == {(): 1}


def test_a_refusal_by_a_breaker_is_an_event_of_the_state(telemetry: Telemetry) -> None:
    breaker = CircuitBreaker(failure_threshold=1)
    breaker.acquire().failure()

    async def work() -> str:
        return "Done"

    workflow = Workflow()
    workflow.register("Work", work, config=TaskConfig(circuit_breaker=breaker))
    workflow.add_exit_state("Done")
    with pytest.raises(TaskFailedError):
        asyncio.run(workflow.orchestrate("Work"))

    state = telemetry.span("state Work")
    assert telemetry.tree() == [["run", "state Work"]]
    assert [event.name for event in state.events] == ["cano.circuit_open"]
    assert state.attributes["error.type"] == "cano_core.errors.CircuitOpenError"
    assert telemetry.counts("cano.circuit.rejections") == {("work",): 1}
