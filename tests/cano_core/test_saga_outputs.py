"""What a compensation is given, and what it can do."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
import pytest

from cano_core import (
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    Retry,
    RolledBackError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from sagas import ONCE, Journal, resume, saga, start, written
from scripted_store import ScriptedStore

AGAIN = TaskConfig(retry=Retry.fixed(2, 0))


def undone_after(
    task: Any, compensate: Any = None, store: Any = None, **options: Any
) -> TaskFailedError:
    """Let one task succeed, fail after it, and return what came out."""

    async def fail() -> str:
        raise ValueError("no")

    workflow = Workflow(checkpoint_store=store, **options).add_exit_state("Done")
    workflow.register_with_compensation("A", task, compensate=compensate, config=ONCE)
    workflow.register("B", fail, config=ONCE)
    with pytest.raises(TaskFailedError) as caught:
        start(workflow)
    assert caught.value.state == "B"
    return caught.value


# The two forms, and what the compensation is given


class Booking:
    """One object that does and undoes."""

    name = "booking"

    def __init__(self) -> None:
        self.undone: list[object] = []

    async def run(self) -> tuple[Literal["B"], int]:
        return "B", 7

    async def compensate(self, seat: int, hotel: str, run: RunContext) -> None:
        self.undone.append((seat, hotel, run.state, run.attempt))


def test_an_object_does_and_undoes() -> None:
    booking = Booking()
    undone_after(booking, resources={"hotel": "Ritz"})
    assert booking.undone == [(7, "Ritz", "A", 1)]


def test_a_function_may_undo_what_an_object_did() -> None:
    undone = []

    async def other(whatever: int) -> None:
        undone.append(whatever)

    booking = Booking()
    undone_after(booking, other)
    assert (booking.undone, undone) == ([], [7])


def test_sync_functions_do_and_undo_in_a_thread() -> None:
    undone = []
    undone_after(lambda: ("B", 7), lambda output: undone.append(output))
    assert undone == [7]


def test_h10_states_with_one_task_or_name_have_compensators_of_their_own() -> None:
    undone: list[str] = []

    async def pay(run: RunContext) -> tuple[str, str]:
        return {"A": "B", "B": "C"}[run.label], f"of {run.label}"

    def undoing(who: str) -> Any:
        async def undo(output: str) -> None:
            undone.append(f"{who} undoes {output}")

        return undo

    async def fail() -> str:
        raise ValueError("no")

    workflow = Workflow().add_exit_state("Done").register("C", fail, config=ONCE)
    for label in "AB":
        workflow.register_with_compensation(label, pay, compensate=undoing(label))
    with pytest.raises(TaskFailedError):
        start(workflow)

    assert undone == ["B undoes of B", "A undoes of A"]


def test_u17_a_compensatable_state_can_not_be_registered_over() -> None:
    """No stale compensator, for no state is ever replaced."""
    workflow = saga(Journal())
    with pytest.raises(ConfigurationError, match="'A'"):
        workflow.register("A", Booking())


@pytest.mark.parametrize(
    ("task", "compensate", "problem"),
    [
        (lambda: ("B", 1), None, "can't be undone: give compensate="),
        (Booking(), 3, "can't be undone"),
        (3, lambda output: None, "is no task"),
    ],
    ids=["no compensation", "no function", "no task"],
)
def test_what_can_not_be_undone_is_refused_at_once(
    task: Any, compensate: Any, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Workflow().register_with_compensation("A", task, compensate=compensate)


@pytest.mark.parametrize(
    ("compensate", "problem"),
    [
        (lambda: None, "is handed 1 value"),
        (lambda output, hotel: None, "nothing fills its parameter 'hotel'"),
    ],
)
def test_a_compensation_that_can_not_be_called_is_found_by_validate(
    compensate: Callable[..., Any], problem: str
) -> None:
    workflow = Workflow().add_exit_state("B")
    workflow.register_with_compensation("A", lambda: ("B", 1), compensate=compensate)
    with pytest.raises(ConfigurationError, match=problem):
        workflow.validate()


# The output's type


@dataclass
class Receipt:
    number: int
    tags: frozenset[str] = frozenset({"paid"})


class Invoice(pydantic.BaseModel):
    number: int


def giving(output: object) -> Callable[[], Any]:
    async def task() -> tuple[str, Any]:
        return "B", output

    return task


async def declared_dataclass(output: Receipt, seen: list[Any]) -> None:
    seen.append(output)


async def declared_optional(output: Receipt | None, seen: list[Any]) -> None:
    seen.append(output)


async def declared_model(output: Invoice, seen: list[Any]) -> None:
    seen.append(output)


async def declared_optional_model(output: Invoice | None, seen: list[Any]) -> None:
    seen.append(output)


async def undeclared(output, seen: list[Any]) -> None:  # type: ignore[no-untyped-def]
    seen.append(output)


async def declared_object(output: object, seen: list[Any]) -> None:
    seen.append(output)


@pytest.mark.parametrize(
    ("compensate", "output"),
    [
        (declared_dataclass, Receipt(7)),
        (declared_optional, Receipt(7)),
        (declared_optional, None),
        (declared_model, Invoice(number=7)),
        (declared_optional_model, Invoice(number=7)),
        (declared_optional_model, None),
        (undeclared, {"number": [7, None, 1.5]}),
        (undeclared, None),
        (undeclared, b""),
        (undeclared, ""),
        (declared_object, 7),
    ],
)
@pytest.mark.parametrize("durable", [False, True])
def test_the_output_comes_back_as_what_it_was(
    compensate: Any, output: object, durable: bool
) -> None:
    seen: list[Any] = []
    store = MemoryCheckpointStore() if durable else None
    undone_after(giving(output), compensate, store, resources={"seen": seen})

    assert seen == [output]
    assert type(seen[0]) is type(output)


def test_the_tasks_own_annotation_may_declare_the_output() -> None:
    seen: list[Any] = []

    async def task() -> tuple[Literal["B"], Receipt]:
        return "B", Receipt(7)

    undone_after(task, undeclared, resources={"seen": seen})
    assert seen == [Receipt(7)]


def test_an_output_that_nobody_could_write_is_found_by_validate() -> None:
    async def undo(output: "asyncio.Queue[int]") -> None:
        pass

    workflow = Workflow().add_exit_state("B")
    workflow.register_with_compensation("A", giving(1), compensate=undo)
    with pytest.raises(ConfigurationError, match=r"task 'task': its output: .*Queue"):
        workflow.validate()


@pytest.mark.parametrize("result", ["B", ("B",), ("B", 1, 2), ["B", 1], None])
def test_u57_a_task_that_returns_no_pair_is_a_mistake_of_the_program(
    result: object,
) -> None:
    store = MemoryCheckpointStore()

    async def task() -> Any:
        return result

    workflow = Workflow(checkpoint_store=store).add_exit_state("B")
    workflow.register_with_compensation("A", task, compensate=lambda output: None)
    with pytest.raises(ConfigurationError, match=r"where \(state, output") as caught:
        start(workflow)

    assert "run 'r'" in str(caught.value)
    assert "state 'A'" in str(caught.value)
    assert written(store) == ["A"]


def test_the_task_declares_its_transitions_in_the_first_of_the_pair() -> None:
    workflow = Workflow().add_exit_states("B", "C")
    workflow.register_with_compensation("A", Booking(), compensate=lambda output: None)

    assert workflow.graph.transitions == {"A": {"B"}}
    assert workflow.graph.kinds == {"A": "compensatable"}


# What a compensation can do


def test_a_compensation_has_a_key_of_its_own_that_stays_the_same() -> None:
    keys = []

    async def task(run: RunContext) -> tuple[str, str]:
        return "B", run.idempotency_key

    async def undo(output: str, run: RunContext) -> None:
        keys.append((output, run.idempotency_key))
        if len(keys) < 3:
            raise OSError("busy")

    async def fail() -> str:
        raise ValueError("no")

    def workflow() -> Workflow:
        return (
            Workflow(checkpoint_store=store)
            .register_with_compensation("A", task, compensate=undo, config=ONCE)
            .register("B", fail, config=ONCE)
            .add_exit_state("Done")
        )

    store = MemoryCheckpointStore()
    for attempt in (start, resume):
        with pytest.raises(CompensationFailedError):
            attempt(workflow())
    with pytest.raises(RolledBackError):
        resume(workflow())

    assert keys == [("r/A/1", "r/A/1/undo/0")] * 3


def test_a_compensation_is_given_the_runs_data_and_can_not_change_it() -> None:
    seen = []

    async def task(run: RunContext) -> tuple[str, None]:
        run.data["n"] += 1
        return {"A": "B", "B": "C"}[run.label], None

    async def undo(output: None, run: RunContext) -> None:
        seen.append(dict(run.data))
        run.data["n"] = 100

    async def fail(run: RunContext) -> str:
        run.data["n"] = 50
        raise ValueError("no")

    workflow = Workflow(data=dict[str, int]).add_exit_state("Done")
    for label in "AB":
        workflow.register_with_compensation(label, task, compensate=undo)
    workflow.register("C", fail, config=ONCE)
    with pytest.raises(TaskFailedError):
        start(workflow, data={"n": 0})

    assert seen == [{"n": 2}, {"n": 2}]


def test_a_result_that_a_compensation_can_not_keep_is_its_failure() -> None:
    """The others are undone all the same, those before it and those after it."""
    journal = Journal(C=[ValueError("no")])
    workflow = saga(journal, ScriptedStore(), states="AC")

    async def undo(output: int, run: RunContext) -> None:
        await run.once("refund", object)

    async def undo_first(output: str, run: RunContext) -> None:
        await run.once("refund", journal.step, f"undo {output}")

    workflow.register_with_compensation("X", lambda: ("A", 1), compensate=undo)
    workflow.register_with_compensation(
        "First", lambda: ("X", "F1"), compensate=undo_first
    )
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow, "First")

    assert journal.undone == ["A1", "F1"]
    (left,) = caught.value.remaining
    assert (left.state, type(left.error)) == ("X", ConfigurationError)
