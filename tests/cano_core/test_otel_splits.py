"""The branches of a split, as OpenTelemetry sees them: beside each other."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from cano_core import (
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from telemetry import Telemetry, instrumented


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    with instrumented() as telemetry:
        yield telemetry


class Fetching:
    """Three branches, of which the second fails, and the third waits for ever."""

    def __init__(self, telemetry: Telemetry, strategy: JoinStrategy) -> None:
        self.tracer = telemetry.tracer_provider.get_tracer("program")
        self.meeting = asyncio.Barrier(3)
        self.workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
        self.workflow.register_split(
            "Split",
            [self.fetch, self.fail, self.wait],
            JoinConfig(strategy, "Join"),
            config=TaskConfig.minimal(),
        )
        self.workflow.register("Join", self.join).add_exit_state("Done")

    async def fetch(self, run: RunContext) -> int:
        with self.tracer.start_as_current_span("fetching"):
            async with self.meeting:
                await run.once("page", lambda: 1)
        return 1

    async def fail(self) -> int:
        with self.tracer.start_as_current_span("failing"):
            async with self.meeting:
                pass
            raise OSError("gone")

    async def wait(self) -> int:
        with self.tracer.start_as_current_span("waiting"):
            async with self.meeting:
                pass
            await asyncio.Event().wait()
        return 1

    async def join(self) -> str:
        assert trace.get_current_span().attributes["cano.state.name"] == "Join"  # type: ignore[attr-defined]
        return "Done"

    def run(self) -> object:
        return asyncio.run(self.workflow.orchestrate("Split", workflow_id="r"))


def test_spans_of_a_branch_stand_in_it_and_branches_in_the_split(
    telemetry: Telemetry,
) -> None:
    assert Fetching(telemetry, JoinStrategy.ANY).run() == "Done"

    (run,) = telemetry.tree()
    state, entry, split = run[1]
    assert (state, entry, split[0]) == ("state Split", "store append", "attempt split")
    assert sorted(split[1:]) == [
        ["branch fail", "failing"],
        ["branch fetch", ["fetching", "store append"], "store append"],
        ["branch wait", "waiting"],
    ]
    assert run[2] == ["state Join", "store append", "attempt join"]


def test_a_branch_that_lost_is_cancelled_and_one_that_failed_has_failed(
    telemetry: Telemetry,
) -> None:
    Fetching(telemetry, JoinStrategy.ANY).run()

    branches = [span for span in telemetry.spans if span.name.startswith("branch ")]
    assert sorted(
        (
            span.attributes["cano.branch"],
            span.attributes["cano.outcome"],
            span.status.description,
        )
        for span in branches
    ) == [
        ("fail[1]", "failure", "OSError: gone"),
        ("fetch[0]", "success", None),
        ("wait[2]", "cancelled", None),
    ]
    for name in ("state Split", "attempt split", "run"):
        assert telemetry.span(name).status.status_code is StatusCode.UNSET
    assert telemetry.counts("cano.branch.duration") == {
        ("success", "Split", "fetch"): 1,
        ("failure", "Split", "fail", "OSError"): 1,
        ("cancelled", "Split", "wait"): 1,
    }
    assert telemetry.counts("cano.task.runs") == {
        ("success", "fetch"): 1,
        ("failure", "fail"): 1,
        ("cancelled", "wait"): 1,
        ("success", "split"): 1,
        ("success", "join"): 1,
    }


def test_a_split_that_fails_is_the_error_of_its_state(telemetry: Telemetry) -> None:
    with pytest.raises(TaskFailedError):
        Fetching(telemetry, JoinStrategy.ALL).run()

    for name in ("branch fail", "attempt split", "state Split", "run"):
        assert telemetry.span(name).attributes["error.type"] == "OSError"
    assert telemetry.span("attempt split").status.description == "OSError: gone"
    assert telemetry.span("branch wait").attributes["cano.outcome"] == "cancelled"
    assert telemetry.span("run").status.status_code is StatusCode.ERROR
    assert trace.get_current_span() is trace.INVALID_SPAN
