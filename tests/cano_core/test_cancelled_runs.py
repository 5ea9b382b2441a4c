"""What becomes of runs that were asked to stop, and of tasks that would not."""

import asyncio
import contextlib
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CheckpointStoreError,
    MemoryCheckpointStore,
    Retry,
    RolledBackError,
    RunCancelledError,
    RunConflictError,
    RunContext,
    TaskConfig,
    Workflow,
)
from held import Held, cancelled, stop, stop_and_release
from saga_rows import completion
from sagas import ONCE, Journal, resume, saga, start, written
from scripted_store import ScriptedStore
from small_flow import row

BOTH = pytest.mark.parametrize("undo", [False, True], ids=["keep", "undo"])


BOTH = pytest.mark.parametrize("undo", [False, True], ids=["keep", "undo"])


# A task that does not like to be stopped


@BOTH
def test_a_task_that_swallows_it_is_let_through_and_the_run_stops_after_it(
    undo: bool,
) -> None:
    held, journal = Held(), Journal()

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await held()

    journal.holds["B"] = stubborn
    workflow = saga(journal, states="ABC", plain="BC")
    error = cancelled(held, workflow, stop(undo))
    assert (type(error), error.state) == (RunCancelledError, "C")
    assert journal.did == ["A", "B", *(["undo A1"] if undo else [])]


@BOTH
def test_a_task_that_makes_a_failure_of_it_has_not_failed(undo: bool) -> None:
    """Else a run that is to stay as it is would be undone."""
    held, store = Held(), MemoryCheckpointStore()
    journal = Journal()

    async def converting() -> None:
        try:
            await held()
        except asyncio.CancelledError:
            raise OSError("connection lost") from None

    journal.holds["C"] = converting
    config = TaskConfig(retry=Retry.fixed(3, 0))
    workflow = saga(journal, store, config=config)
    error = cancelled(held, workflow, stop(undo))

    assert (type(error), error.rollback) == (RunCancelledError, undo)
    assert journal.did.count("C") == 1
    assert journal.undone == (["B1", "A1"] if undo else [])
    assert (written(store) == []) is undo


@BOTH
def test_a_row_that_may_or_may_not_be_there_comes_first(undo: bool) -> None:
    """Law 3: cancelled while a row is being written whose fate nobody knows."""
    held = Held()

    async def hanging(operation: str, number: int) -> None:
        if (operation, number) == ("append", 3):
            held.reached.set()
            await held.release.wait()
            raise OSError("disk")

    store = ScriptedStore(before=hanging)
    journal = Journal()

    async def task(run: RunContext) -> str:
        await run.once("call", lambda: 1)
        return "Done"

    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    workflow.register("B", task, config=ONCE)
    workflow.register_with_compensation(
        "A", lambda: ("B", "A1"), compensate=journal.step, config=ONCE
    )
    error = cancelled(held, workflow, stop_and_release(held, undo))
    assert type(error) is CheckpointStoreError
    assert journal.did == []


# Resuming


@BOTH
def test_c19_a_resume_that_is_cancelled_already_runs_no_task(undo: bool) -> None:
    """It claims the run, for it may have to undo something; nothing else."""
    store, journal = MemoryCheckpointStore(), Journal()
    rows = [row(0, "A"), completion(1, "A", "C", "x"), row(2, "C")]
    asyncio.run(store.append("r", *rows))
    cancel = Cancellation()
    cancel.cancel(rollback=undo)
    with pytest.raises(RunCancelledError):
        resume(saga(journal, store), cancel=cancel)

    if undo:
        assert (journal.did, written(store)) == (["undo x"], [])
    else:
        assert (journal.did, written(store)[3:]) == ([], ["C resumed"])
        assert resume(saga(journal, store)) == "Done"
        assert journal.did == ["C"]


def test_a_resumed_run_is_cancelled_as_a_fresh_one() -> None:
    held, store, journal = Held(), MemoryCheckpointStore(), Journal()
    rows = [row(0, "A"), completion(1, "A", "C", "x"), row(2, "C")]
    asyncio.run(store.append("r", *rows))
    journal.holds["C"] = held
    error = cancelled(held, saga(journal, store), stop(True), resumed=True)
    assert (type(error), error.path) == (RunCancelledError, ("A", "C"))
    assert journal.did == ["C", "undo x"]


def test_a_finished_run_is_returned_whoever_is_cancelled() -> None:
    store = MemoryCheckpointStore()
    start(saga(Journal(), store))
    cancel = Cancellation()
    cancel.cancel()
    assert resume(saga(Journal(), store), cancel=cancel) == "Done"


def test_a_cancelled_run_that_somebody_took_over_undoes_nothing() -> None:
    held, store, journal = Held(), MemoryCheckpointStore(), Journal()
    journal.holds["C"] = held

    async def by(cancel: Cancellation) -> None:
        del journal.holds["C"]
        assert await saga(journal, store).resume_from("r") == "Done"
        cancel.cancel(rollback=True)

    error = cancelled(held, saga(journal, store), by)
    assert type(error) is RunConflictError
    assert journal.undone == []


# Cancelling the asyncio task


@pytest.mark.parametrize("where", ["A", "B", "R", "C", "undo B1", "undo A1"])
def test_c13_a_cancelled_asyncio_task_leaves_the_run_to_a_resume(where: str) -> None:
    """C14: and tears its resources down."""
    torn_down = []

    class Managed:
        async def teardown(self) -> None:
            torn_down.append(True)

    store, held = MemoryCheckpointStore(), Held()
    journal = Journal(C=[ValueError("no")] if "undo" in where else [])
    journal.holds[where] = held

    def workflow(**options: Any) -> Workflow:
        return saga(journal, store, states="ABRC", routers="R", **options)

    async def main() -> None:
        managed = workflow(resources={"managed": Managed()}, total_timeout=60)
        run = asyncio.create_task(managed.orchestrate("A", workflow_id="r"))
        await held.reached.wait()
        run.cancel()
        await run

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert held.stopped
    assert torn_down == [True]
    before = list(journal.did)
    journal.holds.clear()
    if "undo" in where:
        with pytest.raises(RolledBackError):
            resume(workflow())
        assert journal.undone == [
            "B1",
            *(["B1"] if where == "undo B1" else ["A1"]),
            "A1",
        ]
    else:
        assert resume(workflow()) == "Done"
        assert [*before, *journal.did[len(before) :]] == [
            *before,
            *"ABRC"["ABRC".index(where) :],
        ]


def test_a_cancelled_asyncio_task_is_no_cancelled_run_although_both_come() -> None:
    """Whoever cancels the task wants it gone; nothing is undone on the way."""
    held, store, journal = Held(), MemoryCheckpointStore(), Journal()
    journal.holds["C"] = held

    async def main() -> None:
        cancel = Cancellation()
        run = asyncio.create_task(
            saga(journal, store).orchestrate("A", workflow_id="r", cancel=cancel)
        )
        await held.reached.wait()
        run.cancel()
        cancel.cancel(rollback=True)
        await run

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert journal.undone == []
    assert written(store)[-1] == "C"


# At every turn of the event loop


async def yielding() -> None:
    await asyncio.sleep(0)


@BOTH
@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
def test_at_every_turn_of_the_event_loop_it_leaves_a_run_that_is_whole(
    undo: bool, fails: bool
) -> None:
    """Undone to the last, or finished, or resumable with nothing done twice."""
    ends = set()
    for turns in range(200):
        store = MemoryCheckpointStore()
        journal = Journal(C=[ValueError("no")] if fails else [])
        for step in ("A", "B", "C", "undo B1", "undo A1"):
            journal.holds[step] = yielding

        async def main(turns: int, workflow: Workflow) -> object:
            cancel = Cancellation()
            run = asyncio.create_task(
                workflow.orchestrate("A", workflow_id="r", cancel=cancel)
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            ended = run.done()
            cancel.cancel(rollback=undo)
            await asyncio.wait([run])
            ends.add(type(run.exception()).__name__)
            return ended

        before_it = asyncio.run(main(turns, saga(journal, store)))
        done = [step for step in journal.did if step in "AB"]
        undone = journal.undone
        assert undone == [] or undone == [f"{step}1" for step in reversed(done)]
        if rows := written(store):
            assert undone == []
            assert not undo or "done" not in " ".join(rows)
            journal.fails.clear()
            assert resume(saga(journal, store)) == "Done"
            assert journal.did.count("A") == journal.did.count("B") == 1
        if before_it:
            break
    assert before_it
    assert turns > 7
    assert ends == {"RunCancelledError", "TaskFailedError" if fails else "NoneType"}
