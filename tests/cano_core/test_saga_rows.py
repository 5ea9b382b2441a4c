"""What a saga writes, when, and in how many appends."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CheckpointRow,
    CheckpointStoreError,
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    RolledBackError,
    RowKind,
    RunCancelledError,
    RunConflictError,
    RunContext,
    RunPhase,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from sagas import ONCE, Journal, resume, saga, start, written
from scripted_store import ScriptedStore, ThreeMethodStore, raising

STORES = [ScriptedStore, ThreeMethodStore]


class Noting(MemoryCheckpointStore):
    """Notes which rows came together; each entry is one call of the store."""

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[list[str]] = []

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        self.appends.append([f"{row.state} {RowKind(row.kind).name}" for row in rows])
        await super().append(workflow_id, *rows)

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Any
    ) -> None:
        kinds = [f"{row.state} {RowKind(row.kind).name}" for row in rows]
        self.appends.append([*kinds, "finish"])
        await super().finish(workflow_id, rows, outcome)


def test_a_completion_and_the_next_entry_are_one_append() -> None:
    """H03, H04: no crash can come between the two."""
    store = Noting()
    start(saga(Journal(), store))

    assert store.appends == [
        ["A STATE_ENTRY"],
        ["A COMPENSATION_COMPLETION", "B STATE_ENTRY"],
        ["B COMPENSATION_COMPLETION", "C STATE_ENTRY"],
        ["Done STATE_ENTRY", "finish"],
    ]


def test_a_completion_before_the_exit_is_in_the_call_that_finishes_the_run() -> None:
    store = Noting()
    start(saga(Journal(), store, plain=""))
    assert store.appends[-1] == [
        "C COMPENSATION_COMPLETION",
        "Done STATE_ENTRY",
        "finish",
    ]


def test_a_completion_before_a_router_stands_alone() -> None:
    store = Noting()
    start(saga(Journal(), store, states="ARC", routers="R"))
    assert store.appends == [
        ["A STATE_ENTRY"],
        ["A COMPENSATION_COMPLETION"],
        ["C STATE_ENTRY"],
        ["Done STATE_ENTRY", "finish"],
    ]


def test_a_rollback_is_a_row_for_its_beginning_and_one_for_each_visit() -> None:
    store = Noting()
    watcher = RecordingObserver()
    with pytest.raises(TaskFailedError):
        start(saga(Journal(C=[ValueError("no")]), store, observers=[watcher]))

    assert store.appends[3:] == [
        ["C ROLLBACK"],
        ["B COMPENSATED"],
        ["A COMPENSATED"],
        ["finish"],
    ]
    assert [number for _, number in watcher.of("on_checkpoint")] == list(range(8))


def test_a_completion_whose_next_state_fails_to_begin_is_in_the_rollback() -> None:
    """The run has no time left: the completion comes with the ROLLBACK row."""
    store = Noting()
    journal = Journal()
    workflow = saga(journal, store, states="A", total_timeout=0.02)

    def slow() -> tuple[str, str]:
        asyncio.run(asyncio.sleep(0.021))
        return "A", "slow"

    workflow.register_with_compensation("Slow", slow, compensate=lambda output: 0)
    with pytest.raises(Exception, match="took longer than its total_timeout"):
        start(workflow, "Slow")

    assert store.appends[1:] == [
        ["Slow COMPENSATION_COMPLETION", "A ROLLBACK"],
        ["Slow COMPENSATED"],
        ["finish"],
    ]
    assert journal.did == []


# A failing store


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("n", [2, 3])
def test_h08_a_completion_that_could_not_be_written_undoes_nothing(
    kind: type[ThreeMethodStore], when: str, n: int
) -> None:
    """Nor one of which nobody knows; U21: nothing runs after it either."""
    store = kind(**{when: raising(OSError("disk"), "append", n)})
    journal = Journal()
    with pytest.raises(CheckpointStoreError, match="disk") as caught:
        start(saga(journal, store))

    assert "ENTRY" in str(caught.value)
    assert journal.did == ["A", "B"][: n - 1]
    if when == "before":
        assert len(written(store.inner)) == 2 * n - 3
    else:
        assert written(store.inner)[-2:] == [["A done", "B"], ["B done", "C"]][n - 2]
    assert resume(saga(journal, kind(inner=store.inner))) == "Done"
    again = 1 if when == "before" else 0
    assert journal.did == [*"AB"[: n - 1], *"ABC"[n - 1 - again :]]


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_h07_a_run_whose_end_could_not_be_written_is_not_undone(
    kind: type[ThreeMethodStore], when: str
) -> None:
    operation = "finish" if kind is ScriptedStore else "append"
    number = 1 if kind is ScriptedStore else 4
    store = kind(**{when: raising(OSError("disk"), operation, number)})
    journal = Journal()
    with pytest.raises(CheckpointStoreError, match="disk"):
        start(saga(journal, store))

    assert resume(saga(journal, kind(inner=store.inner))) == "Done"
    assert journal.undone == []
    assert journal.did == [*"ABC", *("C" if when == "before" else "")]


@pytest.mark.parametrize("kind", STORES)
def test_h06_a_rollback_whose_end_could_not_be_written_is_not_run_forward(
    kind: type[ThreeMethodStore],
) -> None:
    operation = "finish" if kind is ScriptedStore else "clear"
    store = kind(before=raising(OSError("disk"), operation))
    journal = Journal(C=[ValueError("no")])
    with pytest.raises(CheckpointStoreError, match="disk"):
        start(saga(journal, store))

    before = list(journal.did)
    workflow = saga(journal, kind(inner=store.inner))
    status = asyncio.run(workflow.status("r"))
    assert (status.phase, status.state) == (RunPhase.ROLLING_BACK, "C")
    with pytest.raises(RolledBackError):
        resume(workflow)
    assert journal.did == before
    assert written(store.inner) == []


@pytest.mark.parametrize("n", range(1, 7))
def test_h01_whoever_loses_the_run_undoes_nothing_more(n: int) -> None:
    """Another process takes the run over before each write of a row in turn.

    Once everything is undone nothing is left to be lost: anyone may conclude it.
    """
    journal = Journal(C=[ValueError("no")])
    lost_at = []

    async def thief(operation: str, number: int) -> None:
        writes = store.calls.count("append") + store.calls.count("finish")
        if operation in ("append", "finish") and writes == n:
            lost_at.append(list(journal.did))
            rows = await store.inner.load_run("r")
            kind, state = RowKind.STATE_ENTRY, "A"
            if rows:
                kind, state = RowKind.RESUME, rows[-1].state
            await store.inner.append("r", CheckpointRow(len(rows), state, "", kind))

    store = ScriptedStore(before=thief)
    with pytest.raises(Exception, match=r"sequence|exists") as caught:
        start(saga(journal, store))
    if n > 1:
        assert type(caught.value) is RunConflictError
    assert lost_at == [journal.did]
    assert len(written(store.inner)) > 0


def test_h12_an_unknown_next_state_leaves_no_row_and_undoes_nothing() -> None:
    """The program is wrong, not the world: mended, it goes on."""
    store = MemoryCheckpointStore()
    journal = Journal()
    workflow = saga(journal, store, states="AB", plain="")

    async def lost() -> tuple[str, int]:
        return "Nowhere", 1

    workflow.register_with_compensation("L", lost, compensate=lambda output: None)
    with pytest.raises(ConfigurationError, match="returned 'Nowhere'"):
        start(workflow, "L")
    assert written(store) == ["L"]


# Calls that nobody awaited


class Late:
    """A recorded call that a task starts, and that returns when it is let."""

    def __init__(self) -> None:
        self.returns = asyncio.Event()
        self.call: asyncio.Task[str] | None = None

    async def begin(self, run: RunContext) -> None:
        self.call = asyncio.create_task(run.once("late", self.late))
        await asyncio.sleep(0)

    async def late(self) -> str:
        await self.returns.wait()
        return "late"

    async def over(self) -> BaseException | None:
        """Let it return, and wait until that is recorded, or refused."""
        self.returns.set()
        if self.call is None:
            raise RuntimeError("it has not begun")
        await asyncio.wait([self.call])
        return self.call.exception()


def test_a_call_is_not_recorded_after_the_completion_of_its_visit() -> None:
    """It comes back while the completion is written: that log could not be read."""
    late, journal, cancel = Late(), Journal(), Cancellation()

    async def script(operation: str, number: int) -> None:
        if (operation, number) == ("append", 2):
            late.returns.set()
            for _ in range(5):
                await asyncio.sleep(0)

    store = ScriptedStore(before=script)

    async def task(run: RunContext) -> tuple[str, int]:
        await late.begin(run)
        cancel.cancel()
        return "A", 1

    async def main() -> BaseException | None:
        workflow = saga(journal, store, states="A")
        workflow.register_with_compensation("X", task, compensate=print)
        with pytest.raises(RunCancelledError):
            await workflow.orchestrate("X", workflow_id="r", cancel=cancel)
        return await late.over()

    error = asyncio.run(main())
    assert isinstance(error, ConfigurationError)
    assert "came back after the run had left it" in str(error)
    assert written(store.inner) == ["X", "X done"]


def test_a_call_is_not_recorded_in_the_rollback_of_its_visit() -> None:
    late = Late()

    async def script(operation: str, number: int) -> None:
        if (operation, number) == ("append", 3):
            late.returns.set()
            for _ in range(5):
                await asyncio.sleep(0)

    async def fail(run: RunContext) -> str:
        await late.begin(run)
        raise ValueError("no")

    refused = []

    async def undo(output: str) -> None:
        refused.append(await late.over())
        raise KeyboardInterrupt

    store = ScriptedStore(before=script)
    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    workflow.register("B", fail, config=ONCE)
    workflow.register_with_compensation("A", lambda: ("B", "x"), compensate=undo)
    with pytest.raises(KeyboardInterrupt):
        start(workflow)
    assert isinstance(refused[0], ConfigurationError)
    assert written(store.inner) == ["A", "A done", "B", "B failed"]


# An output that can't be written


def unwritable(
    journal: Journal,
    store: Any = None,
    *,
    config: TaskConfig = ONCE,
    outputs: Sequence[object] = (),
    **options: Any,
) -> Workflow:
    """A > B > Last > Done, where no row can keep what Last leaves."""
    workflow = saga(journal, store, states="AB", plain="", **options)
    left = list(outputs)

    async def last(run: RunContext) -> tuple[str, object]:
        journal.step("Last")
        return "Done", left.pop(0) if left else Live()

    async def undo(output: object, run: RunContext) -> None:
        journal.step(f"undo {output}")
        await run.once("refund", journal.step, f"refund {output}")

    workflow.register_with_compensation("Last", last, compensate=undo, config=config)
    return workflow


class Live:
    """An output that lives in this process only."""

    def __str__(self) -> str:
        return "live"


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("retries", [0, 2])
def test_u58_what_can_not_be_kept_is_undone_at_once_and_once(
    durable: bool, retries: int
) -> None:
    """H11: whatever the retry policy, the task is not run again."""
    store = MemoryCheckpointStore() if durable else None
    journal = Journal()
    config = TaskConfig(retry=Retry.fixed(retries, 0))
    workflow = unwritable(journal, store, config=config)
    with pytest.raises(TaskFailedError, match="the output of task 'last'") as caught:
        start(workflow, "Last")

    assert journal.did == ["Last", "undo live", "refund live"]
    assert caught.value.state == "Last"
    assert "resume_from" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ConfigurationError)
    if durable:
        # Undone under its idempotency key, so it must not be done again under it.
        with pytest.raises(RolledBackError, match="output of task 'last'"):
            resume(workflow)
    assert journal.did == ["Last", "undo live", "refund live"]


@pytest.mark.parametrize(
    ("kind", "script", "rows"),
    [
        (
            ThreeMethodStore,
            {"before": raising(OSError("disk"), "clear")},
            ["Last", "Last memo", "Last failed"],
        ),
        (ScriptedStore, {"after": raising(OSError("disk"), "finish")}, []),
    ],
)
def test_h06_once_that_is_recorded_the_state_does_not_run_again(
    kind: type[ThreeMethodStore], script: Any, rows: list[str]
) -> None:
    store = kind(**script)
    journal = Journal()
    with pytest.raises(CheckpointStoreError):
        start(unwritable(journal, store), "Last")
    assert written(store.inner) == rows
    with pytest.raises(RolledBackError):
        resume(unwritable(journal, kind(inner=store.inner)))
    assert journal.did == ["Last", "undo live", "refund live"]


def after(journal: Journal, store: Any = None, **options: Any) -> Workflow:
    """A, then Last."""
    workflow = unwritable(journal, store, **options)

    async def first() -> tuple[str, str]:
        journal.step("First")
        return "Last", "F1"

    async def undo(output: str) -> None:
        journal.step(f"undo {output}")

    return workflow.register_with_compensation("First", first, compensate=undo)


def test_what_was_done_before_is_undone_after_it() -> None:
    store = Noting()
    journal = Journal()
    watcher = RecordingObserver()
    with pytest.raises(TaskFailedError):
        start(after(journal, store, observers=[watcher]), "First")

    assert journal.did == ["First", "Last", "undo live", "refund live", "undo F1"]
    assert store.appends == [
        ["First STATE_ENTRY"],
        ["First COMPENSATION_COMPLETION", "Last STATE_ENTRY"],
        ["Last MEMO"],
        ["Last ROLLBACK"],
        ["First COMPENSATED"],
        ["finish"],
    ]
    assert watcher.compensated == ["Last", "First"]
    told = [event.hook for event in watcher.events if "roll" in event.hook]
    assert told == ["on_rollback_start", "on_rollback_end"]


def test_u55_its_failure_is_listed_with_the_live_output() -> None:
    """U54: and with the one that began it. Without a log the rest is undone now."""
    journal = Journal(undo_live=[OSError("busy")])
    with pytest.raises(CompensationFailedError) as caught:
        start(after(journal), "First")

    (left,) = caught.value.remaining
    assert isinstance(left.output, Live)
    assert (left.state, left.sequence, str(left.error)) == ("Last", None, "busy")
    assert caught.value.failure.error == "ConfigurationError"
    assert isinstance(caught.value.__cause__, TaskFailedError)
    assert journal.did == ["First", "Last", "undo live", "undo F1"]


def test_a_failure_to_undo_it_leaves_the_run_as_the_log_knows_it() -> None:
    """A rollback that the log knows of would forget it; so the state runs again."""
    store = MemoryCheckpointStore()
    journal = Journal(undo_live=[OSError("busy")])
    with pytest.raises(CompensationFailedError) as caught:
        start(after(journal, store), "First")

    assert [each.state for each in caught.value.remaining] == ["Last", "First"]
    assert [each.error for each in caught.value.remaining][1] is None
    assert "runs the state again, and then tries it again" in str(caught.value)
    assert written(store) == ["First", "First done", "Last"]

    journal.did.clear()
    with pytest.raises(TaskFailedError):
        resume(after(journal, store))
    assert journal.did == ["Last", "undo live", "refund live", "undo F1"]
    with pytest.raises(RolledBackError):
        resume(after(journal, store))


def test_a_crash_in_it_runs_the_state_again_and_repeats_no_recorded_call() -> None:
    for n in itertools.count(1):
        store = ScriptedStore(before=raising(KeyboardInterrupt(), "append", n))
        journal = Journal()
        try:
            start(after(journal, store), "First")
        except KeyboardInterrupt:
            again = ScriptedStore(inner=store.inner)
            with pytest.raises((TaskFailedError, RolledBackError)):
                asyncio.run(
                    after(journal, again).start_or_resume("First", workflow_id="r")
                )
        except TaskFailedError:
            break
        if n > 2:
            assert journal.undone[-1] == "F1"
        # Made, and then not recorded: only then is it made twice.
        assert journal.did.count("refund live") == (2 if n == 3 else 1)
    assert n == 6


def test_u53_its_attempt_timeout_holds_for_it_too() -> None:
    async def task() -> tuple[str, object]:
        return "Done", Live()

    async def hang(output: object) -> None:
        await asyncio.Event().wait()

    workflow = Workflow().add_exit_state("Done")
    limited = TaskConfig(retry=Retry.none(), attempt_timeout=0.01)
    workflow.register_with_compensation("A", task, compensate=hang, config=limited)
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow)
    assert isinstance(caught.value.remaining[0].error, TimeoutError)


def test_the_time_limit_of_the_rollback_holds_for_it_too() -> None:
    async def task() -> tuple[str, object]:
        return "Done", Live()

    async def hang(output: object) -> None:
        await asyncio.Event().wait()

    workflow = Workflow(compensation_timeout=0.01).add_exit_state("Done")
    workflow.register_with_compensation("A", task, compensate=hang)
    with pytest.raises(CompensationFailedError, match=r"timeout of 0\.01"):
        start(workflow)
