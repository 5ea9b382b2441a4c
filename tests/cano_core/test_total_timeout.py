"""The time that a run may take in all: before and in every state, over restarts."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cano_core import (
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowTimeoutError,
    interruption,
)
from sagas import ONCE, Journal, resume, saga, start, written
from wall_clock import Wall, passing


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    clock = Wall()
    monkeypatch.setattr(interruption, "time", clock)
    return clock


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


# What is a limit


@pytest.mark.parametrize("name", ["total_timeout", "compensation_timeout"])
@pytest.mark.parametrize("limit", [0, -1, 0.0, float("nan")])
def test_what_is_no_limit_is_refused(name: str, limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}=.*above 0 seconds"):
        Workflow(**{name: limit})


@pytest.mark.parametrize("limit", ["10", timedelta(seconds=10), [10]])
def test_a_limit_is_a_number_of_seconds(limit: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"total_timeout=.*10.* must be a number of seconds"
    ):
        Workflow(total_timeout=limit)


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
