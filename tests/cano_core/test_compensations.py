"""What a compensation is given, in every attempt and in every process, and how long."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    CompensationFailedError,
    Done,
    MemoryCheckpointStore,
    More,
    Retry,
    RolledBackError,
    RunCancelledError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from sagas import ONCE, resume, start
from scripted_store import ScriptedStore, raising

AGAIN = TaskConfig(retry=Retry.fixed(2, 0))


# The run's data


class Crash(BaseException):
    """The end of a process."""


@dataclass
class Order:
    """What a run carries."""

    total: int = 0


Seen = list[int]
Ends = Callable[[Workflow, "Ending"], None]


@dataclass
class Ending:
    """How Book > Raise > … comes to its end, and what undoing Book sees then."""

    seen: Seen
    cancel: Cancellation


def stopped(workflow: Workflow, ending: Ending) -> None:
    """Raise asks the run to stop, which it does before the next state."""

    async def up(order: Order) -> str:
        order.total += 10
        ending.cancel.cancel(rollback=True)
        return "Next"

    workflow.register("Raise", up).register("Next", lambda: "Done")


def routed(workflow: Workflow, ending: Ending) -> None:
    """A router fails after Raise."""

    def up(order: Order) -> str:
        order.total += 10
        return "Route"

    def route() -> str:
        raise ValueError("no")

    workflow.register("Raise", up).register_router("Route", route, config=ONCE)


def failed(workflow: Workflow, ending: Ending) -> None:
    """A task fails, which has the row after Raise."""

    def up(order: Order) -> str:
        order.total += 10
        return "Fail"

    def fail(order: Order) -> str:
        order.total += 100
        raise ValueError("no")

    workflow.register("Raise", up).register("Fail", fail, config=ONCE)


def stepped(workflow: Workflow, ending: Ending) -> None:
    """The second step of Raise fails; the first one's cursor has data."""

    def step(cursor: int | None, order: Order) -> More[int] | Done[str]:
        order.total += 10
        if cursor is not None:
            raise ValueError("no")
        return More(1)

    workflow.register_stepped("Raise", step, config=ONCE)


def timed_out(workflow: Workflow, ending: Ending) -> None:
    """Asked to stop while a step's cursor is written; the step's work is done."""

    def step(cursor: int | None, order: Order) -> More[int] | Done[str]:
        order.total += 10
        return More((cursor or 0) + 1)

    workflow.register_stepped("Raise", step, config=ONCE)


def booking(store: Any, ends: Ends, ending: Ending) -> Workflow:
    workflow = Workflow(data=Order, checkpoint_store=store).add_exit_state("Done")

    def book(order: Order) -> tuple[str, int]:
        order.total += 1
        return "Raise", 7

    def unbook(output: int, order: Order) -> None:
        ending.seen.append(order.total)

    workflow.register_with_compensation("Book", book, compensate=unbook, config=ONCE)
    ends(workflow, ending)
    return workflow


ENDS = [(stopped, 1), (routed, 1), (failed, 11), (stepped, 11)]


@pytest.mark.parametrize(("ends", "total"), ENDS)
@pytest.mark.parametrize("durable", [False, True])
def test_a_compensation_sees_the_data_of_the_last_row(
    ends: Ends, total: int, durable: bool
) -> None:
    """Law 1: what no row has is not there, also for the process that has it."""
    ending = Ending([], Cancellation())
    workflow = booking(MemoryCheckpointStore() if durable else None, ends, ending)
    with pytest.raises((TaskFailedError, RunCancelledError)):
        start(workflow, "Book", data=Order(), cancel=ending.cancel)
    assert ending.seen == [total]


@pytest.mark.parametrize(("ends", "total"), ENDS)
def test_a_resumed_rollback_sees_the_same_data(ends: Ends, total: int) -> None:
    ending = Ending([], Cancellation())
    store = ScriptedStore(before=raising(Crash(), "finish"))
    with pytest.raises(Crash):
        start(booking(store, ends, ending), "Book", data=Order(), cancel=ending.cancel)
    with pytest.raises(RolledBackError):
        resume(booking(store.inner, ends, ending))
    assert ending.seen == [total, total]


def test_the_data_of_a_cursor_counts_although_the_run_stops_while_it_is_written() -> (
    None
):
    ending = Ending([], Cancellation())

    async def before(operation: str, number: int) -> None:
        if (operation, number) == ("append", 4):
            ending.cancel.cancel(rollback=True)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if operation == "finish":
            raise Crash

    store = ScriptedStore(before=before)
    with pytest.raises(Crash):
        start(
            booking(store, timed_out, ending),
            "Book",
            data=Order(),
            cancel=ending.cancel,
        )
    with pytest.raises(RolledBackError):
        resume(booking(store.inner, timed_out, ending))
    assert ending.seen == [21, 21]


# The output


def undoing(
    undo: Callable[..., Any],
    output: Any,
    *,
    config: TaskConfig = AGAIN,
    **options: Any,
) -> Workflow:
    """A > Fail, where A leaves this output."""
    workflow = Workflow(**options).add_exit_state("Done")

    async def do() -> tuple[str, Any]:
        return "Fail", output

    async def fail() -> str:
        raise ValueError("no")

    workflow.register_with_compensation("A", do, compensate=undo, config=config)
    return workflow.register("Fail", fail, config=ONCE)


@pytest.mark.parametrize("durable", [False, True])
def test_every_attempt_of_a_compensation_is_given_the_output_as_it_was(
    durable: bool,
) -> None:
    """A resumed process would be given it so, too."""
    given: list[list[int]] = []

    async def undo(seats: list[int], run: RunContext) -> None:
        given.append(list(seats))
        seats.pop()
        if run.attempt < 3:
            raise OSError("busy")

    store = MemoryCheckpointStore() if durable else None
    with pytest.raises(TaskFailedError):
        start(undoing(undo, [1, 2, 3], checkpoint_store=store))
    assert given == [[1, 2, 3]] * 3


def test_what_remains_is_listed_with_the_output_as_it_was() -> None:
    async def undo(seats: list[int]) -> None:
        seats.clear()
        raise OSError("busy")

    with pytest.raises(CompensationFailedError) as caught:
        start(undoing(undo, [1, 2, 3], checkpoint_store=MemoryCheckpointStore()))
    assert [each.output for each in caught.value.remaining] == [[1, 2, 3]]


# Its time


@pytest.mark.parametrize("live", [False, True])
def test_a_compensation_that_fails_when_it_is_told_to_stop_is_not_tried_again(
    live: bool,
) -> None:
    """Whatever it makes of its cancellation, the rollback's time is over."""
    tried = []

    async def undo(output: object, run: RunContext) -> None:
        tried.append(run.attempt)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise ConnectionError("interrupted") from error

    config = TaskConfig(retry=Retry.fixed(3, 30.0))
    workflow = undoing(
        undo, object() if live else 1, config=config, compensation_timeout=0.01
    )
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow)
    assert tried == [1]
    (left,) = caught.value.remaining
    assert "compensation_timeout of 0.01 seconds is over" in str(left.error)
    assert isinstance(left.error, TimeoutError)
    assert isinstance(left.error.__cause__, ConnectionError)


def test_a_compensation_that_is_done_when_it_is_told_to_stop_is_done() -> None:
    undone = []

    async def undo(output: int) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        undone.append(output)

    with pytest.raises(TaskFailedError):
        start(undoing(undo, 1, compensation_timeout=0.01))
    assert undone == [1]
