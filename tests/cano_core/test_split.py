"""What a split is: its branches, its strategies, and what the join state gets."""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import pytest

from cano_core import (
    CircuitBreaker,
    ConfigurationError,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    PollTask,
    Ready,
    Retry,
    RetryExhaustedError,
    RowKind,
    RunContext,
    SplitResult,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from fan import Fan, failing, giving
from scripted_store import ScriptedStore
from virtual_time import VirtualTime

ALL, ANY = JoinStrategy.ALL, JoinStrategy.ANY
ERROR = ValueError("no")


def after(seconds: float, outcome: Any) -> Any:
    """A branch that returns, or raises, after a while."""

    async def wait() -> Any:
        await asyncio.sleep(seconds)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return wait


def timed(fan: Fan) -> tuple[float, Any]:
    """Return when a split ended, and with what."""
    time = VirtualTime()

    async def live() -> Any:
        try:
            return await fan.live()
        except TaskFailedError as error:
            return error

    outcome = time.run(live)
    return round(time.now, 6), outcome


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
    with pytest.raises(TaskFailedError, match="was not entered from a split"):
        asyncio.run(workflow.orchestrate("Join"))


# Strategies: when they are over, and what they need

A, B, C = after(1, "a"), after(2, "b"), after(3, "c")
BAD = after(1.5, ERROR)
WORSE = after(2.5, KeyError("worse"))


@pytest.mark.parametrize(
    ("tasks", "strategy", "ended", "values"),
    [
        ([A, B, C], ALL, 3, ("a", "b", "c")),
        ([A, BAD, C], ALL, 1.5, None),
        ([C, A, B], ANY, 1, ("a",)),
        ([BAD, C, WORSE], ANY, 3, ("c",)),
        ([BAD, WORSE], ANY, 2.5, None),
        ([A, B, C], JoinStrategy.quorum(2), 2, ("a", "b")),
        ([A, BAD, C], JoinStrategy.quorum(2), 3, ("a", "c")),
        ([BAD, WORSE, C, after(9, "d")], JoinStrategy.quorum(3), 2.5, None),
        ([A, B, C], JoinStrategy.percentage(0.5), 2, ("a", "b")),
        ([A, B, C], JoinStrategy.percentage(1), 3, ("a", "b", "c")),
        ([A, BAD, C], JoinStrategy.percentage(0.9), 1.5, None),
        ([A, B, C], JoinStrategy.partial_results(1), 1, ("a",)),
        ([BAD, B, C], JoinStrategy.partial_results(2), 3, ("b", "c")),
        # Unlike a quorum it lets the others end.
        ([BAD, B, C], JoinStrategy.partial_results(3), 3, None),
    ],
)
@pytest.mark.parametrize("durable", [False, True])
def test_a_join_ends_as_soon_as_it_is_decided(
    tasks: list[Any],
    strategy: JoinStrategy,
    ended: float,
    values: tuple[str, ...] | None,
    durable: bool,
) -> None:
    store = MemoryCheckpointStore() if durable else None
    at, result = timed(Fan(tasks, strategy, checkpoint_store=store))
    assert at == ended
    if values is None:
        assert type(result) is TaskFailedError
    else:
        assert result.values == values


def test_percentage_rounds_up_what_is_meant() -> None:
    needed = [
        JoinStrategy.percentage(p).needed(n)
        for p, n in [(0.07, 100), (0.5, 3), (1 / 3, 3), (5 / 9, 9), (1e-12, 3), (1, 7)]
    ]
    assert needed == [7, 2, 1, 5, 1, 7]


def test_as_many_branches_count_as_the_strategy_needs() -> None:
    """Though all of them have a value in one turn of the loop, and one append."""
    tasks = [giving(index) for index in range(5)]
    result = Fan(
        tasks, JoinStrategy.quorum(2), checkpoint_store=MemoryCheckpointStore()
    ).run()
    assert result == SplitResult((0, 1), {}, (2, 3, 4), (0, 1))


# The time of a join


def test_partial_timeout_goes_on_with_what_there_is() -> None:
    tasks = [after(9, "slow"), A, BAD, B]
    fan = Fan(tasks, JoinStrategy.partial_timeout(2), timeout=5)
    result = SplitResult(("a", "b"), {2: "ValueError: no"}, (0,), (1, 3))
    assert timed(fan) == (5, result)


def test_partial_timeout_takes_all_it_can_get() -> None:
    fan = Fan([A, B, C], JoinStrategy.partial_timeout(), timeout=5)
    assert timed(fan) == (3, SplitResult(("a", "b", "c"), {}, (), (0, 1, 2)))


def test_partial_timeout_needs_successes_not_just_ends() -> None:
    """cano goes on although every branch has failed."""
    at, error = timed(Fan([BAD, BAD], JoinStrategy.partial_timeout(), timeout=5))
    assert at == 1.5
    assert error.attempts == (ERROR, ERROR)
    at, error = timed(
        Fan([BAD, after(9, 1), A], JoinStrategy.partial_timeout(2), timeout=5)
    )
    assert at == 5
    assert isinstance(error.__cause__, TimeoutError)


@pytest.mark.parametrize(
    "strategy", [ALL, JoinStrategy.quorum(3), JoinStrategy.partial_results(3)]
)
def test_any_other_join_that_is_not_decided_in_time_has_failed(
    strategy: JoinStrategy,
) -> None:
    fan = Fan([A, B, C], strategy, timeout=2.5)
    at, error = timed(fan)
    assert at == 2.5
    assert type(error) is TaskFailedError
    assert isinstance(error.__cause__, TimeoutError)
    assert "not decided within 2.5 seconds: 3 of 3" in str(error)
    assert "2 did and 0 failed" in str(error)


def test_a_quorum_that_was_reached_is_no_timeout() -> None:
    """cano fails here, for it waits for every branch."""
    fan = Fan([A, after(9, 1)], JoinStrategy.quorum(1), timeout=5)
    assert timed(fan)[0] == 1


# Failures


def test_the_failure_holds_those_of_the_branches_in_their_order() -> None:
    late, early = ValueError("late"), KeyError("early")
    fan = Fan([after(2, late), A, after(1, early)], JoinStrategy.partial_results(2))
    _, error = timed(fan)
    assert error.attempts == (late, early)
    assert isinstance(error.__cause__, ExceptionGroup)
    assert error.__cause__.exceptions == (late, early)
    assert "2 of 3 branches failed: wait[0] with ValueError: late; wait[2]" in str(
        error
    )
    assert error.state == "Fan"
    assert error.path == ("Fan",)


def test_one_failed_branch_is_the_cause_itself() -> None:
    with pytest.raises(TaskFailedError, match=r"1 of 2 branches.*fail\[1\]") as caught:
        Fan([A, failing(ERROR)]).run()
    assert caught.value.__cause__ is ERROR
    assert not isinstance(caught.value, RetryExhaustedError)


def test_of_many_failures_a_message_tells_of_three() -> None:
    with pytest.raises(TaskFailedError, match=r"fail\[2\].*and 7 more") as caught:
        Fan([failing(ERROR)] * 10, ANY).run()
    assert "fail[3]" not in str(caught.value)
    assert len(caught.value.attempts) == 10


def test_each_branch_is_tried_again_under_its_own_policy() -> None:
    tries = {"own": 0, "common": 0}

    class Own:
        config = TaskConfig(retry=Retry.fixed(2, 0))

        async def run(self) -> None:
            tries["own"] += 1
            raise ERROR

    async def common() -> None:
        tries["common"] += 1
        raise ERROR

    config = TaskConfig(retry=Retry.fixed(1, 0))
    with pytest.raises(TaskFailedError) as caught:
        Fan([Own(), common], ANY, config=config).run()
    assert tries == {"own": 3, "common": 2}
    assert len(caught.value.attempts) == 2


def test_branches_share_a_breaker() -> None:
    breaker = CircuitBreaker(failure_threshold=2, reset_timeout=60)
    calls = []

    async def call() -> None:
        calls.append(1)
        raise ERROR

    config = TaskConfig(retry=Retry.none(), circuit_breaker=breaker)
    with pytest.raises(TaskFailedError) as caught:
        Fan([call] * 4, ANY, bulkhead=1, config=config).run()
    assert len(calls) == 2
    names = [type(each).__name__ for each in caught.value.attempts]
    assert names == ["ValueError", "ValueError", "CircuitOpenError", "CircuitOpenError"]


def test_a_bulkhead_bounds_how_many_run_and_is_held_over_retries() -> None:
    running: list[int] = []
    most = []

    def branch(number: int) -> Any:
        async def work(run: RunContext) -> int:
            running.append(number)
            most.append(len(set(running)))
            await asyncio.sleep(1)
            if run.attempt == 1:
                raise ERROR
            running[:] = [each for each in running if each != number]
            return number

        return work

    config = TaskConfig(retry=Retry.fixed(1, 1.0))
    fan = Fan([branch(n) for n in range(4)], bulkhead=2, config=config)
    at, result = timed(fan)
    # Two rounds, each of an attempt, a pause and another attempt.
    assert (at, max(most)) == (6, 2)
    assert result.values == (0, 1, 2, 3)


def test_waiting_for_the_bulkhead_counts_towards_the_joins_timeout() -> None:
    config = TaskConfig(retry=Retry.none(), attempt_timeout=1.5)
    fan = Fan([A, A, A], bulkhead=1, timeout=2.5, config=config)
    at, error = timed(fan)
    assert at == 2.5
    assert "2 did and 0 failed" in str(error)


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
