"""Going on from a log: where, with what, and when not at all."""

import asyncio
import sys

import pytest

from cano_core import (
    CheckpointRow,
    ConfigurationError,
    CorruptLogError,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    ResourceError,
    RolledBackError,
    RunContext,
    RunNotFoundError,
    TaskConfig,
    TaskFailedError,
    VersionMismatchError,
    Workflow,
)
from scripted_store import ScriptedStore, ThreeMethodStore
from small_flow import ENTRY, MEMO, RESUME, Flow, memo, row


def test_a_workflow_without_a_store_has_nothing_to_resume() -> None:
    """U02, second half: the message names the store."""
    with pytest.raises(ConfigurationError, match="checkpoint_store"):
        asyncio.run(Workflow().add_exit_state("Done").resume_from("r"))


def test_resume_goes_on_with_the_last_state_and_runs_no_other() -> None:
    """U03: Start is not run, Process once; a RESUME row instead of a second entry."""
    flow = Flow()
    flow.seed(row(0, "Start"), row(1, "Process"))

    assert flow.resume() == "Done"

    assert flow.ran == ["r/Process/1"]
    assert flow.watcher.of("on_resume") == [("r", 1)]
    assert flow.watcher.of("on_checkpoint") == [("r", 2), ("r", 3)]
    assert flow.watcher.path == ["Process", "Done"]


def test_the_resumer_claims_the_run_before_anything_else() -> None:
    flow = Flow()
    flow.seed(row(0, "Start"), row(1, "Process"))
    flow.fails = "Process"

    with pytest.raises(TaskFailedError):
        flow.resume()

    assert flow.rows()[2:] == [CheckpointRow(2, "Process", "work", RESUME)]


@pytest.mark.parametrize("kind_of_store", [ThreeMethodStore, ScriptedStore])
def test_an_exit_row_at_the_end_only_finishes_the_clearing(
    kind_of_store: type[ThreeMethodStore],
) -> None:
    """U04: the exit state at once; no task, no row, no resource."""
    store = kind_of_store()
    flow = Flow(store)
    flow.seed(row(0, "Start"), row(1, "Done"))
    store.calls.clear()

    assert flow.resume() == "Done"

    assert flow.ran == []
    assert flow.managed.setups == 0
    assert "append" not in store.calls
    assert flow.watcher.events == []
    assert flow.rows() == []


def test_a_finished_run_returns_its_exit_state_again_and_again() -> None:
    flow = Flow()
    asyncio.run(flow.workflow.orchestrate("Start", workflow_id="r"))
    flow.ran.clear()

    assert flow.resume() == "Done"
    assert flow.start_or_resume() == ("Done")
    assert flow.ran == []


def test_a_run_that_is_not_there_is_not_found() -> None:
    """U07."""
    flow = Flow()
    with pytest.raises(RunNotFoundError, match="'r' has neither a log nor an outcome"):
        flow.resume()
    assert flow.managed.setups == 0
    assert asyncio.run(flow.store.list_runs()) == []


def test_a_rolled_back_run_is_not_resumed() -> None:
    class RolledBack(MemoryCheckpointStore):
        async def outcome(self, workflow_id: str) -> Outcome:
            return Outcome(OutcomeStatus.ROLLED_BACK, "Process")

    with pytest.raises(RolledBackError, match=r"'Process'.*clear\(\)"):
        Flow(RolledBack()).resume()


@pytest.mark.parametrize("state", ["Gone", "Process"])
def test_an_outcome_at_what_is_no_exit_state_is_told(state: str) -> None:
    class Finished(MemoryCheckpointStore):
        async def outcome(self, workflow_id: str) -> Outcome:
            return Outcome(OutcomeStatus.FINISHED, state)

    with pytest.raises(ConfigurationError, match=f"finished at '{state}'"):
        Flow(Finished()).resume()


# Versions


def test_a_foreign_version_is_refused() -> None:
    """U45: error(1, 2), nothing is touched."""
    flow = Flow(version=2)
    flow.seed(row(0, "Start", version=2), row(1, "Process", version=1))

    with pytest.raises(VersionMismatchError) as caught:
        flow.resume()

    error = caught.value
    assert (error.sequence, error.stored, error.expected) == (1, 1, 2)
    assert "accepts_versions=(1,)" in str(error)
    assert len(flow.rows()) == 2
    assert flow.managed.setups == 0


def test_every_row_is_checked_not_only_the_last() -> None:
    """U47, where we are stricter: a matching tail does not hide an older version."""
    flow = Flow(version=2)
    flow.seed(row(0, "Start", version=1), row(1, "Process", version=2))

    with pytest.raises(VersionMismatchError, match="row 0"):
        flow.resume()


def test_accepted_versions_go_on_under_the_new_one() -> None:
    flow = Flow(version=3, accepts_versions=[1, 2])
    flow.seed(row(0, "Start", version=1), row(1, "Process", version=2))
    flow.fails = "Process"

    for _ in range(2):
        with pytest.raises(TaskFailedError):
            flow.resume()

    assert [each.version for each in flow.rows()] == [1, 2, 3, 3]


def test_a_finished_run_of_another_version_is_finished() -> None:
    store = MemoryCheckpointStore()
    asyncio.run(Flow(store).workflow.orchestrate("Start", workflow_id="r"))

    assert Flow(store, version=5).resume() == "Done"


# Failures on the way


def test_a_failed_setup_leaves_the_run_to_the_next_resume() -> None:
    """U59: no task ran, nothing is lost; the claim is a row, as always."""
    flow = Flow()
    flow.managed.fails = True
    flow.seed(row(0, "Start"), row(1, "Process"))

    with pytest.raises(ResourceError, match=r"'managed'.*no network"):
        flow.resume()
    assert flow.ran == []
    assert [each.kind for each in flow.rows()] == [ENTRY, ENTRY, RESUME]

    flow.managed.fails = False
    assert flow.resume() == "Done"
    assert flow.ran == ["r/Process/1"]


@pytest.mark.parametrize(
    ("seeds", "version", "raised"),
    [
        ([], 0, RunNotFoundError),
        ([row(0, "Start")], 2, VersionMismatchError),
        ([row(0, "Gone")], 0, CorruptLogError),
    ],
    ids=["no rows", "version", "label"],
)
def test_what_can_be_known_from_the_log_is_checked_before_any_setup(
    seeds: list[CheckpointRow], version: int, raised: type[Exception]
) -> None:
    """U63: cano sets up and tears down; we do not begin."""
    flow = Flow(version=version)
    if seeds:
        flow.seed(*seeds)
    with pytest.raises(raised):
        flow.resume()
    assert (flow.managed.setups, flow.managed.teardowns) == (0, 0)


def test_setups_and_teardowns_are_balanced_when_the_resumed_task_fails() -> None:
    flow = Flow()
    flow.seed(row(0, "Start"))
    flow.fails = "Process"
    with pytest.raises(TaskFailedError):
        flow.resume()
    assert (flow.managed.setups, flow.managed.teardowns) == (1, 1)


def test_the_path_of_a_resumed_run_is_not_doubled() -> None:
    """U61."""
    flow = Flow()
    flow.seed(row(0, "Start"), row(1, "Process"), row(2, "Process", RESUME))
    flow.fails = "Process"

    with pytest.raises(TaskFailedError) as caught:
        flow.resume()

    assert caught.value.path == ("Start", "Process")


# Long logs


def calls_to_resume(length: int) -> int:
    """How many functions are called by resuming a log of that many rows."""
    store = ScriptedStore()

    async def loop(run: RunContext) -> str:
        assert run.visit == length // 4
        return "Done"

    workflow = Workflow(checkpoint_store=store).register("Loop", loop)
    workflow.add_exit_state("Done")
    kinds = (ENTRY, RESUME, MEMO, RESUME)
    rows = [
        memo(n, "Loop") if kinds[n % 4] is MEMO else row(n, "Loop", kinds[n % 4])
        for n in range(length)
    ]
    asyncio.run(store.append("r", *rows))
    store.calls.clear()
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def main() -> object:
        sys.setprofile(count)
        try:
            return await workflow.resume_from("r")
        finally:
            sys.setprofile(None)

    assert asyncio.run(main()) == "Done"
    assert store.calls == ["load_run", "append", "finish"]
    return calls


def test_a_log_twice_as_long_costs_at_most_twice_as_much() -> None:
    """U73: ten thousand rows are read once, and nothing is done for each pair."""
    short, double = calls_to_resume(5_000), calls_to_resume(10_000)

    assert double < 2.1 * short
    assert double < 20 * 10_000


def test_a_path_of_a_long_run_stays_short() -> None:
    async def loop(run: RunContext) -> str:
        if run.visit == 3_000:
            raise RuntimeError("far away")
        return "Loop"

    workflow = Workflow().register("Loop", loop, config=TaskConfig.minimal())
    with pytest.raises(TaskFailedError) as caught:
        asyncio.run(workflow.add_exit_state("Done").orchestrate("Loop"))

    assert len(caught.value.path) == 1_000
    assert "(path: … > Loop" in str(caught.value)
