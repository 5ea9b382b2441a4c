"""Attaching OpenTelemetry to runs: to all or some, with its API or without it."""

import asyncio
import contextvars
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace

from cano_core import (
    MemoryCheckpointStore,
    Workflow,
    remembers_outcomes,
)
from cano_core.otel import instrument, uninstrument
from cano_core.otel.store import traced_store
from shop_flow import Flow, ThreeMethods
from telemetry import Telemetry, instrumented


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    with instrumented() as telemetry:
        yield telemetry


def test_a_store_keeps_its_capabilities_and_its_name(telemetry: Telemetry) -> None:
    plain: Any = traced_store(ThreeMethods(), None)  # type: ignore[arg-type]
    whole: Any = traced_store(MemoryCheckpointStore(), None)  # type: ignore[arg-type]

    assert not remembers_outcomes(plain)
    assert not hasattr(plain, "list_runs")
    assert plain.color == "blue"
    assert type(plain).__name__ == "ThreeMethods"
    assert remembers_outcomes(whole)
    assert callable(whole.list_runs)


def test_a_store_without_outcomes_is_traced_too(telemetry: Telemetry) -> None:
    Flow(ThreeMethods()).run()

    (run,) = [each for each in telemetry.tree() if each[0] == "run"]
    assert run[-1] == ["state Done", "store append", "store clear"]


def test_telemetry_that_breaks_changes_no_run(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def on_start(self, span: object, parent_context: object = None) -> None:
            raise RuntimeError("no start")

        def on_end(self, span: object) -> None:
            raise RuntimeError("no end")

        def shutdown(self) -> None:
            pass

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    Flow(None, Mute()).run()
    attempt = next(each for each in telemetry.spans if each.name == "attempt charge")
    assert attempt.status.description == "Mute"
    assert [event.name for event in attempt.events] == ["exception"]

    broken: Any = Broken()
    telemetry.tracer_provider.add_span_processor(broken)
    assert Flow(MemoryCheckpointStore()).run() == "Done"
    assert "no telemetry; the run goes on" in caplog.text


def test_only_the_workflows_named_are_instrumented(telemetry: Telemetry) -> None:
    named, other = Flow(), Flow()
    instrument(tracer_provider=telemetry.tracer_provider, only=[named.workflow])
    other.run()
    assert not telemetry.spans
    named.run()
    assert telemetry.span("run")


def test_to_instrument_again_replaces_and_to_uninstrument_ends_it(
    telemetry: Telemetry,
) -> None:
    again = Telemetry()
    instrument(tracer_provider=again.tracer_provider)
    Flow().run()
    assert not telemetry.spans
    assert again.span("run")

    uninstrument()
    uninstrument()
    Flow().run()
    assert again.span("run")
    again.shutdown()


def test_without_providers_nothing_is_recorded_and_nothing_breaks() -> None:
    instrument()
    try:
        assert Flow(MemoryCheckpointStore(), OSError("no")).run() == "Done"
    finally:
        uninstrument()


def test_without_the_extra_the_error_says_how_to_get_it() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
import cano_core
try:
    import cano_core.otel
except cano_core.ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "cano_core.otel needs OpenTelemetry's API, which is not installed: "
        "pip install 'pytest-cano[otel]'\n"
    )


def test_an_abandoned_run_that_is_closed_elsewhere_leaves_everything_as_it_was(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "Done"

    workflow = Workflow().register("Work", work).add_exit_state("Done")
    run = workflow.orchestrate("Work")
    contextvars.copy_context().run(run.send, None)
    before = trace.get_current_span()
    run.close()

    assert trace.get_current_span() is before
    assert not caplog.records
    assert telemetry.span("run").attributes["cano.outcome"] == "interrupted"
