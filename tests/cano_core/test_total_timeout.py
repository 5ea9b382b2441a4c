"""The time that a run may take in all: before and in every state, over restarts."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from cano_core import (
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    RolledBackError,
    RowKind,
    RunPhase,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowTimeoutError,
    interruption,
)
from saga_rows import completion, rollback, started
from sagas import ONCE, Journal, resume, saga, start, written
from small_flow import row


class Wall:
    """The clock on the wall; it stands still until somebody sets it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    clock = Wall()
    monkeypatch.setattr(interruption, "time", clock)
    return clock


def passing(journal: Journal, wall: Wall, seconds: float, at: str) -> None:
    """Let time pass in one step, without an await."""

    async def pass_by() -> None:
        wall.now += seconds

    journal.holds[at] = pass_by


async def forever() -> None:
    await asyncio.Event().wait()


# Where it takes effect


@pytest.mark.parametrize("late", ["A", "B"])
def test_h43_it_is_looked_at_before_every_state(wall: Wall, late: str) -> None:
    """Also where no task ever waits, and after a compensatable one, which may overrun.

    What that one left is not forgotten.
    """
    journal, watcher = Journal(), RecordingObserver()
    passing(journal, wall, 10.5, late)
    workflow = saga(journal, total_timeout=10, observers=[watcher])
    with pytest.raises(WorkflowTimeoutError) as caught:
        start(workflow)

    following = chr(ord(late) + 1)
    error = caught.value
    assert (error.workflow_id, error.state, error.limit) == ("r", following, 10)
    assert error.path == tuple("ABC"[: "ABC".index(following)])
    assert watcher.of("on_workflow_timeout") == [("r", following, 10)]
    assert journal.undone == [
        f"{label}1" for label in reversed("AB"[: len(error.path)])
    ]
    assert "'r' took longer than its total_timeout of 10 seconds" in str(error)


def test_it_is_looked_at_before_a_router(wall: Wall) -> None:
    journal = Journal()
    passing(journal, wall, 10.5, "A")
    with pytest.raises(WorkflowTimeoutError) as caught:
        start(saga(journal, states="ARC", routers="R", total_timeout=10))
    assert (caught.value.state, journal.did) == ("R", ["A", "undo A1"])


def test_a_run_that_has_come_to_its_end_is_in_time(wall: Wall) -> None:
    journal = Journal()
    passing(journal, wall, 10.5, "C")
    store = MemoryCheckpointStore()
    assert start(saga(journal, store, total_timeout=10)) == "Done"


@pytest.mark.parametrize("where", ["plain", "router"])
def test_it_stops_a_task_that_waits(where: str) -> None:
    journal, watcher = Journal(), RecordingObserver()
    journal.holds["C"] = forever
    workflow = saga(
        journal,
        routers="C" if where == "router" else "",
        total_timeout=0.02,
        observers=[watcher],
    )
    with pytest.raises(WorkflowTimeoutError) as caught:
        start(workflow)

    assert (caught.value.state, caught.value.path) == ("C", ("A", "B", "C"))
    assert journal.undone == ["B1", "A1"]
    told = [event.hook for event in watcher.events if "checkpoint" not in event.hook]
    assert told[-7:] == [
        "on_workflow_timeout",
        "on_task_failure",
        "on_rollback_start",
        "on_compensated",
        "on_compensated",
        "on_rollback_end",
        "on_run_end",
    ]


def test_it_does_not_stop_a_compensatable_task() -> None:
    journal = Journal()
    reached: list[str] = []

    async def slow() -> None:
        await asyncio.sleep(0.03)
        reached.append("the end")

    journal.holds["B"] = slow
    with pytest.raises(WorkflowTimeoutError) as caught:
        start(saga(journal, total_timeout=0.01))
    assert reached == ["the end"]
    assert (caught.value.state, journal.undone) == ("C", ["B1", "A1"])


def test_it_stops_the_pause_between_two_attempts() -> None:
    journal = Journal(C=[OSError("busy")] * 9)
    config = TaskConfig(retry=Retry.fixed(5, 60))
    began = time.monotonic()
    with pytest.raises(WorkflowTimeoutError):
        start(saga(journal, config=config, total_timeout=0.02))
    assert time.monotonic() - began < 5
    assert journal.did == ["A", "B", "C", "undo B1", "undo A1"]


def test_no_attempt_follows_one_that_ended_too_late(wall: Wall) -> None:
    """The failure of the attempt is the run's: it came by itself, and first."""
    journal = Journal()

    async def fail_late() -> None:
        wall.now += 10.5
        raise OSError("busy")

    journal.holds["C"] = fail_late
    config = TaskConfig(retry=Retry.fixed(5, 0))
    with pytest.raises(TaskFailedError):
        start(saga(journal, config=config, total_timeout=10))
    assert journal.did.count("C") == 1


def test_an_attempt_timeout_within_it_is_a_failure_of_the_task() -> None:
    journal = Journal()
    journal.holds["C"] = forever
    config = TaskConfig(retry=Retry.none(), attempt_timeout=0.01)
    with pytest.raises(TaskFailedError) as caught:
        start(saga(journal, config=config, total_timeout=60))
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_a_timeout_of_the_tasks_own_is_its_failure() -> None:
    async def own() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)

    journal = Journal()
    journal.holds["C"] = own
    with pytest.raises(TaskFailedError):
        start(saga(journal, total_timeout=60))


def test_a_task_that_makes_a_failure_of_it_has_not_failed() -> None:
    async def converting() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("connection lost") from None

    journal = Journal()
    journal.holds["C"] = converting
    with pytest.raises(WorkflowTimeoutError) as caught:
        start(saga(journal, total_timeout=0.01))
    assert "connection lost" in str(caught.value.__cause__)


def test_the_rollback_is_not_under_it(wall: Wall) -> None:
    """It has a limit of its own, which counts from its own beginning."""
    journal = Journal()
    passing(journal, wall, 10.5, "B")
    passing(journal, wall, 100, "undo B1")
    with pytest.raises(WorkflowTimeoutError):
        start(saga(journal, total_timeout=10))
    assert journal.undone == ["B1", "A1"]

    journal.did.clear()
    journal.fails["undo B"] = [OSError("busy")]
    with pytest.raises(CompensationFailedError) as caught:
        start(saga(journal, total_timeout=10, compensation_timeout=5))
    assert caught.value.failure.error == "WorkflowTimeoutError"
    assert isinstance(caught.value.__cause__, WorkflowTimeoutError)


def test_where_nothing_was_done_the_run_goes_on_under_a_longer_one(
    wall: Wall,
) -> None:
    store, journal = MemoryCheckpointStore(), Journal()
    passing(journal, wall, 10.5, "A")

    def workflow(limit: float | None) -> Workflow:
        return saga(journal, store, plain="ABC", total_timeout=limit)

    with pytest.raises(WorkflowTimeoutError, match="it under a longer one"):
        start(workflow(10))
    assert written(store) == ["A", "A memo"]
    with pytest.raises(WorkflowTimeoutError):
        resume(workflow(10))
    journal.holds.clear()
    assert resume(workflow(100)) == "Done"


# Over restarts


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


# What is a limit


@pytest.mark.parametrize("name", ["total_timeout", "compensation_timeout"])
@pytest.mark.parametrize("limit", [0, -1, 0.0, float("nan"), "10"])
def test_what_is_no_limit_is_refused(name: str, limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}=.*above 0 seconds"):
        Workflow(**{name: limit})


@pytest.mark.parametrize("limit", [1e300, float("inf")])
def test_a_huge_limit_is_as_good_as_none(limit: float) -> None:
    journal = Journal(C=[ValueError("no")])
    store = MemoryCheckpointStore()
    with pytest.raises(TaskFailedError):
        start(saga(journal, store, total_timeout=limit, compensation_timeout=limit))
    assert journal.undone == ["B1", "A1"]


def test_nothing_is_left_behind_in_the_event_loop(
    wall: Wall,
) -> None:
    """A program that runs thousands of these would otherwise collect timers."""

    async def main() -> list[Callable[..., object]]:
        workflow = saga(Journal(), total_timeout=60, config=ONCE)
        await workflow.orchestrate("A", workflow_id="r")
        for _ in range(3):
            await asyncio.sleep(0)
        loop: Any = asyncio.get_running_loop()
        with contextlib.suppress(AttributeError):
            return [each for each in loop._scheduled if not each.cancelled()]
        return []

    assert asyncio.run(main()) == []
