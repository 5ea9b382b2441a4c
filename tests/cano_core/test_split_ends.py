"""How branches end: losers are awaited, and what stops the run stops all of them."""

import asyncio
import contextlib
import contextvars
import gc
import threading
from collections import Counter
from typing import Any

import pytest

from cano_core import (
    BranchCancelledError,
    Cancellation,
    CheckpointStoreError,
    JoinStrategy,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    RowKind,
    RunCancelledError,
    RunConflictError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    WorkflowTimeoutError,
)
from fan import Fan, Waiting, failing, giving, parts_in, rows_of
from scripted_store import ScriptedStore, raising
from virtual_time import VirtualTime

ANY = JoinStrategy.ANY


class Crash(BaseException):
    """The end of a process, as far as it can be had in one."""


def once(waiting: Waiting, outcome: Any) -> Any:
    """A branch that returns, or raises, once another one waits."""

    async def follow() -> Any:
        await waiting.started.wait()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return follow


def living(fan: Fan) -> Any:
    """Live; then see that no asyncio task is left, and none complains."""
    found: list[Any] = []

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: found.append(context))
        try:
            return await fan.live()
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}
            gc.collect()

    try:
        return asyncio.run(main())
    finally:
        # Such as an exception that nobody has retrieved.
        assert found == []


# Losers


@pytest.mark.parametrize("unwinds", [0, 3])
@pytest.mark.parametrize("durable", [False, True])
def test_losers_have_ended_before_the_next_state(unwinds: int, durable: bool) -> None:
    loser = Waiting(unwinds=unwinds)
    store = MemoryCheckpointStore() if durable else None
    fan = Fan([loser, once(loser, 1)], ANY, checkpoint_store=store)
    result = living(fan)
    assert loser.ended == ["late" if unwinds else "cancelled"]
    # What a loser returns all the same is nobody's any more.
    assert (result.values, result.cancelled) == ((1,), (0,))


def test_a_loser_in_a_thread_is_awaited() -> None:
    let_go, ended = threading.Event(), []

    def slow() -> int:
        let_go.wait(5)
        ended.append("slow")
        return 1

    async def fast() -> int:
        threading.Timer(0.01, let_go.set).start()
        return 2

    fan = Fan([slow, fast], ANY)
    assert living(fan).values == (2,)
    assert ended == ["slow"]


def test_a_loser_that_fails_while_it_is_cancelled_does_no_harm() -> None:
    loser = Waiting()

    async def fragile() -> None:
        try:
            await loser.run()
        except asyncio.CancelledError:
            raise ValueError("in the clean-up") from None

    result = living(Fan([fragile, once(loser, 1)], ANY))
    assert (result.values, result.errors, result.cancelled) == ((1,), {}, (0,))


def test_branches_that_were_not_needed_have_not_begun() -> None:
    begun = []

    def branch(number: int) -> Any:
        async def work() -> int:
            begun.append(number)
            return number

        return work

    assert living(Fan([branch(n) for n in range(5)], ANY)).values == (0,)
    assert begun == [0]


def test_a_failed_split_has_awaited_its_branches() -> None:
    other = Waiting(unwinds=2)
    with pytest.raises(TaskFailedError):
        living(Fan([other, once(other, ValueError("no"))]))
    assert other.ended == ["late"]


def test_a_split_whose_time_is_over_has_awaited_its_branches() -> None:
    other = Waiting(unwinds=2)
    fan = Fan([other, other], timeout=1.0)

    async def main() -> None:
        with pytest.raises(TaskFailedError, match=r"within 1\.0 seconds"):
            await fan.live()

    VirtualTime().run(main)
    assert other.ended == ["late", "late"]


# What stops the run


@pytest.mark.parametrize("error", [Crash(), KeyboardInterrupt(), SystemExit(1)])
def test_a_crash_in_a_branch_ends_the_run_as_itself(error: BaseException) -> None:
    store = MemoryCheckpointStore()
    other = Waiting(unwinds=1)
    fan = Fan(
        [other, giving(1), once(other, error)],
        checkpoint_store=store,
        config=TaskConfig(retry=Retry.fixed(3, 0)),
    )
    with pytest.raises(type(error)) as caught:
        living(fan)
    assert caught.value is error
    assert other.ended == ["late"]
    # Nothing but the branch that had succeeded.
    assert [row.kind for row in rows_of(store)] == [
        RowKind.STATE_ENTRY,
        RowKind.BRANCH,
    ]


def test_a_crash_of_a_loser_is_a_crash() -> None:
    loser = Waiting()

    async def crashing() -> None:
        try:
            await loser.run()
        except asyncio.CancelledError:
            raise Crash from None

    with pytest.raises(Crash):
        living(Fan([crashing, once(loser, 1)], ANY))


def test_a_branch_that_raises_cancelled_error_by_itself_is_no_failure() -> None:
    """As of any task: law 4."""
    other = Waiting()
    fan = Fan([other, once(other, asyncio.CancelledError())], ANY)
    with pytest.raises(asyncio.CancelledError):
        living(fan)
    assert other.ended == ["cancelled"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError("disk full"), CheckpointStoreError),
        (RunConflictError("r", 2), RunConflictError),
        (Crash(), Crash),
    ],
)
@pytest.mark.parametrize("where", ["value", "once", "swallowed"])
def test_the_stores_trouble_in_one_branch_ends_the_split(
    error: BaseException, raised: type[BaseException], where: str
) -> None:
    other = Waiting()

    async def branch(run: RunContext) -> int:
        await other.started.wait()
        if where == "once":
            await run.once("call", lambda: 1)
        if where == "swallowed":
            with contextlib.suppress(BaseException):
                await run.once("call", lambda: 1)
        return 1

    store = ScriptedStore(before=raising(error, "append", 2))
    fan = Fan([other, branch, failing(ValueError())], ANY, checkpoint_store=store)
    with pytest.raises(raised):
        living(fan)
    assert other.ended == ["cancelled"]
    assert len(rows_of(store.inner)) == 1


def test_cancelling_the_run_cancels_and_awaits_every_branch() -> None:
    """Also if it is cancelled again while a branch takes its time."""
    one, two = Waiting(), Waiting(unwinds=1)
    recorded = asyncio.Event()

    def tell(operation: str, n: int) -> None:
        if (operation, n) == ("append", 2):
            recorded.set()

    stubborn: list[str] = []

    async def unwilling() -> Any:
        for _ in range(3):
            try:
                await two.run()
            except asyncio.CancelledError:
                stubborn.append("no")

    store = ScriptedStore(after=tell)
    fan = Fan([one, unwilling, giving(1)], checkpoint_store=store)

    async def main() -> None:
        run = asyncio.create_task(fan.live())
        for event in (one.started, two.started, recorded):
            await event.wait()
        for _ in range(20):
            run.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert one.ended == ["cancelled"]
    assert len(stubborn) + len(two.ended) == 3
    assert parts_in(store.inner) == ["2"]
    again = Fan([giving(0), giving(0), failing(Crash())], checkpoint_store=store)
    assert again.run().values == (0, 0, 1)


def test_cancelling_while_losers_are_awaited_stops_the_run() -> None:
    """The join is decided, but the run does not go on from there."""
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def loser() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            begun.set()
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    async def winner() -> int:
        await asyncio.sleep(0)
        return 1

    store = MemoryCheckpointStore()
    fan = Fan([loser, winner], ANY, checkpoint_store=store)

    async def main() -> None:
        run = asyncio.create_task(fan.live())
        await begun.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())
    assert fan.results == []
    assert fan.run().values == (1,)


@pytest.mark.parametrize("how", ["timeout", "cancellation"])
def test_what_stops_a_run_from_outside_stops_its_branches(how: str) -> None:
    observer = RecordingObserver()
    branch = Waiting(unwinds=1)
    limit = 0.01 if how == "timeout" else None
    fan = Fan(
        [branch, branch, giving(1)],
        observers=[observer],
        total_timeout=limit,
        config=TaskConfig(retry=Retry.fixed(5, 0)),
    )
    stop = Cancellation()

    async def main() -> None:
        if how == "timeout":
            with pytest.raises(WorkflowTimeoutError):
                await fan.live()
            return
        run = asyncio.create_task(fan.live(cancel=stop))
        await branch.started.wait()
        stop.cancel()
        with pytest.raises(RunCancelledError):
            await run

    asyncio.run(main())
    assert branch.ended == ["late", "late"]
    assert_balanced(observer)


# What observers are told


def assert_balanced(observer: RecordingObserver) -> None:
    started = Counter[str]()
    for event in observer.events:
        if event.hook == "on_task_start":
            started[event.arguments[1]] += 1
        elif event.hook in ("on_task_success", "on_task_failure"):
            started[event.arguments[1]] -= 1
    assert set(started.values()) == {0}


def told(observer: RecordingObserver) -> list[tuple[str, Any]]:
    return [
        (event.hook.removeprefix("on_"), event.arguments[1])
        for event in observer.events
        if event.hook.startswith(("on_task", "on_retry"))
    ]


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
    living(Fan([loser, once(loser, 1)], ANY, observers=[observer]))
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

    living(Fan([branch] * 3, ANY, bulkhead=1, observers=[observer]))
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
        pytest.skip("Python 3.12 has them first")
    fan = Fan([giving(1), giving(2), failing(Crash())], ANY)

    async def main() -> Any:
        asyncio.get_running_loop().set_task_factory(factory)
        return await fan.live()

    assert asyncio.run(main()).values == (1,)
