"""The one typed value that a run carries: snapshots, codecs, and what is refused."""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any, TypedDict

import msgspec
import pytest
from pydantic import BaseModel

from cano_core import (
    CheckpointRow,
    ConfigurationError,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    Retry,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowObserver,
)


@dataclass
class Order:
    total: int = 0
    items: list[str] = field(default_factory=list)


class Struct(msgspec.Struct):
    total: int = 0
    items: list[str] = []


class Model(BaseModel):
    total: int = 0
    items: list[str] = []


class Typed(TypedDict):
    total: int
    items: list[str]


class Plain:
    """A class that nobody knows, with a codec of its own."""

    def __init__(self, total: int, items: list[str]) -> None:
        self.total = total
        self.items = items

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and vars(self) == vars(other)


class PlainCodec:
    def encode(self, value: Plain) -> bytes:
        return msgspec.json.encode([value.total, value.items])

    def decode(self, payload: bytes) -> Plain:
        return Plain(*msgspec.json.decode(payload))


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def crash_once() -> Any:
    crashes = iter([True])

    def crash() -> None:
        if next(crashes, False):
            raise KeyboardInterrupt

    return crash


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (Order, Order(1, ["a"])),
        (Struct, Struct(1, ["a"])),
        (Model, Model(total=1, items=["a"])),
        (PlainCodec(), Plain(1, ["a"])),
    ],
    ids=["dataclass", "msgspec", "pydantic", "codec"],
)
def test_data_of_every_kind_survives_a_crash(declared: Any, value: Any) -> None:
    store = MemoryCheckpointStore()
    crash, seen = crash_once(), []

    async def first(run: RunContext) -> str:
        run.data.total += 1
        run.data.items.append("b")
        return "Second"

    async def second(run: RunContext) -> str:
        crash()
        seen.append(run.data)
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store, data=declared)
        .register("First", first)
        .register("Second", second)
        .add_exit_state("Done")
    )
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(workflow.orchestrate("First", workflow_id="r", data=value))
    asyncio.run(workflow.resume_from("r"))

    assert type(seen[0]) is type(value)
    assert (seen[0].total, seen[0].items) == (2, ["a", "b"])


@pytest.mark.parametrize(
    ("declared", "first", "second"),
    [
        (int, 1, 2),
        (list[str], ["a"], ["a", "b"]),
        (Typed, {"total": 1, "items": []}, 5),
    ],
    ids=["int", "list", "typed dict"],
)
def test_plain_types_are_carried_too(declared: Any, first: Any, second: Any) -> None:
    seen: list[Any] = []

    async def work(data: Any, run: RunContext) -> str:
        seen.append(data)
        if declared is Typed:
            run.data["total"] = second
        else:
            run.data = second
        return "Look"

    async def look(run: RunContext) -> str:
        seen.append(run.data)
        return "Done"

    work.__annotations__["data"] = declared
    workflow = (
        Workflow(data=declared)
        .register("Work", work)
        .register("Look", look)
        .add_exit_state("Done")
    )
    asyncio.run(workflow.orchestrate("Work", data=first))

    if declared is Typed:
        second = {"total": 5, "items": []}
    assert seen[1] == second


def test_every_attempt_begins_with_the_data_as_of_the_entry() -> None:
    """A retry sees what a resume would see."""
    store = MemoryCheckpointStore()
    seen: list[tuple[int, int]] = []

    async def work(order: Order, run: RunContext) -> str:
        seen.append((order.total, run.attempt))
        order.total += 1
        order.items.append("x")
        if len(seen) < 4:
            raise RuntimeError("no")
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store, data=Order)
        .register("Work", work, config=TaskConfig(retry=Retry.fixed(1, 0)))
        .add_exit_state("Done")
    )
    with pytest.raises(TaskFailedError):
        asyncio.run(workflow.orchestrate("Work", workflow_id="r", data=Order(5)))
    asyncio.run(workflow.resume_from("r"))

    assert seen == [(5, 1), (5, 2), (5, 1), (5, 2)]
    outcome = asyncio.run(workflow.outcome("r"))
    assert outcome is not None
    assert msgspec.msgpack.decode(outcome.payload or b"", type=Order) == Order(6, ["x"])


def test_the_parameter_and_the_context_share_the_value_of_an_attempt() -> None:
    async def work(order: Order, run: RunContext) -> str:
        assert order is run.data
        return "Done"

    workflow = Workflow(data=Order).register("Work", work).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Work", data=Order()))


def test_no_two_holders_share_one_object() -> None:
    """No caller, no state before and no run beside can change a snapshot."""
    given = Order(0, ["given"])
    kept: list[Order] = []
    seen: list[list[str]] = []
    both = asyncio.Barrier(2)

    async def first(order: Order) -> str:
        kept.append(order)
        await both.wait()
        given.items.append("by the caller")
        return "Second"

    async def second(order: Order) -> str:
        await both.wait()
        for each in kept:
            each.items.append("by the state before")
        await both.wait()
        seen.append(order.items)
        return "Third"

    async def third(order: Order) -> str:
        seen.append(order.items)
        return "Done"

    workflow = (
        Workflow(data=Order)
        .register("First", first)
        .register("Second", second)
        .register("Third", third)
        .add_exit_state("Done")
    )

    async def main() -> None:
        await asyncio.gather(
            *[workflow.orchestrate("First", data=given) for _ in range(2)]
        )

    asyncio.run(main())

    assert seen == [["given"]] * 4


def test_what_the_successful_attempt_left_is_in_the_next_row() -> None:
    rows: list[CheckpointRow] = []
    store = MemoryCheckpointStore()

    async def first(run: RunContext) -> str:
        run.data = Order(1)
        run.data.total = 7
        return "Second"

    async def second() -> str:
        rows.extend(await store.load_run("r"))
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store, data=Order)
        .register("First", first)
        .register("Second", second)
        .add_exit_state("Done")
    )
    asyncio.run(workflow.orchestrate("First", workflow_id="r", data=Order(0)))

    payloads = [
        msgspec.msgpack.decode(row.payload or b"", type=Order).total for row in rows
    ]
    assert payloads == [0, 7]


def test_a_state_that_does_not_look_hands_the_data_on() -> None:
    seen: list[int] = []

    async def blind() -> str:
        return "Look"

    async def look(order: Order) -> str:
        seen.append(order.total)
        return "Done"

    workflow = (
        Workflow(data=Order)
        .register("Blind", blind)
        .register("Look", look)
        .add_exit_state("Done")
    )
    asyncio.run(workflow.orchestrate("Blind", data=Order(3)))

    assert seen == [3]


# What can't be stored


@pytest.mark.parametrize("how", ["in place", "assigned"])
def test_data_that_can_not_be_stored_at_the_end_writes_no_row(how: str) -> None:
    store = MemoryCheckpointStore()
    tries: list[int] = []

    async def work(run: RunContext) -> str:
        tries.append(run.data.total)
        if how == "in place":
            run.data.items.append(object())
        else:
            run.data = object()
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store, data=Order)
        .register("Work", work)
        .add_exit_state("Done")
    )
    for _ in range(2):
        with pytest.raises((ConfigurationError, TaskFailedError)) as caught:
            asyncio.run(
                workflow.start_or_resume("Work", workflow_id="r", data=Order(4))
            )
        assert "can't be stored" in str(caught.value)
        assert "'r'" in str(caught.value)

    assert tries == [4, 4]  # a mistake is not tried again, and spoils no snapshot
    assert len(asyncio.run(store.load_run("r"))) == 2


def test_a_value_of_the_wrong_type_inside_is_found_before_it_is_stored() -> None:
    """It could be written, but no resume could read it."""
    store = MemoryCheckpointStore()

    async def work(order: Order) -> str:
        order.total = "many"
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store, data=Order)
        .register("Work", work)
        .add_exit_state("Done")
    )
    with pytest.raises(ConfigurationError, match="Expected `int`, got `str`"):
        asyncio.run(workflow.orchestrate("Work", workflow_id="r", data=Order()))


@pytest.mark.parametrize(
    ("declared", "given", "problem"),
    [
        (Order, None, r"start it with data=Order\(\.\.\.\)"),
        (Order, Struct(), "is no Order"),
        (Order, Order("many"), "can't be stored"),
        (Order, Order(0, [object()]), "can't be stored"),
        (Typed, {"total": "many"}, "can't be stored"),
        (PlainCodec(), 3, "can't be stored"),
        (Order, Unspeakable(), "Unspeakable instance.* is no Order"),
        (None, Unspeakable(), "carries none"),
    ],
    ids=itertools.count(),
)
def test_data_that_can_not_be_carried_is_refused_before_anything_runs(
    declared: Any, given: Any, problem: str
) -> None:
    store = MemoryCheckpointStore()
    ran: list[int] = []

    async def work() -> str:
        ran.append(1)
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store, data=declared)
        .register("Work", work)
        .add_exit_state("Done")
    )
    for call in (workflow.orchestrate, workflow.start_or_resume):
        with pytest.raises(ConfigurationError, match=problem):
            asyncio.run(call("Work", workflow_id="r", data=given))

    assert ran == []
    assert asyncio.run(store.list_runs()) == []


@pytest.mark.parametrize("declared", [Plain, type("Unknown", (), {}), 5, "Order"])
def test_a_type_that_nobody_can_write_is_refused_at_once(declared: Any) -> None:
    with pytest.raises(ConfigurationError, match="can't be stored"):
        Workflow(data=declared)


@pytest.mark.parametrize("how", ["read", "assign"])
def test_a_run_without_data_has_none_to_give(how: str) -> None:
    async def work(run: RunContext) -> str:
        if how == "read":
            return str(run.data)
        run.data = Order()
        return "Done"

    workflow = Workflow().register("Work", work).add_exit_state("Done")
    with pytest.raises(ConfigurationError, match=r"Workflow\(data=YourType\)"):
        asyncio.run(workflow.orchestrate("Work"))


def test_data_declared_as_a_string_annotation_is_found() -> None:
    seen: list[int] = []

    async def work(order: "Order") -> str:
        seen.append(order.total)
        return "Done"

    workflow = Workflow(data=Order).register("Work", work).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Work", data=Order(9)))

    assert seen == [9]


def test_the_data_that_a_run_ended_with_can_be_read() -> None:
    async def add(order: Order) -> str:
        order.total += 5
        return "Done"

    class Ends(WorkflowObserver):
        def on_run_end(self, workflow_id: str | None, outcome: Outcome | None) -> None:
            outcomes.append(outcome)

    outcomes: list[Outcome | None] = []
    workflow = Workflow(
        data=Order, checkpoint_store=MemoryCheckpointStore(), observers=[Ends()]
    )
    workflow.register("Add", add).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Add", workflow_id="r", data=Order(2)))
    kept = asyncio.run(workflow.outcome("r"))
    assert [kept] == outcomes
    assert kept is not None
    assert workflow.data_of(kept) == Order(7)
    with pytest.raises(ConfigurationError, match="carries none"):
        Workflow().data_of(kept)
    with pytest.raises(ConfigurationError, match="can't be read"):
        Workflow(data=list[int]).data_of(kept)
    with pytest.raises(ConfigurationError, match="has left no data"):
        workflow.data_of(Outcome(OutcomeStatus.ROLLED_BACK, "Add"))
