"""A saga that a dead process has left goes on from its log, and is undone from it."""

import asyncio

import msgspec
import pytest

from cano_core import (
    CheckpointRow,
    CorruptLogError,
    MemoryCheckpointStore,
    RecordingObserver,
    RunContext,
    TaskFailedError,
    Workflow,
)
from saga_rows import completion, cursor
from sagas import Journal, resume, saga, start, written
from scripted_store import ScriptedStore, ThreeMethodStore
from small_flow import RESUME, row

STORES = [ScriptedStore, ThreeMethodStore]


def seeded(*rows: CheckpointRow) -> MemoryCheckpointStore:
    store = MemoryCheckpointStore()
    asyncio.run(store.append("r", *rows))
    return store


class Crash(BaseException):
    """The end of a process."""


def test_u15_what_a_dead_process_had_done_is_undone_too() -> None:
    store = seeded(
        row(0, "A"),
        completion(1, "A", "B", "of A"),
        row(2, "B"),
        completion(3, "B", "C", "of B"),
        row(4, "C"),
    )
    journal = Journal(C=[ValueError("no")])
    with pytest.raises(TaskFailedError) as caught:
        resume(saga(journal, store))

    assert journal.did == ["C", "undo of B", "undo of A"]
    assert caught.value.path == ("A", "B", "C")


def test_u16_a_cursor_is_nothing_to_undo() -> None:
    """U43: only what is completed is."""
    store = seeded(
        row(0, "A"), completion(1, "A", "C", "of A"), row(2, "C"), cursor(3, "C")
    )
    journal = Journal(C=[ValueError("no")])
    with pytest.raises(TaskFailedError):
        resume(saga(journal, store))
    assert journal.undone == ["of A"]


def test_s2_a_completed_state_is_not_run_again_and_undone_once() -> None:
    """U31. Unlike cano, which runs B again: its completion row is the truth."""
    store = seeded(
        row(0, "A"),
        completion(1, "A", "B", "of A"),
        row(2, "B"),
        completion(3, "B", "C", "of B"),
    )
    journal = Journal(C=[ValueError("no")])
    with pytest.raises(TaskFailedError) as caught:
        resume(saga(journal, store))

    assert journal.did == ["C", "undo of B", "undo of A"]
    assert caught.value.state == "C"
    assert written(store) == []


def test_u34_a_state_that_is_run_again_is_undone_with_what_it_left_last() -> None:
    store = seeded(row(0, "A"), row(1, "A", RESUME))
    journal = Journal(C=[ValueError("no")])
    with pytest.raises(TaskFailedError):
        resume(saga(journal, store))
    assert journal.did == ["A", "B", "C", "undo B1", "undo A1"]


def test_h03_a_completion_that_stands_alone_goes_on_after_its_state() -> None:
    """Before a router; the output is known, whatever comes after it."""
    for fails in ([], [ValueError("no")]):
        store = seeded(row(0, "A"), completion(1, "A", "R", "of A"))
        journal = Journal(C=fails)
        watcher = RecordingObserver()
        workflow = saga(journal, store, states="ARC", routers="R", observers=[watcher])
        if fails:
            with pytest.raises(TaskFailedError):
                resume(workflow)
            assert journal.did == ["R", "C", "undo of A"]
        else:
            assert resume(workflow) == "Done"
            assert journal.did == ["R", "C"]
        assert watcher.path == ["R", "C", *([] if fails else ["Done"])]


def test_h04_crashes_around_one_state_leave_one_output_to_undo() -> None:
    """Crash after crash in the router after A; A is neither repeated nor forgotten."""
    store = MemoryCheckpointStore()
    journal = Journal(R=[Crash(), Crash(), Crash()], C=[ValueError("no")])
    workflow = saga(journal, store, states="ARC", routers="R")
    with pytest.raises(Crash):
        start(workflow)
    for _ in range(2):
        with pytest.raises(Crash):
            resume(workflow)
    with pytest.raises(TaskFailedError):
        resume(workflow)

    assert journal.did == ["A", "R", "R", "R", "R", "C", "undo A1"]


def test_the_next_state_of_a_lone_completion_has_to_be_known() -> None:
    store = seeded(row(0, "A"), completion(1, "A", "Gone", "of A"))
    with pytest.raises(CorruptLogError, match=r"row 1: .*'Gone', which is to"):
        resume(saga(Journal(), store))
    assert written(store) == ["A", "A done"]


def test_a_lone_completion_may_lead_to_the_exit() -> None:
    """Nothing writes such a log today; it is legal all the same."""
    store = seeded(row(0, "A"), completion(1, "A", "Done", "of A"))
    journal = Journal()
    assert resume(saga(journal, store)) == "Done"
    assert journal.did == []


def test_a_lone_completion_has_the_data_for_what_follows() -> None:
    seen = []

    async def route(run: RunContext) -> str:
        seen.append(run.data)
        return "Done"

    payload = msgspec.msgpack.encode({"n": 2})
    first = msgspec.msgpack.encode({"n": 1})
    store = seeded(row(0, "A", payload=first), completion(1, "A", "R", 1, payload))
    workflow = Workflow(checkpoint_store=store, data=dict[str, int])
    workflow.register_router("R", route).add_exit_state("Done")
    workflow.register_with_compensation("A", lambda: ("R", 1), compensate=print)
    resume(workflow)
    assert seen == [{"n": 2}]
