"""What is left of the time of a run survives its process."""

import asyncio
import time
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CompensationFailedError,
    MemoryCheckpointStore,
    RecordingObserver,
    RolledBackError,
    RowKind,
    RunCancelledError,
    RunPhase,
    Workflow,
    WorkflowTimeoutError,
    interruption,
)
from saga_rows import completion, rollback, started
from sagas import Journal, resume, saga, start, written
from small_flow import row
from wall_clock import Wall, passing


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    clock = Wall()
    monkeypatch.setattr(interruption, "time", clock)
    return clock


async def forever() -> None:
    await asyncio.Event().wait()


def crashed(journal: Journal, store: Any, at: str, **options: Any) -> None:
    """A run whose process died in a state."""
    journal.fails[at] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        start(saga(journal, store, **options))
    journal.did.clear()


def test_h23_what_is_left_of_it_survives_a_restart(wall: Wall) -> None:
    store, journal = MemoryCheckpointStore(), Journal()
    crashed(journal, store, "C", total_timeout=10)
    wall.now += 9
    passing(journal, wall, 1.5, "C")
    workflow = saga(journal, store, states="ABCD", plain="CD", total_timeout=10)
    with pytest.raises(WorkflowTimeoutError) as caught:
        resume(workflow)
    assert (caught.value.state, journal.did) == ("D", ["C", "undo B1", "undo A1"])


def test_u32_a_resume_for_which_no_time_is_left_runs_no_task(wall: Wall) -> None:
    """Down time counts: the limit is about what the caller sees."""
    store, journal, watcher = MemoryCheckpointStore(), Journal(), RecordingObserver()
    crashed(journal, store, "C", total_timeout=10)
    wall.now += 3600
    with pytest.raises(WorkflowTimeoutError):
        resume(saga(journal, store, total_timeout=10, observers=[watcher]))
    assert journal.did == ["undo B1", "undo A1"]
    assert len(watcher.of("on_workflow_timeout")) == 1
    with pytest.raises(RolledBackError, match="WorkflowTimeoutError"):
        resume(saga(journal, store, total_timeout=10))


def test_u32_a_resumed_task_is_stopped_when_what_is_left_is_over() -> None:
    store, journal = MemoryCheckpointStore(), Journal()
    crashed(journal, store, "C", total_timeout=10)
    journal.holds["C"] = forever
    began = time.monotonic()
    with pytest.raises(WorkflowTimeoutError):
        resume(saga(journal, store, total_timeout=0.05))
    assert time.monotonic() - began < 1


def test_when_the_run_began_is_in_the_append_of_its_first_row(wall: Wall) -> None:
    appends = []

    class Noting(MemoryCheckpointStore):
        async def append(self, workflow_id: str, *rows: Any) -> None:
            appends.append([each.kind for each in rows])
            await super().append(workflow_id, *rows)

    store = Noting()
    assert start(saga(Journal(), store, plain="ABC", total_timeout=10)) == "Done"
    entry = [RowKind.STATE_ENTRY]
    assert appends == [[*entry, RowKind.MEMO], entry, entry]
    appends.clear()
    asyncio.run(store.clear("r"))
    assert start(saga(Journal(), store, plain="ABC")) == "Done"
    assert appends == [entry] * 3


def test_it_is_a_matter_of_the_workflow_that_resumes(wall: Wall) -> None:
    """With one the clock starts at the first resume that has one; without, never."""
    store, journal = MemoryCheckpointStore(), Journal()
    crashed(journal, store, "C")
    assert "A memo" not in written(store)
    wall.now += 3600
    journal.fails["C"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        resume(saga(journal, store, total_timeout=10))
    assert written(store)[-2:] == ["C resumed", "C memo"]
    wall.now += 9
    journal.fails["C"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        resume(saga(journal, store, total_timeout=10))
    assert written(store)[-2:] == ["C memo", "C resumed"]
    wall.now += 2
    journal.fails["C"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        resume(saga(journal, store))  # this one has none
    with pytest.raises(WorkflowTimeoutError):
        resume(saga(journal, store, total_timeout=10))


def test_a_resume_after_a_lone_completion_may_begin_to_count_too(wall: Wall) -> None:
    store = MemoryCheckpointStore()
    journal = Journal(R=[KeyboardInterrupt()])
    rows = [row(0, "A"), completion(1, "A", "R", "x")]
    asyncio.run(store.append("r", *rows))

    def workflow() -> Workflow:
        return saga(journal, store, states="ARC", routers="R", total_timeout=10)

    with pytest.raises(KeyboardInterrupt):
        resume(workflow())
    assert written(store) == ["A", "A done", "A resumed", "A memo"]
    wall.now += 11
    with pytest.raises(WorkflowTimeoutError):
        resume(workflow())
    assert journal.did == ["R", "undo x"]


def test_a_resumed_rollback_does_not_count(wall: Wall) -> None:
    store = MemoryCheckpointStore()
    rows = [
        row(0, "A"),
        started(1, "A", wall.now - 3600),
        completion(2, "A", "C", "x"),
        row(3, "C"),
        rollback(4, "C"),
    ]
    asyncio.run(store.append("r", *rows))
    journal = Journal()
    with pytest.raises(RolledBackError):
        resume(saga(journal, store, total_timeout=10))
    assert journal.did == ["undo x"]


def test_the_status_of_a_run_that_took_too_long(wall: Wall) -> None:
    store, journal = MemoryCheckpointStore(), Journal(undo_A=[OSError("busy")])
    passing(journal, wall, 10.5, "B")
    with pytest.raises(CompensationFailedError):
        start(saga(journal, store, total_timeout=10))
    status = asyncio.run(saga(journal, store).status("r"))
    assert (status.phase, status.state) == (RunPhase.ROLLING_BACK, "C")


def test_runs_of_one_workflow_have_their_time_each(wall: Wall) -> None:
    workflow = saga(Journal(), plain="ABC", total_timeout=10)
    for _ in range(3):
        assert start(workflow) == "Done"
        wall.now += 9


def test_a_clock_that_is_set_back_gives_a_run_more_time_not_less(
    wall: Wall,
) -> None:
    journal = Journal()
    passing(journal, wall, -3600, "B")
    assert start(saga(journal, total_timeout=10)) == "Done"


def test_a_machine_that_slept_finds_out_that_the_time_is_over(
    wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timers of an event loop stand still meanwhile; the clock is looked at."""
    monkeypatch.setattr(interruption, "LONGEST_TIMER", 0.001)
    journal = Journal()

    async def suspended() -> None:
        wall.now += 3600
        await asyncio.wait_for(asyncio.Event().wait(), 5)

    async def later() -> None:
        await asyncio.sleep(0)  # the timer is armed
        await suspended()

    journal.holds["C"] = later
    with pytest.raises(WorkflowTimeoutError):
        start(saga(journal, total_timeout=600))


def test_a_run_whose_time_is_over_at_its_resume_says_where_it_was() -> None:
    async def task() -> str:
        raise KeyboardInterrupt

    store = MemoryCheckpointStore()

    def workflow(**options: Any) -> Workflow:
        made = Workflow(checkpoint_store=store, **options)
        return made.register("A", task).add_exit_state("Done")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(workflow().orchestrate("A", workflow_id="r"))
    stop = Cancellation()
    stop.cancel()
    with pytest.raises(RunCancelledError, match=r"path: A\)") as caught:
        asyncio.run(workflow().resume_from("r", cancel=stop))
    assert caught.value.path == ("A",)
