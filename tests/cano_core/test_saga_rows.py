"""What a saga writes, when, and in how many appends."""

import asyncio

import pytest

from cano_core import (
    Cancellation,
    CheckpointRow,
    CheckpointStoreError,
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
    WorkflowObserver,
)
from sagas import ONCE, Journal, Noting, resume, saga, start, written
from scripted_store import ScriptedStore, ThreeMethodStore, raising
from wall_clock import Wall

STORES = [ScriptedStore, ThreeMethodStore]


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
        ["A COMPENSATED", "finish"],
    ]
    assert [number for _, number in watcher.of("on_checkpoint")] == list(range(8))


def test_a_completion_whose_next_state_fails_to_begin_is_in_the_rollback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run has no time left: the completion comes with the ROLLBACK row."""
    wall = Wall()
    monkeypatch.setattr("cano_core.interruption.time", wall)
    store = Noting()
    journal = Journal()
    workflow = saga(journal, store, states="A", total_timeout=10)

    def slow() -> tuple[str, str]:
        wall.now += 10.5
        return "A", "slow"

    workflow.register_with_compensation("Slow", slow, compensate=lambda output: 0)
    with pytest.raises(Exception, match="took longer than its total_timeout"):
        start(workflow, "Slow")

    assert store.appends[1:] == [
        ["Slow COMPENSATION_COMPLETION", "A ROLLBACK"],
        ["Slow COMPENSATED", "finish"],
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

    journal.did.clear()
    workflow = saga(journal, kind(inner=store.inner))
    status = asyncio.run(workflow.status("r"))
    assert (status.phase, status.state) == (RunPhase.ROLLING_BACK, "C")
    with pytest.raises(RolledBackError):
        resume(workflow)
    # With finish, the last compensation and the end are recorded in one step.
    assert journal.did == (["undo A1"] if kind is ScriptedStore else [])
    assert written(store.inner) == []


@pytest.mark.parametrize("n", range(1, 7))
def test_h01_whoever_loses_the_run_undoes_nothing_more(n: int) -> None:
    """Another process takes the run over before each write in turn, also the last."""
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


def test_a_mistake_in_a_later_state_undoes_nothing_and_mended_it_goes_on() -> None:
    """It is told, is not tried again, and leaves no rollback behind."""
    store, journal = MemoryCheckpointStore(), Journal()
    watcher = RecordingObserver()
    mistake = ConfigurationError("wrong")
    journal.fails["C"] = [mistake]
    config = TaskConfig(retry=Retry.fixed(3, 0))
    with pytest.raises(ConfigurationError) as caught:
        start(saga(journal, store, config=config, observers=[watcher]))

    assert caught.value is mistake
    assert journal.did == ["A", "B", "C"]
    assert [told[-1] for told in watcher.of("on_task_failure")] == [mistake]
    assert written(store) == ["A", "A done", "B", "B done", "C"]
    assert resume(saga(journal, store)) == "Done"
    assert journal.did == ["A", "B", "C", "C"]


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


# A crash while rows are held


def test_a_crash_before_a_held_completion_is_written_is_one_in_its_state() -> None:
    class Crashing(WorkflowObserver):
        def on_state_enter(self, workflow_id: str | None, state: str) -> None:
            if state == "B":
                raise KeyboardInterrupt

    store, journal = MemoryCheckpointStore(), Journal()
    with pytest.raises(KeyboardInterrupt):
        start(saga(journal, store, observers=[Crashing()]))
    assert written(store) == ["A"]
    assert journal.undone == []
    assert resume(saga(journal, store)) == "Done"
    assert journal.did == ["A", "A", "B", "C"]
