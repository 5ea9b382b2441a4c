"""Holes of cano that no other test shows closed; each by its id in docs/parity.md."""

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import children
from cano_core import (
    Cancellation,
    CheckpointStoreError,
    ConfigurationError,
    CorruptLogError,
    Done,
    MemoryCheckpointStore,
    More,
    RecordingObserver,
    RolledBackError,
    RunConflictError,
    RunContext,
    RunExistsError,
    SQLiteCheckpointStore,
    TaskFailedError,
    VersionMismatchError,
    Workflow,
)
from held import Held
from one_task import running, start_or_resume
from sagas import ONCE, Journal, resume, saga, start, written
from scripted_store import ScriptedStore, ThreeMethodStore, raising
from small_flow import Flow, Managed, row

STORES = [ScriptedStore, ThreeMethodStore]
ROOT = Path(__file__).parents[2]


class Crash(BaseException):
    """The end of a process, as far as it can be had in one."""


# Who goes on, and how


def test_h13_an_interrupted_run_says_how_to_go_on() -> None:
    """H13: a failed run does not block its id for ever."""
    store = MemoryCheckpointStore()
    journal = Journal(A=[ValueError("no")])
    workflow = saga(journal, store)
    with pytest.raises(TaskFailedError):
        start(workflow)
    for _ in range(2):
        with pytest.raises(RunExistsError, match=r"resume_from\('r'\)") as caught:
            start(workflow)
        assert "start_or_resume" in str(caught.value)
    assert written(store) == ["A"]
    end = asyncio.run(workflow.start_or_resume("A", workflow_id="r"))
    assert (end, written(store)) == ("Done", [])


@pytest.mark.parametrize("outcomes", [True, False])
def test_h27_a_zombie_finds_no_place_in_a_cleared_log(outcomes: bool) -> None:
    """H27: cano's zombie goes on at its own number in the log that was emptied.

    Also where the store has forgotten that the run ever was.
    """
    kind = ScriptedStore if outcomes else ThreeMethodStore
    store, journal, held = kind(), Journal(), Held()
    journal.holds["B"] = held

    async def main() -> None:
        zombie = asyncio.create_task(
            saga(journal, store).orchestrate("A", workflow_id="r")
        )
        await held.reached.wait()
        journal.holds.clear()
        assert await saga(journal, store).resume_from("r") == "Done"
        held.release.set()
        with pytest.raises(RunConflictError):
            await zombie

    asyncio.run(main())
    assert journal.did == ["A", "B", "B", "C"]
    assert written(store) == []


# What a store may do


def stepping(store: Any, journal: Journal, **options: Any) -> Workflow:
    """A, which can be undone, then three steps."""

    async def step(cursor: int | None) -> More[int] | Done[str]:
        at = cursor or 0
        await journal.passed(f"step {at}")
        return Done("Done") if at == 2 else More(at + 1)

    workflow = Workflow(checkpoint_store=store, **options).add_exit_state("Done")
    workflow.register_with_compensation(
        "A",
        lambda: ("Steps", "A1"),
        compensate=lambda output: journal.step(f"undo {output}"),
        config=ONCE,
    )
    return workflow.register_stepped("Steps", step, config=ONCE)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("n", [3, 4])
def test_h16_a_cursor_that_can_not_be_written_undoes_nothing(when: str, n: int) -> None:
    """H16: nor if it was written and its acknowledgement lost."""
    journal = Journal()
    store = ScriptedStore(**{when: raising(OSError("disk"), "append", n)})
    with pytest.raises(CheckpointStoreError, match="disk"):
        start(stepping(store, journal))
    assert journal.did == [f"step {at}" for at in range(n - 2)]
    journal.did.clear()

    again = stepping(ScriptedStore(inner=store.inner), journal)
    assert resume(again) == "Done"
    first = n - 3 if when == "before" else n - 2
    assert journal.did == [f"step {at}" for at in range(first, 3)]


ROLLBACK_CALLS = [
    ("append", 4, []),
    ("append", 5, ["B1"]),
    ("finish", 1, ["B1", "A1"]),
]


@pytest.mark.parametrize(("operation", "n", "undone"), ROLLBACK_CALLS)
def test_h16_a_store_that_hangs_in_a_rollback_stops_it_resumable(
    operation: str, n: int, undone: list[str]
) -> None:
    """H16: at the ROLLBACK row, at a COMPENSATED row, or at the end."""

    async def hanging(called: str, number: int) -> None:
        if (called, number) == (operation, n):
            await asyncio.Event().wait()

    journal = Journal(C=[ValueError("no")])
    store = ScriptedStore(before=hanging)
    with pytest.raises(CheckpointStoreError, match=r"no answer within 0\.01 seconds"):
        start(saga(journal, store, store_timeout=0.01))
    assert journal.undone == undone

    if not undone:
        # No row says that C has failed: it runs again, and this time it succeeds.
        assert resume(saga(journal, store.inner)) == "Done"
        assert journal.undone == []
    else:
        with pytest.raises(RolledBackError):
            resume(saga(journal, store.inner))
        assert {*journal.undone} == {"A1", "B1"}


ENDS = [
    (ScriptedStore, "append", 1),
    (ScriptedStore, "finish", 2),
    (ThreeMethodStore, "append", 1),
    (ThreeMethodStore, "clear", 3),
]


@pytest.mark.parametrize("error", [Crash, KeyboardInterrupt, OSError])
@pytest.mark.parametrize(("kind", "operation", "rows"), ENDS)
def test_h17_whatever_escapes_the_store_the_resources_are_torn_down(
    kind: type[ThreeMethodStore],
    operation: str,
    rows: int,
    error: type[BaseException],
) -> None:
    """H17: and the log is as it was."""
    number = 2 if operation == "append" else 1
    store = kind(before=raising(error("disk"), operation, number))
    flow = Flow(store)
    with pytest.raises(CheckpointStoreError if error is OSError else error):
        flow.start_or_resume()
    assert (flow.managed.setups, flow.managed.teardowns) == (1, 1)
    assert [each[1] for each in flow.watcher.of("on_run_end")] == [None]
    assert len(flow.rows()) == rows
    assert flow.resume() == "Done"


def test_h18_a_run_that_its_caller_drops_is_let_go_of_and_resumable() -> None:
    """H18: torn down, told of, not undone; the log goes on where it was."""
    journal, store, held = Journal(), MemoryCheckpointStore(), Held()
    managed, watcher = Managed(), RecordingObserver()
    journal.holds["C"] = held

    async def main() -> None:
        workflow = saga(
            journal, store, resources={"managed": managed}, observers=[watcher]
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(workflow.orchestrate("A", workflow_id="r"), 0.02)

    asyncio.run(main())
    assert held.stopped
    assert (managed.setups, managed.teardowns) == (1, 1)
    assert watcher.of("on_run_end") == [("r", None)]
    assert watcher.of("on_task_failure") == []
    assert written(store) == ["A", "A done", "B", "B done", "C"]

    journal.holds.clear()
    assert resume(saga(journal, store)) == "Done"
    assert journal.did == ["A", "B", "C", "C"]


@pytest.mark.parametrize("undo", [False, True])
def test_h34_a_cursor_that_is_being_written_is_waited_for(undo: bool) -> None:
    """H34: the store writes what it was given, however late; nothing is an orphan."""
    journal, held = Journal(), Held()

    async def slow(operation: str, number: int) -> None:
        if (operation, number) == ("append", 3):
            await held()

    store = ScriptedStore(before=slow)
    workflow = stepping(store, journal)
    cancel = Cancellation()

    async def main() -> None:
        run = asyncio.create_task(
            workflow.orchestrate("A", workflow_id="r", cancel=cancel)
        )
        await held.reached.wait()
        cancel.cancel(rollback=undo)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not run.done()
        held.release.set()
        with pytest.raises(Exception, match="was cancelled"):
            await run

    asyncio.run(main())
    assert not held.stopped
    if not undo:
        assert written(store) == ["A", "A done", "Steps", "Steps cursor"]
        assert resume(stepping(store, journal)) == "Done"
        assert journal.did == ["step 0", "step 1", "step 2"]
        return
    assert journal.did == ["step 0", "undo A1"]
    assert written(store) == []
    asyncio.run(store.clear("r"))
    assert start(stepping(store, journal)) == "Done"


def test_h41_a_store_that_fails_is_told_of_by_the_end_alone() -> None:
    """H41: no task has failed, so none is said to have."""
    store = ScriptedStore(before=raising(OSError("disk"), "append", 2))
    flow = Flow(store)
    with pytest.raises(CheckpointStoreError):
        flow.start_or_resume()
    hooks = [event.hook for event in flow.watcher.events]
    assert hooks[-3:] == ["on_task_success", "on_state_enter", "on_run_end"]
    assert flow.watcher.of("on_run_end") == [("r", None)]


DYING = """
import asyncio, os, sys
from cano_core import CheckpointRow, RowKind, SQLiteCheckpointStore

async def main():
    store = SQLiteCheckpointStore(sys.argv[1])
    for sequence in range(6):
        row = CheckpointRow(sequence, "Work", "", RowKind.STATE_ENTRY, bytes(500))
        await store.append("r", row)
    os._exit(0)

asyncio.run(main())
"""


def test_h30_a_torn_file_has_a_shorter_log_and_no_other(tmp_path: Path) -> None:
    """H30: whatever of its last writes a machine lost when it lost its power."""
    path = tmp_path / "runs.db"
    children.run("python", "-c", DYING, path, cwd=tmp_path)
    file, wal = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    torn = [wal[:length] for length in range(0, len(wal), len(wal) // 40)]
    torn += [each + bytes(len(wal) - len(each)) for each in torn[::2]]

    def lost(content: bytes) -> int:
        path.write_bytes(file)
        Path(f"{path}-wal").write_bytes(content)
        Path(f"{path}-shm").unlink(missing_ok=True)
        return asyncio.run(rows_left())

    async def rows_left() -> int:
        async with SQLiteCheckpointStore(path) as store:
            rows = await store.load_run("r")
            assert [each.sequence for each in rows] == list(range(len(rows)))
            assert all(each.payload == bytes(500) for each in rows)
            await store.append("r", row(len(rows), "Work"))
        return len(rows)

    assert lost(wal) == 6
    lengths = [lost(each) for each in torn]
    assert {*lengths} >= {1, 2, 3, 4, 5}
    assert max(lengths) < 6


# What a task may rely on


def test_h22_the_last_step_repeats_no_recorded_call() -> None:
    """H22: a crash right after the step that says Done."""
    paid: list[str] = []
    crashes: list[BaseException] = [Crash()]

    async def step(cursor: int | None, run: RunContext) -> More[int] | Done[str]:
        await run.once("pay", paid.append, run.idempotency_key)
        if cursor and crashes:
            raise crashes.pop()
        return Done("Done") if cursor else More(1)

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    workflow.register_stepped("Work", step).add_exit_state("Done")
    with pytest.raises(Crash):
        start_or_resume(workflow)
    assert start_or_resume(workflow) == "Done"
    assert paid == ["r/Work/1/0", "r/Work/1/1"]


# What a log may say


def test_h25_a_downgrade_is_a_foreign_version_too() -> None:
    """H25: an older program does not go on with what a newer one has written."""
    flow = Flow(version=1)
    flow.seed(row(0, "Start", version=1), row(1, "Process", version=2))
    for _ in range(2):
        with pytest.raises(VersionMismatchError, match="row 1"):
            flow.start_or_resume()
    assert flow.ran == []
    assert len(flow.rows()) == 2


@pytest.mark.parametrize("renamed", ["A", "B", "C"])
def test_h26_a_renamed_state_is_named_and_changes_nothing(renamed: str) -> None:
    """H26: wherever it is in the log; under its old name the run goes on."""
    store = MemoryCheckpointStore()
    journal = Journal(C=[Crash()])
    with pytest.raises(Crash):
        start(saga(journal, store))
    before = written(store)

    states = "ABC".replace(renamed, "X")
    with pytest.raises(CorruptLogError, match=f"no state '{renamed}'.*new name"):
        resume(saga(journal, store, states=states))
    assert written(store) == before
    assert journal.did == ["A", "B", "C"]
    assert resume(saga(journal, store)) == "Done"


# What a definition may say


def test_h46_what_is_added_before_the_first_run_is_validated() -> None:
    """H46: the answer of `validate` is not kept for another definition."""
    workflow = running(lambda: "Done")
    workflow.validate()

    async def lacks(something: object) -> str:
        return "Done"

    workflow.register("More", lacks)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="'something'"):
            workflow.validate()
        with pytest.raises(ConfigurationError, match="'something'"):
            asyncio.run(workflow.orchestrate("Work"))


# What is tested


def test_h33_ci_runs_every_test() -> None:
    """H33: the whole of tests, with nothing deselected."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    options = project["tool"]["pytest"]["ini_options"]
    assert options["testpaths"] == ["tests"]
    chosen = str(options.get("addopts", ""))
    assert not re.search(r"--ignore|--deselect|(^|\s)-[km]\b", chosen)
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert 'command=$(readme tests)\nstep "README: $command" bash -c "$command"' in ci
    readme = (ROOT / "README.md").read_text("utf-8")
    whole = r"python -m pytest( -n auto --dist worksteal)?$"
    assert len(re.findall(whole, readme, re.MULTILINE)) == 1
