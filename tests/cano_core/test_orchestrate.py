"""A fresh run: which rows it writes, where it goes, and how it fails."""

import asyncio
from enum import Enum, auto
from typing import Any, Literal

import pytest

from cano_core import (
    CheckpointRow,
    ConfigurationError,
    MemoryCheckpointStore,
    OutcomeStatus,
    RetryExhaustedError,
    RowKind,
    RunContext,
    RunExistsError,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from scripted_store import ScriptedStore, ThreeMethodStore


class Step(Enum):
    START = auto()
    PROCESS = auto()
    COMPLETE = auto()


async def start() -> Step:
    return Step.PROCESS


async def process() -> Step:
    return Step.COMPLETE


def three_steps(**options: Any) -> Workflow:
    return (
        Workflow(**options)
        .register(Step.START, start)
        .register(Step.PROCESS, process)
        .add_exit_state(Step.COMPLETE)
    )


@pytest.mark.parametrize("kind_of_store", [ThreeMethodStore, ScriptedStore])
def test_each_state_has_one_row_and_success_leaves_no_log(
    kind_of_store: type[ThreeMethodStore],
) -> None:
    """U01: rows (0, Start), (1, Process), (2, Complete); no log after success."""
    seen: list[CheckpointRow] = []

    class Watched(kind_of_store):
        async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
            seen.extend(rows)
            await super().append(workflow_id, *rows)

        if kind_of_store is ScriptedStore:

            async def finish(self, workflow_id: str, rows: Any, outcome: Any) -> None:
                seen.extend(rows)
                await super().finish(workflow_id, rows, outcome)

    store = Watched()
    exit_state = asyncio.run(
        three_steps(checkpoint_store=store).orchestrate(Step.START, workflow_id="u01")
    )

    assert exit_state is Step.COMPLETE
    assert seen == [
        CheckpointRow(0, "START", "start", RowKind.STATE_ENTRY),
        CheckpointRow(1, "PROCESS", "process", RowKind.STATE_ENTRY),
        CheckpointRow(2, "COMPLETE", "", RowKind.STATE_ENTRY),
    ]
    assert asyncio.run(store.load_run("u01")) == []


def test_a_workflow_runs_without_a_store() -> None:
    """U02, first half."""
    assert asyncio.run(three_steps().orchestrate(Step.START)) is Step.COMPLETE


def test_the_entry_row_is_durable_before_the_task_runs() -> None:
    store = MemoryCheckpointStore()
    seen: list[list[str]] = []

    async def look() -> str:
        seen.append([row.state for row in await store.load_run("r")])
        return "Done"

    workflow = Workflow(checkpoint_store=store).register("Look", look)
    asyncio.run(workflow.add_exit_state("Done").orchestrate("Look", workflow_id="r"))

    assert seen == [["Look"]]


def test_a_run_may_start_in_its_exit_state() -> None:
    store = MemoryCheckpointStore()
    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")

    assert asyncio.run(workflow.orchestrate("Done", workflow_id="r")) == "Done"

    outcome = asyncio.run(workflow.outcome("r"))
    assert outcome is not None
    assert (outcome.status, outcome.state) == (OutcomeStatus.FINISHED, "Done")


def test_a_state_may_follow_itself() -> None:
    visits: list[int] = []

    async def loop(run: RunContext) -> str:
        visits.append(run.visit)
        return "Loop" if run.visit < 5 else "Done"

    workflow = Workflow().register("Loop", loop).add_exit_state("Done")

    assert asyncio.run(workflow.orchestrate("Loop")) == "Done"
    assert visits == [1, 2, 3, 4, 5]


def test_every_row_carries_the_version() -> None:
    """U44: the version is stamped on every row, whatever its kind."""
    store = MemoryCheckpointStore()

    async def fail(run: RunContext) -> str:
        await run.once("number", lambda: 1)
        raise RuntimeError("stop here")

    workflow = (
        Workflow(checkpoint_store=store, version=7)
        .register("Work", fail, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )
    for _ in range(2):
        with pytest.raises(TaskFailedError):
            asyncio.run(workflow.start_or_resume("Work", workflow_id="r"))

    rows = asyncio.run(store.load_run("r"))
    assert [(row.kind, row.version) for row in rows] == [
        (RowKind.STATE_ENTRY, 7),
        (RowKind.MEMO, 7),
        (RowKind.RESUME, 7),
    ]


def test_sixteen_runs_share_one_store_without_mixing() -> None:
    """U18: each run writes exactly its own three rows, and clears them."""
    written: dict[str, list[int]] = {}

    class Counting(MemoryCheckpointStore):
        async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
            written.setdefault(workflow_id, []).extend(row.sequence for row in rows)
            await super().append(workflow_id, *rows)

        async def finish(self, workflow_id: str, rows: Any, outcome: Any) -> None:
            written[workflow_id].extend(row.sequence for row in rows)
            await super().finish(workflow_id, rows, outcome)

    store = Counting()
    workflow = three_steps(checkpoint_store=store)

    async def main() -> list[Any]:
        return await asyncio.gather(
            *[workflow.orchestrate(Step.START, workflow_id=f"r{n}") for n in range(16)]
        )

    assert asyncio.run(main()) == [Step.COMPLETE] * 16
    assert written == {f"r{n}": [0, 1, 2] for n in range(16)}
    assert [asyncio.run(store.load_run(f"r{n}")) for n in range(16)] == [[]] * 16


def test_of_two_runs_that_race_for_one_id_one_completes() -> None:
    """U19: the loser gets RunExistsError, and no task of it ran."""
    ran: list[str] = []

    async def work() -> str:
        ran.append("work")
        return "Done"

    workflow = (
        Workflow(checkpoint_store=MemoryCheckpointStore())
        .register("Work", work)
        .add_exit_state("Done")
    )

    async def main() -> list[Any]:
        return await asyncio.gather(
            workflow.orchestrate("Work", workflow_id="same"),
            workflow.orchestrate("Work", workflow_id="same"),
            return_exceptions=True,
        )

    results = asyncio.run(main())

    assert results[0] == "Done"
    assert isinstance(results[1], RunExistsError)
    assert ran == ["work"]


def test_a_fresh_run_over_leftovers_leaves_them_as_they_are() -> None:
    """U20: the id is taken, and its two rows stay intact."""
    store = MemoryCheckpointStore()
    leftovers = [
        CheckpointRow(0, "START", "start", RowKind.STATE_ENTRY),
        CheckpointRow(1, "PROCESS", "process", RowKind.STATE_ENTRY),
    ]
    asyncio.run(store.append("r", *leftovers))

    with pytest.raises(RunExistsError, match=r"resume_from\('r'\)"):
        asyncio.run(
            three_steps(checkpoint_store=store).orchestrate(Step.START, workflow_id="r")
        )

    assert asyncio.run(store.load_run("r")) == leftovers


def test_a_failure_keeps_the_log_for_resume() -> None:
    """U35: nothing is undone, one row stays."""
    store = MemoryCheckpointStore()

    async def fail() -> str:
        raise RuntimeError("no")

    workflow = (
        Workflow(checkpoint_store=store)
        .register("Work", fail, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )
    with pytest.raises(TaskFailedError) as caught:
        asyncio.run(workflow.orchestrate("Work", workflow_id="r"))

    assert [row.state for row in asyncio.run(store.load_run("r"))] == ["Work"]
    assert "resume_from('r')" in str(caught.value)


def test_a_failure_names_its_path_and_keeps_every_attempt() -> None:
    tries = iter([ValueError("first"), KeyError("second")])

    async def go() -> str:
        return "Bad"

    async def bad() -> str:
        raise next(tries)

    from cano_core import Retry

    workflow = (
        Workflow()
        .register("Go", go)
        .register("Bad", bad, config=TaskConfig(retry=Retry.fixed(1, 0)))
        .add_exit_state("Done")
    )
    with pytest.raises(RetryExhaustedError) as caught:
        asyncio.run(workflow.orchestrate("Go", workflow_id="named"))

    error = caught.value
    assert (error.workflow_id, error.state, error.path) == (
        "named",
        "Bad",
        ("Go", "Bad"),
    )
    assert [repr(each) for each in error.attempts] == [
        "ValueError('first')",
        "KeyError('second')",
    ]
    assert error.__cause__ is error.attempts[-1]
    assert "task 'bad' of state 'Bad' failed 2 times" in str(error)
    assert "path: Go > Bad" in str(error)


def test_one_failed_attempt_is_no_exhausted_retry() -> None:
    async def bad() -> str:
        raise ValueError("once")

    workflow = (
        Workflow()
        .register("Bad", bad, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )
    with pytest.raises(TaskFailedError) as caught:
        asyncio.run(workflow.orchestrate("Bad"))

    assert type(caught.value) is TaskFailedError
    assert "a run without id" in str(caught.value)


@pytest.mark.parametrize(
    "returned", ["Nowhere", None, 3, ["Done"], object], ids=lambda value: repr(value)
)
def test_a_next_state_that_nothing_handles_writes_no_row(returned: object) -> None:
    """H12 of cano: its log could not be resumed."""
    store = MemoryCheckpointStore()

    async def astray() -> Any:
        return returned

    workflow = (
        Workflow(checkpoint_store=store)
        .register("Astray", astray)
        .add_exit_state("Done")
    )
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(workflow.orchestrate("Astray", workflow_id="r"))

    assert repr(returned) in str(caught.value)
    assert "Astray, Done" in str(caught.value)
    assert len(asyncio.run(store.load_run("r"))) == 1


def test_a_declared_transition_is_enforced() -> None:
    async def sly(run: RunContext) -> Literal["Done"]:
        return "Other"

    async def other() -> str:
        return "Done"

    workflow = (
        Workflow().register("Sly", sly).register("Other", other).add_exit_state("Done")
    )
    with pytest.raises(ConfigurationError, match="declares only Done"):
        asyncio.run(workflow.orchestrate("Sly"))


def test_one_workflow_object_runs_in_one_event_loop_after_the_other() -> None:
    workflow = three_steps(checkpoint_store=MemoryCheckpointStore())
    for n in range(3):
        exit_state = asyncio.run(workflow.orchestrate(Step.START, workflow_id=f"r{n}"))
        assert exit_state is Step.COMPLETE


def test_a_run_without_an_id_and_store_gets_an_id_of_its_own() -> None:
    seen: list[str] = []

    async def look(run: RunContext) -> str:
        seen.extend([run.workflow_id, run.workflow_id, run.idempotency_key])
        return "Done"

    workflow = Workflow().register("Look", look).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Look"))
    asyncio.run(workflow.orchestrate("Look"))

    first, again, key, other, *_ = seen
    assert first == again != other
    assert key == f"{first}/Look/1"
