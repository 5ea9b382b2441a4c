"""What a split is: its branches, and what the join state gets from them."""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import pytest

from cano_core import (
    ConfigurationError,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    PollTask,
    Ready,
    Retry,
    RowKind,
    RunContext,
    SplitResult,
    TaskConfig,
    Workflow,
)
from fan import Fan, after, failing, giving, timed
from scripted_store import ScriptedStore

ALL, ANY = JoinStrategy.ALL, JoinStrategy.ANY
ERROR = ValueError("no")


# What the join state gets


@pytest.mark.parametrize("store", [None, MemoryCheckpointStore])
def test_the_join_state_gets_the_values_in_order_of_the_branches(store: Any) -> None:
    tasks = [after(3, "a"), after(1, "b"), after(2, "c")]
    result = timed(Fan(tasks, checkpoint_store=store and store()))
    assert result == (3, SplitResult(("a", "b", "c"), {}, (), (0, 1, 2)))


def test_the_join_state_gets_errors_as_text_and_who_was_not_waited_for() -> None:
    tasks = [failing(ERROR), giving(1), after(9, 2)]
    result = Fan(tasks, ANY).run()
    assert result == SplitResult((1,), {0: "ValueError: no"}, (2,), (1,))


@dataclass
class Parcel:
    grams: int


class Colour(Enum):
    RED = 1
    BLUE = 2


async def a_parcel() -> Parcel:
    return Parcel(5)


async def a_set() -> set[int]:
    return {1, 2}


async def a_number() -> Literal[1, 2]:
    return 2


async def a_colour() -> Literal[Colour.BLUE]:
    return Colour.BLUE


def in_a_thread() -> tuple[int, str]:
    return (1, "one")


class AnObject:
    async def run(self) -> bytes:
        return b"bytes"


class Poll(PollTask):
    async def poll(self) -> Ready[Parcel]:
        return Ready(Parcel(7))


def test_values_are_what_the_branches_declare() -> None:
    objects = [AnObject(), Poll()]
    tasks = [a_parcel, a_set, a_colour, in_a_thread, *objects, giving(None), a_number]
    expected = (
        Parcel(5),
        {1, 2},
        Colour.BLUE,
        (1, "one"),
        b"bytes",
        Parcel(7),
        None,
        2,
    )
    assert Fan(tasks).run().values == expected


def test_every_attempt_of_the_join_state_gets_values_of_its_own() -> None:
    seen = []

    async def take(result: SplitResult) -> str:
        seen.append(list(result.values[0]))
        result.values[0].append("spoilt")
        if len(seen) < 2:
            raise ERROR
        return "Done"

    workflow = (
        Workflow()
        .register_split("Fan", [giving([1])], JoinConfig(ALL, "Join"))
        .register("Join", take, config=TaskConfig(retry=Retry.fixed(1, 0)))
        .add_exit_state("Done")
    )
    asyncio.run(workflow.orchestrate("Fan"))
    assert seen == [[1], [1]]


def test_a_router_a_compensatable_task_and_a_split_may_join_too() -> None:
    seen = []

    def route(result: SplitResult) -> str:
        seen.append(result.values)
        return "Again"

    async def third(result: SplitResult) -> str:
        seen.append(result.values)
        return "third"

    async def keep(result: SplitResult) -> tuple[str, int]:
        seen.append(result.values)
        return "Done", 1

    async def undo(output: int) -> None:
        raise AssertionError("nothing failed")

    workflow = (
        Workflow(checkpoint_store=MemoryCheckpointStore())
        .register_split("Fan", [giving(1)], JoinConfig(ALL, "Route"))
        .register_router("Route", route)
        .register_split("Again", [giving(2)], JoinConfig(ALL, "Third"))
        .register_split("Third", [third, third], JoinConfig(ALL, "Keep"))
        .register_with_compensation("Keep", keep, compensate=undo)
        .add_exit_state("Done")
    )
    asyncio.run(workflow.orchestrate("Fan", workflow_id="r"))
    assert seen == [(1,), (2,), (2,), ("third", "third")]


def test_a_split_may_end_in_an_exit_state() -> None:
    workflow = Workflow().register_split("Fan", [giving(1)], JoinConfig(ANY, "Done"))
    workflow.add_exit_state("Done")
    assert asyncio.run(workflow.orchestrate("Fan")) == "Done"


def test_a_split_result_without_a_split_before_is_a_clear_error() -> None:
    async def take(result: SplitResult) -> str:
        return "Done"

    workflow = Workflow().register("Join", take).add_exit_state("Done")
    with pytest.raises(ConfigurationError, match="was not entered from a split"):
        asyncio.run(workflow.orchestrate("Join"))


# What a branch knows, and what it must leave alone


def test_branches_have_keys_and_names_of_their_own() -> None:
    keys = []

    async def branch(run: RunContext) -> str:
        keys.append(run.idempotency_key)
        return await run.once("call", lambda: run.idempotency_key)

    store = MemoryCheckpointStore()
    values = Fan([branch, branch], checkpoint_store=store).run().values
    assert values == tuple(keys) == ("r/Fan/1/0", "r/Fan/1/1")


@dataclass
class Order:
    total: int
    tags: set[str]


def test_branches_read_the_data() -> None:
    async def branch(order: Order) -> int:
        return order.total

    fan = Fan([branch, branch], data=Order)
    assert fan.run(data=Order(3, {"a", "b", "c"})).values == (3, 3)


@pytest.mark.parametrize("where", ["in place", "assigned"])
def test_a_branch_must_not_change_the_data(where: str) -> None:
    async def branch(run: RunContext) -> int:
        if where == "in place":
            run.data.total += 1
        else:
            run.data = Order(9, set())
        return 1

    store = ScriptedStore()
    fan = Fan([branch], data=Order, checkpoint_store=store)
    with pytest.raises(ConfigurationError, match=r"branch 'branch\[0\]' changed the"):
        fan.run(data=Order(3, set()))
    assert store.calls.count("append") == 1


@pytest.mark.parametrize(
    ("task", "problem"),
    [(giving(object()), "can't be stored"), (giving({1: (2,)}), "would be read back")],
)
@pytest.mark.parametrize("store", [None, MemoryCheckpointStore])
def test_a_value_that_cannot_be_stored_stops_the_run(
    task: Any, problem: str, store: Any
) -> None:
    fan = Fan([task, giving(1)], ANY, checkpoint_store=store and store(), bulkhead=1)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        fan.run()
    assert "branch 'give[0]' of state 'Fan'" in str(caught.value)


def test_rows_of_a_split_have_no_task() -> None:
    written = []

    class Watched(ScriptedStore):
        async def append(self, workflow_id: str, *rows: Any) -> None:
            written.extend((row.state, row.task, row.kind) for row in rows)
            await super().append(workflow_id, *rows)

    Fan([giving(1)], checkpoint_store=Watched()).run()
    assert written[:2] == [
        ("Fan", "", RowKind.STATE_ENTRY),
        ("Fan", "", RowKind.BRANCH),
    ]
    assert written[2] == ("Join", "take", RowKind.STATE_ENTRY)


# What is refused

A = after(1, "a")


def test_everything_that_is_wrong_with_a_split_is_in_one_error() -> None:
    async def untyped(nothing_fills_it) -> None:  # type: ignore[no-untyped-def]
        pass

    async def cannot() -> asyncio.Event:
        return asyncio.Event()

    workflow = (
        Workflow()
        .register_split("Empty", [], JoinConfig(ALL, "Done"))
        .register_split("Few", [A], JoinConfig(JoinStrategy.quorum(2), "Done"))
        .register_split(
            "Timeless", [A], JoinConfig(JoinStrategy.partial_timeout(3), "Nowhere")
        )
        .register_split("Tasks", [A, untyped, cannot], JoinConfig(ALL, "Done"))
        .add_exit_state("Done")
    )
    with pytest.raises(ConfigurationError) as caught:
        workflow.validate()
    patterns = [
        "state 'Empty': a split needs at least one task",
        "state 'Few': its join needs 2 successes of 1",
        "state 'Timeless': its join needs 3 successes of 1",
        "state 'Timeless': JoinStrategy.partial_timeout needs a time",
        "state 'Timeless': its join leads to 'Nowhere'",
        "state 'Tasks': branch 1: task 'untyped': nothing fills",
        "state 'Tasks': branch 2: task 'cannot[2]': its value",
    ]
    problems = caught.value.problems
    assert len(problems) == len(patterns)
    for problem, pattern in zip(problems, patterns, strict=True):
        assert problem.startswith(pattern)


@pytest.mark.parametrize(
    ("tasks", "join", "problem"),
    [
        (A, JoinConfig(ALL, "Done"), "takes a list of tasks"),
        ("AB", JoinConfig(ALL, "Done"), "takes a list of tasks"),
        ([A, 1, Poll], JoinConfig(ALL, "Done"), "2 problems"),
        ([A], ALL, "not a JoinConfig"),
    ],
)
def test_what_is_no_split_is_refused_at_once(
    tasks: Any, join: Any, problem: str
) -> None:
    workflow = Workflow()
    with pytest.raises(ConfigurationError, match=problem):
        workflow.register_split("Fan", tasks, join)
    workflow.register("Fan", A)


@pytest.mark.parametrize(
    "make",
    [
        lambda: JoinStrategy.quorum(0),
        lambda: JoinStrategy.partial_results(1.5),  # type: ignore[arg-type]
        lambda: JoinStrategy.partial_timeout(True),
        lambda: JoinStrategy.percentage(0),
        lambda: JoinStrategy.percentage(1.01),
        lambda: JoinStrategy.percentage("1"),  # type: ignore[arg-type]
        lambda: JoinConfig(ALL, "Done", bulkhead=0),
        lambda: JoinConfig(ALL, "Done", timeout=0),
        lambda: JoinConfig("all", "Done"),  # type: ignore[arg-type]
    ],
)
def test_a_join_that_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="Join"):
        make()


def test_the_transition_of_a_split_is_its_join_state() -> None:
    graph = Fan([A]).workflow.graph
    assert graph.transitions["Fan"] == {"Join"}


def test_tasks_of_a_split_may_come_from_a_generator() -> None:
    workflow = Workflow().add_exit_state("Done")
    tasks = (giving(index) for index in range(3))
    workflow.register_split("Fan", tasks, JoinConfig(ALL, "Done"))
    workflow.validate()
    assert asyncio.run(workflow.orchestrate("Fan")) == "Done"
