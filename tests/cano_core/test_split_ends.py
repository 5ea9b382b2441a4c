"""How branches end: losers are awaited, and what stops the run stops all of them."""

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from cano_core import (
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
from fan import (
    Crash,
    Fan,
    Waiting,
    assert_balanced,
    failing,
    giving,
    living,
    once,
    parts_in,
    rows_of,
)
from scripted_store import ScriptedStore, raising
from virtual_time import VirtualTime

ANY = JoinStrategy.ANY


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
