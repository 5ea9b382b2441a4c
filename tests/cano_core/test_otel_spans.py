"""Runs as OpenTelemetry traces them: which span stands in which."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry import baggage, context, trace

from cano_core import (
    MemoryCheckpointStore,
    RunContext,
    TaskFailedError,
    Workflow,
)
from shop_flow import Flow
from telemetry import Telemetry, instrumented


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    with instrumented() as telemetry:
        yield telemetry


def test_attempts_stand_in_states_and_states_in_the_run(telemetry: Telemetry) -> None:
    Flow().run()

    assert telemetry.tree() == [
        [
            "run",
            ["state Charge", "attempt charge"],
            ["state Ship", "attempt ship"],
            "state Done",
        ]
    ]


def test_calls_of_the_store_stand_where_they_are_made(telemetry: Telemetry) -> None:
    Flow(MemoryCheckpointStore()).run()

    assert telemetry.tree() == [
        "store load_tail",
        "store outcome",
        [
            "run",
            [
                "state Charge",
                "store append",
                ["attempt charge", "store append"],
            ],
            ["state Ship", "store append", "attempt ship"],
            ["state Done", "store finish"],
        ],
    ]


def test_a_run_stands_in_the_span_of_its_caller(telemetry: Telemetry) -> None:
    tracer = telemetry.tracer_provider.get_tracer("program")
    with tracer.start_as_current_span("request"):
        Flow(MemoryCheckpointStore()).run()
        assert trace.get_current_span().is_recording()

    (request,) = telemetry.tree(stores=False)
    assert request[0] == "request"
    assert request[1][0] == "run"
    assert len({span.context.trace_id for span in telemetry.spans}) == 1


def test_spans_and_baggage_of_a_task_are_those_of_its_attempt(
    telemetry: Telemetry,
) -> None:
    tracer = telemetry.tracer_provider.get_tracer("program")
    seen: list[object] = []

    async def work(run: RunContext) -> str:
        with tracer.start_as_current_span("pay"):
            seen.append(baggage.get_baggage("tenant"))
            await run.once("call", lambda: 1)
        await asyncio.gather(*(in_a_task_of_its_own() for _ in range(2)))
        return "Done"

    async def in_a_task_of_its_own() -> None:
        with tracer.start_as_current_span("notify"):
            await asyncio.sleep(0)

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    workflow.register("Work", work).add_exit_state("Done")
    token = context.attach(baggage.set_baggage("tenant", "north"))
    try:
        asyncio.run(workflow.orchestrate("Work", workflow_id="r"))
    finally:
        context.detach(token)

    (run,) = telemetry.tree()
    assert run[1] == [
        "state Work",
        "store append",
        ["attempt work", ["pay", "store append"], "notify", "notify"],
    ]
    assert seen == ["north"]


def test_spans_of_a_sync_task_stand_in_its_attempt(telemetry: Telemetry) -> None:
    tracer = telemetry.tracer_provider.get_tracer("program")

    def work() -> str:
        with tracer.start_as_current_span("pay"):
            return "Done"

    workflow = Workflow().register("Work", work).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Work"))

    (run,) = telemetry.tree()
    assert run[1] == ["state Work", ["attempt work", "pay"]]


def test_a_run_inside_a_task_stands_in_its_attempt(telemetry: Telemetry) -> None:
    inner = Flow().workflow

    async def work() -> str:
        await inner.orchestrate("Charge")
        return "Done"

    outer = Workflow().register("Work", work).add_exit_state("Done")
    asyncio.run(outer.orchestrate("Work"))

    (run,) = telemetry.tree()
    state, attempt = run[1]
    assert (state, attempt[0], attempt[1][0]) == ("state Work", "attempt work", "run")
    assert ["state Ship", "attempt ship"] in attempt[1]


def test_a_run_without_id_has_no_id_on_its_spans(telemetry: Telemetry) -> None:
    Flow().run()

    assert not any("cano.workflow.id" in span.attributes for span in telemetry.spans)


def test_spans_say_what_they_stand_for(telemetry: Telemetry) -> None:
    Flow(MemoryCheckpointStore(), OSError("no")).run()

    first, second = (each for each in telemetry.spans if each.name == "attempt charge")
    assert dict(first.attributes) == {
        "cano.state.name": "Charge",
        "cano.task.name": "charge",
        "cano.workflow.id": "order-1",
        "cano.attempt": 1,
        "cano.visit": 1,
        "cano.resumes": 0,
        "cano.outcome": "failure",
        "error.type": "OSError",
    }
    assert dict(second.attributes) == {
        "cano.state.name": "Charge",
        "cano.task.name": "charge",
        "cano.workflow.id": "order-1",
        "cano.attempt": 2,
        "cano.visit": 1,
        "cano.resumes": 0,
        "cano.outcome": "success",
    }
    assert dict(telemetry.span("store finish").attributes) == {
        "cano.store.operation": "finish",
        "cano.store.type": "MemoryCheckpointStore",
        "cano.workflow.id": "order-1",
        "cano.outcome": "success",
    }
    assert dict(telemetry.span("run").attributes) == {
        "cano.workflow.id": "order-1",
        "cano.outcome": "finished",
    }


def test_a_resumed_run_is_a_span_of_its_own_that_says_so(telemetry: Telemetry) -> None:
    flow = Flow(MemoryCheckpointStore(), OSError("no"), OSError("no"))
    with pytest.raises(TaskFailedError):
        flow.run()
    assert flow.run() == "Done"

    first, second = (span for span in telemetry.spans if span.name == "run")
    assert "cano.run.resumed_after" not in first.attributes
    assert second.attributes["cano.run.resumed_after"] == 0
    assert first.context.trace_id != second.context.trace_id
    resumed = [
        span.attributes["cano.resumes"]
        for span in telemetry.spans
        if span.name == "attempt charge"
    ]
    assert resumed == [0, 0, 1]
    assert telemetry.counts("cano.run.resumes") == {(): 1}


def test_runs_side_by_side_keep_their_spans_apart(telemetry: Telemetry) -> None:
    tracer = telemetry.tracer_provider.get_tracer("program")
    store = MemoryCheckpointStore()
    meeting = asyncio.Barrier(2)

    async def meet(run: RunContext) -> str:
        with tracer.start_as_current_span(f"work {run.workflow_id}"):
            async with meeting:
                await run.once("call", lambda: 1)
        return "Again" if run.label == "Meet" else "Done"

    workflow = Workflow(checkpoint_store=store)
    workflow.register("Meet", meet).register("Again", meet).add_exit_state("Done")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b"):
                group.create_task(workflow.orchestrate("Meet", workflow_id=name))

    asyncio.run(both())

    spans = {span.context.span_id: span for span in telemetry.spans}
    runs = [span for span in spans.values() if span.name == "run"]
    assert len({span.context.trace_id for span in runs}) == 2
    for span in spans.values():
        workflow_id = span.attributes.get("cano.workflow.id") or span.name[-1]
        while span.parent is not None:
            span = spans[span.parent.span_id]
            assert span.attributes.get("cano.workflow.id") in (workflow_id, None)
        assert span.attributes["cano.workflow.id"] == workflow_id
    assert [each[1][0] for each in telemetry.tree(stores=False)] == ["state Meet"] * 2
