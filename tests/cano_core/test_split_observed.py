"""What a split tells observers, and what its branches have of their surroundings."""

import asyncio
import contextvars
from typing import Any

import pytest

from cano_core import (
    BranchCancelledError,
    JoinStrategy,
    RecordingObserver,
    Retry,
    RunConflictError,
    TaskConfig,
    TaskFailedError,
)
from fan import (
    Crash,
    Fan,
    Waiting,
    assert_balanced,
    failing,
    giving,
    living,
    once,
    told,
)


def test_every_branch_is_told_of_under_its_index() -> None:
    observer = RecordingObserver()
    tries = iter([ValueError("once"), None])

    async def flaky() -> int:
        error = next(tries)
        if error is not None:
            raise error
        return 1

    fan = Fan(
        [flaky, giving(2)],
        observers=[observer],
        bulkhead=1,
        config=TaskConfig(retry=Retry.fixed(1, 0)),
    )
    living(fan)
    assert told(observer)[:-2] == [
        ("task_start", "split"),
        ("task_start", "flaky[0]"),
        ("retry", "flaky[0]"),
        ("task_success", "flaky[0]"),
        ("task_start", "give[1]"),
        ("task_success", "give[1]"),
        ("task_success", "split"),
    ]


def test_a_loser_fails_for_observers_because_it_was_cancelled() -> None:
    observer = RecordingObserver()
    loser = Waiting()
    living(Fan([loser, once(loser, 1)], JoinStrategy.ANY, observers=[observer]))
    assert_balanced(observer)
    (failure,) = [e for e in observer.events if e.hook == "on_task_failure"]
    assert failure.arguments[1] == "waiting[0]"
    assert type(failure.arguments[2]) is BranchCancelledError
    assert "the join was decided without it" in str(failure.arguments[2])


def test_of_a_branch_that_has_not_begun_nothing_is_told() -> None:
    """It waits for the bulkhead when the join is decided."""
    observer = RecordingObserver()

    async def branch() -> int:
        await asyncio.sleep(0)
        return 1

    living(Fan([branch] * 3, JoinStrategy.ANY, bulkhead=1, observers=[observer]))
    assert {name for _, name in told(observer)} == {"split", "branch[0]", "take"}


@pytest.mark.parametrize(
    "error", [ValueError("no"), Crash(), RunConflictError("r", 1), OSError("full")]
)
def test_starts_and_ends_of_branches_balance_whatever_happens(
    error: BaseException,
) -> None:
    observer = RecordingObserver()
    other = Waiting()
    fan = Fan([other, once(other, error)], observers=[observer])
    with pytest.raises((TaskFailedError, Crash)):
        living(fan)
    branches = [each for each in told(observer) if "[" in each[1]]
    assert len(branches) == 4
    assert [name for _, name in branches[2:]].count("waiting[0]") == 1


# Its surroundings


def test_h41_a_join_whose_time_is_over_tells_of_every_branch() -> None:
    """H41: cano's branches start, and are never heard of again."""
    observer = RecordingObserver()
    fan = Fan([giving(1), Waiting(), Waiting()], timeout=0.01, observers=[observer])
    with pytest.raises(TaskFailedError):
        living(fan)
    assert_balanced(observer)
    late = [e.arguments for e in observer.events if e.hook == "on_task_failure"][:2]
    assert [name for _, name, _ in late] == ["waiting[1]", "waiting[2]"]
    assert {type(error) for *_, error in late} == {BranchCancelledError}
    assert "timeout of 0.01 seconds was over" in str(late[0][2])


def test_branches_inherit_the_context_variables_of_the_run() -> None:
    variable = contextvars.ContextVar("variable", default="nobody")

    async def branch() -> str:
        found = variable.get()
        variable.set("a branch")
        return found

    fan = Fan([branch, branch])

    async def main() -> Any:
        variable.set("the caller")
        return await fan.live()

    assert asyncio.run(main()).values == ("the caller", "the caller")


def test_a_split_works_with_eager_tasks() -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("needs Python 3.12: tox run -e py312")
    fan = Fan([giving(1), giving(2), failing(Crash())], JoinStrategy.ANY)

    async def main() -> Any:
        asyncio.get_running_loop().set_task_factory(factory)
        return await fan.live()

    assert asyncio.run(main()).values == (1,)
