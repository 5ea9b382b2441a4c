"""Runs as OpenTelemetry measures them: few metrics with few attributes."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cano_core import (
    MemoryCheckpointStore,
    Workflow,
)
from shop_flow import Flow
from telemetry import Telemetry, instrumented


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    with instrumented() as telemetry:
        yield telemetry


def test_metrics_have_the_names_units_and_attributes_of_the_table(
    telemetry: Telemetry,
) -> None:
    flow = Flow(MemoryCheckpointStore(), OSError("no"))
    flow.run()

    units = {name: metric.unit for name, metric in telemetry.metrics().items()}
    assert units == {
        "cano.active_runs": "{run}",
        "cano.run.duration": "s",
        "cano.state.duration": "s",
        "cano.attempt.duration": "s",
        "cano.task.runs": "{run}",
        "cano.task.retries": "{retry}",
        "cano.checkpoint.rows": "{row}",
        "cano.store.operation.duration": "s",
    }
    assert telemetry.counts("cano.run.duration") == {("finished",): 1}
    assert telemetry.counts("cano.state.duration") == {
        ("Charge",): 1,
        ("Ship",): 1,
        ("Done",): 1,
    }
    assert list(telemetry.points("cano.attempt.duration")) == [
        (
            {
                "cano.state.name": "Charge",
                "cano.task.name": "charge",
                "cano.outcome": "failure",
                "error.type": "OSError",
            },
            1,
        ),
        (
            {
                "cano.state.name": "Charge",
                "cano.task.name": "charge",
                "cano.outcome": "success",
            },
            1,
        ),
        (
            {
                "cano.state.name": "Ship",
                "cano.task.name": "ship",
                "cano.outcome": "success",
            },
            1,
        ),
    ]
    assert telemetry.counts("cano.task.runs") == {
        ("success", "charge"): 1,
        ("success", "ship"): 1,
    }
    assert telemetry.counts("cano.task.retries") == {("charge",): 1}
    assert telemetry.counts("cano.checkpoint.rows") == {
        ("state_entry",): 3,
        ("memo",): 1,
    }
    assert telemetry.counts("cano.store.operation.duration") == {
        ("success", "load_tail", "MemoryCheckpointStore"): 1,
        ("success", "outcome", "MemoryCheckpointStore"): 1,
        ("success", "append", "MemoryCheckpointStore"): 3,
        ("success", "finish", "MemoryCheckpointStore"): 1,
    }


def test_durations_are_seconds(telemetry: Telemetry) -> None:
    Flow().run()

    (run,) = telemetry.metrics()["cano.run.duration"].data.data_points
    attempts = telemetry.metrics()["cano.attempt.duration"].data.data_points
    span = telemetry.span("run")
    lasted = (span.end_time - span.start_time) / 1e9
    assert 0 < sum(point.sum for point in attempts) < run.sum
    assert run.sum == pytest.approx(lasted, abs=0.05)


def test_runs_are_counted_while_they_go_on(telemetry: Telemetry) -> None:
    counted: list[dict[Any, Any]] = []

    async def look() -> str:
        counted.append(telemetry.counts("cano.active_runs"))
        return "Done"

    workflow = Workflow().register("Look", look).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Look"))

    assert counted == [{(): 1}]
    assert telemetry.counts("cano.active_runs") == {(): 0}


def test_the_workflow_id_is_on_every_span_and_on_no_metric(
    telemetry: Telemetry,
) -> None:
    flow = Flow(MemoryCheckpointStore(), OSError("no"))
    flow.run("order-1")

    assert {span.attributes["cano.workflow.id"] for span in telemetry.spans} == {
        "order-1"
    }
    exported = telemetry.metrics()
    assert exported
    assert "order-1" not in str([each.to_json() for each in exported.values()])
