"""When the join of a split is decided, and what its failure says."""

import asyncio
from typing import Any

import pytest

from cano_core import (
    CircuitBreaker,
    JoinStrategy,
    MemoryCheckpointStore,
    Retry,
    RetryExhaustedError,
    RunContext,
    SplitResult,
    TaskConfig,
    TaskFailedError,
)
from fan import Fan, after, failing, giving, timed

ALL, ANY = JoinStrategy.ALL, JoinStrategy.ANY
ERROR = ValueError("no")

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
