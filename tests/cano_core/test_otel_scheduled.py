"""Runs of a scheduler, as OpenTelemetry sees them: each is a run like any other."""

import asyncio
from collections.abc import Iterator

import pytest

from cano_core import Scheduler
from shop_flow import Flow
from telemetry import Telemetry, instrumented


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    with instrumented() as telemetry:
        yield telemetry


def test_a_triggered_run_stands_in_the_span_of_who_triggers_it(
    telemetry: Telemetry,
) -> None:
    """X3: and is named after its tick. Without such a span it is one of its own."""
    tracer = telemetry.tracer_provider.get_tracer("program")

    async def main() -> list[str]:
        ids = []
        async with Scheduler().manual("f", Flow().workflow, "Charge") as scheduler:
            with tracer.start_as_current_span("request"):
                ids.append(scheduler.trigger("f"))
            await scheduler.settled("f")
            ids.append(scheduler.trigger("f"))
            await scheduler.settled("f")
        return ids

    ids = asyncio.run(main())
    runs = [span for span in telemetry.spans if span.name == "run"]
    assert [run.attributes["cano.workflow.id"] for run in runs] == ids
    in_request, alone = telemetry.tree()
    assert in_request[0] == "request"
    assert in_request[1] == alone
    assert alone[:2] == ["run", ["state Charge", "attempt charge"]]
