"""Asking a run to stop: wherever it is, with and without undoing what it did."""

import asyncio
import threading
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    OutcomeStatus,
    RecordingObserver,
    Retry,
    RolledBackError,
    RunCancelledError,
    RunContext,
    RunPhase,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from held import Held, cancelled, stop, stop_and_release
from saga_rows import completion, rollback
from sagas import Journal, resume, saga, start, written
from scripted_store import ScriptedStore
from small_flow import row

BOTH = pytest.mark.parametrize("undo", [False, True], ids=["keep", "undo"])


# Where it may come


@BOTH
def test_c2_cancelled_before_the_run_nothing_runs_and_no_row_is_written(
    undo: bool,
) -> None:
    store, journal, watcher = MemoryCheckpointStore(), Journal(), RecordingObserver()
    cancel = Cancellation()
    cancel.cancel(rollback=undo)
    with pytest.raises(RunCancelledError, match="'r' was cancelled at state 'A'"):
        start(saga(journal, store, observers=[watcher]), cancel=cancel)

    assert (journal.did, written(store)) == ([], [])
    assert [event.hook for event in watcher.events] == [
        "on_run_start",
        "on_cancelled",
        "on_run_end",
    ]
    assert start(saga(journal, store)) == "Done"


@BOTH
def test_c1_a_task_is_stopped_where_it_waits(undo: bool) -> None:
    """C3: what was done is undone, if it is to be; else the run can be resumed."""
    held, store, watcher = Held(), MemoryCheckpointStore(), RecordingObserver()
    journal = Journal()
    journal.holds["C"] = held
    workflow = saga(journal, store, observers=[watcher])
    error = cancelled(held, workflow, stop(undo))

    assert type(error) is RunCancelledError
    assert (error.workflow_id, error.state, error.rollback) == ("r", "C", undo)
    assert error.path == ("A", "B", "C")
    assert held.stopped
    assert watcher.of("on_cancelled") == [("r", "C")]
    del journal.holds["C"]
    if undo:
        assert journal.undone == ["B1", "A1"]
        assert str(error).endswith("(path: A > B > C)")
        with pytest.raises(RolledBackError, match="RunCancelledError"):
            resume(saga(journal, store))
    else:
        assert written(store) == ["A", "A done", "B", "B done", "C"]
        assert str(error).endswith("; resume_from('r') goes on with it")
        assert resume(saga(journal, store)) == "Done"
        assert journal.did == ["A", "B", "C", "C"]


def test_the_hooks_come_in_the_documented_order() -> None:
    """C6, C7: one for the cancellation, and starts and ends of tasks in pairs."""
    held, watcher, journal = Held(), RecordingObserver(), Journal()
    journal.holds["C"] = held
    error = cancelled(held, saga(journal, observers=[watcher]), stop(True))

    told = [(event.hook, *event.arguments[1:]) for event in watcher.events]
    assert told[-8:] == [
        ("on_task_start", "plain_task"),
        ("on_cancelled", "C"),
        ("on_task_failure", "plain_task", error),
        ("on_rollback_start", "C"),
        ("on_compensated", "B"),
        ("on_compensated", "A"),
        ("on_rollback_end", True),
        ("on_run_end", watcher.outcome),
    ]
    assert watcher.outcome is not None
    assert watcher.outcome.status is OutcomeStatus.ROLLED_BACK


@BOTH
def test_c5_a_compensatable_task_is_let_through(undo: bool) -> None:
    """And then undone, with what it left; nothing after it starts."""
    held, store, journal = Held(), MemoryCheckpointStore(), Journal()
    journal.holds["B"] = held
    error = cancelled(held, saga(journal, store), stop_and_release(held, undo))

    assert type(error) is RunCancelledError
    assert (error.state, error.path) == ("C", ("A", "B"))
    assert not held.stopped
    if undo:
        assert journal.did == ["A", "B", "undo B1", "undo A1"]
    else:
        assert journal.did == ["A", "B"]
        assert written(store) == ["A", "A done", "B", "B done"]
        assert "resume_from" in str(error)
        assert resume(saga(journal, store)) == "Done"
        assert journal.did == ["A", "B", "C"]


def test_an_attempt_of_a_compensatable_task_that_fails_meanwhile_is_the_last() -> None:
    """It has nothing to be let through for; the run stops."""
    held, journal = Held(), Journal()
    tries: list[int] = []

    async def task(run: RunContext) -> tuple[str, int]:
        tries.append(run.attempt)
        await held()
        raise OSError("flaky")

    workflow = saga(journal, states="C")
    config = TaskConfig(retry=Retry.fixed(3, 0))
    workflow.register_with_compensation("A", task, compensate=print, config=config)
    error = cancelled(held, workflow, stop_and_release(held, False))
    assert isinstance(error, TaskFailedError)
    assert tries == [1]


@BOTH
def test_between_two_states_the_next_one_is_not_begun(undo: bool) -> None:
    store, journal = MemoryCheckpointStore(), Journal()
    cancel = Cancellation()
    workflow = saga(journal, store, states="ABC", plain="BC")
    step = journal.step

    def cancelling(name: str) -> None:
        step(name)
        if name == "B":
            cancel.cancel(rollback=undo)

    journal.step = cancelling  # type: ignore[method-assign]
    with pytest.raises(RunCancelledError) as caught:
        start(workflow, cancel=cancel)

    # B was let through to its end, for it did not wait; but it has no row of that.
    assert (caught.value.state, caught.value.path) == ("C", ("A", "B"))
    assert journal.did == ["A", "B", *(["undo A1"] if undo else [])]
    assert written(store) == ([] if undo else ["A", "A done", "B"])


@BOTH
def test_while_the_row_of_a_state_is_written_its_task_is_stopped_at_once(
    undo: bool,
) -> None:
    """The row is there; the task gets as far as its first await."""
    cancel = Cancellation()

    def script(operation: str, number: int) -> None:
        if operation == "append" and number == 3:
            cancel.cancel(rollback=undo)

    held, journal = Held(), Journal()
    journal.holds["C"] = held
    store = ScriptedStore(before=script)
    with pytest.raises(RunCancelledError) as caught:
        start(saga(journal, store), cancel=cancel)
    assert (caught.value.state, held.stopped) == ("C", True)
    assert written(store.inner)[4:] == ([] if undo else ["C"])


@BOTH
def test_c14_a_router_is_stopped(undo: bool) -> None:
    held, store, journal = Held(), MemoryCheckpointStore(), Journal()
    journal.holds["R"] = held

    def workflow() -> Workflow:
        return saga(journal, store, states="ARC", routers="R")

    error = cancelled(held, workflow(), stop(undo))
    assert (type(error), error.state) == (RunCancelledError, "R")
    del journal.holds["R"]
    if undo:
        assert journal.did == ["A", "R", "undo A1"]
    else:
        assert written(store) == ["A", "A done"]
        assert resume(workflow()) == "Done"
        assert journal.did == ["A", "R", "R", "C"]


@BOTH
def test_c12_a_rollback_is_finished_under_a_cancellation(undo: bool) -> None:
    held, store = Held(), MemoryCheckpointStore()
    journal = Journal(C=[ValueError("no")])
    journal.holds["undo B1"] = held
    error = cancelled(held, saga(journal, store), stop_and_release(held, undo))

    assert type(error) is TaskFailedError
    assert journal.undone == ["B1", "A1"]
    status = asyncio.run(saga(journal, store).status("r"))
    assert status.phase is RunPhase.ROLLED_BACK


def test_a_compensation_is_tried_again_under_a_cancellation_too() -> None:
    held, journal = Held(), Journal(undo_B=[OSError("busy")] * 2)
    journal.holds["C"] = held
    config = TaskConfig(retry=Retry.fixed(2, 0))
    error = cancelled(held, saga(journal, config=config), stop(True))
    assert type(error) is RunCancelledError
    assert journal.undone == ["B1", "B1", "B1", "A1"]


@BOTH
def test_a_resumed_rollback_ignores_a_cancellation(undo: bool) -> None:
    store, journal = MemoryCheckpointStore(), Journal()
    rows = [row(0, "A"), completion(1, "A", "C", "x"), row(2, "C"), rollback(3, "C")]
    asyncio.run(store.append("r", *rows))
    cancel = Cancellation()
    cancel.cancel(rollback=undo)
    with pytest.raises(RolledBackError):
        resume(saga(journal, store), cancel=cancel)
    assert journal.did == ["undo x"]


@BOTH
def test_a_run_that_is_about_to_end_is_let_through(undo: bool) -> None:
    """C8: unlike cano, which undoes finished work when it is cancelled now."""
    store, journal, watcher = MemoryCheckpointStore(), Journal(), RecordingObserver()
    held = Held()
    journal.holds["C"] = held
    workflow = saga(journal, store, states="AC", plain="", observers=[watcher])
    assert cancelled(held, workflow, stop_and_release(held, undo)) == "Done"

    assert journal.undone == []
    assert watcher.of("on_cancelled") == []
    assert written(store) == []


def test_c4_what_a_cancellation_could_not_undo_is_listed() -> None:
    held, journal = Held(), Journal(undo_A=[OSError("busy")])
    journal.holds["C"] = held
    error = cancelled(held, saga(journal, MemoryCheckpointStore()), stop(True))

    assert type(error) is CompensationFailedError
    assert isinstance(error.__cause__, RunCancelledError)
    assert error.failure.error == "RunCancelledError"
    assert [each.state for each in error.remaining] == ["A"]
    assert journal.undone == ["B1", "A1"]


def test_a_cancellation_is_noticed_while_a_task_waits_to_be_tried_again() -> None:
    held, watcher = Held(), RecordingObserver()

    async def fail() -> str:
        held.reached.set()
        raise OSError("busy")

    config = TaskConfig(retry=Retry.fixed(3, 60))
    workflow = Workflow(observers=[watcher]).register("A", fail, config=config)
    workflow.add_exit_state("Done")
    error = cancelled(held, workflow, stop(False))
    assert type(error) is RunCancelledError
    assert len(watcher.of("on_retry")) == 1


# How it may come


def test_c10_the_first_call_decides_and_further_ones_change_nothing() -> None:
    held, journal = Held(), Journal()
    journal.holds["C"] = held

    def twice(cancel: Cancellation) -> None:
        cancel.cancel()
        cancel.cancel(rollback=True)

    error = cancelled(held, saga(journal, MemoryCheckpointStore()), twice)
    assert (type(error), error.rollback) == (RunCancelledError, False)
    assert journal.undone == []


def test_it_may_come_from_another_thread() -> None:
    held, journal = Held(), Journal()
    journal.holds["C"] = held

    def by(cancel: Cancellation) -> None:
        # Nothing else wakes the event loop: the thread begins while that sleeps.
        threading.Timer(0.01, cancel.cancel, kwargs={"rollback": True}).start()

    error = cancelled(held, saga(journal), by)
    assert type(error) is RunCancelledError
    assert journal.undone == ["B1", "A1"]


def test_one_cancellation_stops_every_run_that_it_was_given_to() -> None:
    """Also in event loops of their own, and those that begin afterwards."""
    cancel = Cancellation()
    ready = threading.Barrier(3)
    ended: list[BaseException] = []

    def in_a_thread() -> None:
        async def wait() -> str:
            await asyncio.to_thread(ready.wait, 5)
            await asyncio.Event().wait()
            return "Done"

        workflow = Workflow().register("A", wait).add_exit_state("Done")
        try:
            start(workflow, cancel=cancel)
        except RunCancelledError as error:
            ended.append(error)

    threads = [threading.Thread(target=in_a_thread) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait(5)
    cancel.cancel()
    for thread in threads:
        thread.join(5)

    assert len(ended) == 2
    with pytest.raises(RunCancelledError):
        start(saga(Journal()), cancel=cancel)


def test_c9_one_that_nobody_uses_changes_nothing_and_is_let_go() -> None:
    cancel, store = Cancellation(), MemoryCheckpointStore()
    journal = Journal()
    assert start(saga(journal, store), cancel=cancel) == "Done"
    # Its run is over, and its event loop too: nobody is told, nothing breaks.
    cancel.cancel()
    assert journal.did == ["A", "B", "C"]
    assert not cancel._listeners


def test_a_signal_handler_may_cancel_whatever_its_thread_is_doing() -> None:
    """Also while that thread is in the middle of a call of the Cancellation."""

    class Interrupted(dict[Any, Any]):
        def __setitem__(self, key: object, value: object) -> None:
            super().__setitem__(key, value)
            cancel.cancel()

    cancel = Cancellation()
    cancel._listeners = Interrupted()
    ended: list[BaseException] = []

    async def wait() -> str:
        await asyncio.Event().wait()
        return "Done"

    def in_a_thread() -> None:
        workflow = Workflow().register("A", wait).add_exit_state("Done")
        try:
            start(workflow, cancel=cancel)
        except RunCancelledError as error:
            ended.append(error)

    thread = threading.Thread(target=in_a_thread, daemon=True)
    thread.start()
    thread.join(2)
    assert len(ended) == 1


def test_what_is_no_cancellation_is_refused() -> None:
    store = MemoryCheckpointStore()
    with pytest.raises(ConfigurationError, match=r"cancel=True is no Cancellation"):
        start(saga(Journal(), store), cancel=True)
    assert written(store) == []


def test_c11_who_asked_to_stop_is_told_so_although_the_time_is_over_too() -> None:
    journal = Journal()
    cancel = Cancellation()
    cancel.cancel()
    workflow = saga(journal, total_timeout=1e-9)
    with pytest.raises(RunCancelledError):
        start(workflow, cancel=cancel)
