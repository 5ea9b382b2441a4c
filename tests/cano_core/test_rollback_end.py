"""A rollback ends only in the log that it still owns: its last row and its end are one.

Law 2: whoever loses an append stops at once, and leaves no outcome behind.
"""

import asyncio
import itertools
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    CompensationFailedError,
    ConfigurationError,
    OutcomeStatus,
    RecordingObserver,
    RolledBackError,
    RowKind,
    RunConflictError,
    RunContext,
    TaskFailedError,
    Workflow,
)
from cano_core.progress import Completion
from saga_rows import COMPLETION, compensated, completion, rollback
from sagas import ONCE, Journal, Noting, resume, saga, start, written
from scripted_store import Script, ScriptedStore, ThreeMethodStore
from small_flow import row

STORES = [ScriptedStore, ThreeMethodStore]
_UNREADABLE = Completion("B", b"\xc1", None).encode()
NOTHING_LEFT = [
    row(0, "A"),
    completion(1, "A", "B", "A1"),
    row(2, "B"),
    rollback(3, "B"),
    compensated(4, "A", 0),
]


def taken_over(store: ThreeMethodStore, operation: str, n: int = 1) -> Script:
    """Another process takes the run over right before the n-th call of an operation."""

    async def script(called: str, number: int) -> None:
        if (called, number) == (operation, n):
            rows = await store.inner.load_run("r")
            failed = next(each for each in rows if each.kind is RowKind.ROLLBACK)
            claim = CheckpointRow(len(rows), failed.state, "", RowKind.RESUME)
            await store.inner.append("r", claim)

    return script


def ends_of(watcher: RecordingObserver) -> list[str]:
    """What is told from the last compensation on."""
    hooks = [event.hook for event in watcher.events]
    return hooks[hooks.index("on_rollback_start") + 1 :]


@pytest.mark.parametrize("kind", STORES)
def test_who_was_taken_over_in_the_last_compensation_leaves_no_outcome(
    kind: type[ThreeMethodStore],
) -> None:
    """The other process could not undo everything, so there is no end to be told."""
    parked, go_on = asyncio.Event(), asyncio.Event()

    async def park() -> None:
        parked.set()
        await go_on.wait()

    store = kind()
    original = Journal(C=[ValueError("no")])
    original.holds["undo A1"] = park
    other = Journal(undo_A=[OSError("busy")])

    async def main() -> None:
        run = asyncio.create_task(
            saga(original, store).orchestrate("A", workflow_id="r")
        )
        await parked.wait()
        with pytest.raises(CompensationFailedError):
            await saga(other, kind(inner=store.inner)).resume_from("r")
        go_on.set()
        with pytest.raises(RunConflictError):
            await run

    asyncio.run(main())
    assert original.undone == ["B1", "A1"]
    assert written(store.inner)[-2:] == ["B undone", "C resumed"]
    assert asyncio.run(store.inner.outcome("r")) is None
    with pytest.raises(RolledBackError):
        resume(saga(other, kind(inner=store.inner)))


def test_a_run_taken_over_after_its_last_compensation_is_not_ended() -> None:
    store = ScriptedStore()
    store.before = taken_over(store, "finish")
    journal, watcher = Journal(C=[ValueError("no")]), RecordingObserver()
    with pytest.raises(RunConflictError):
        start(saga(journal, store, observers=[watcher]))

    assert journal.undone == ["B1", "A1"]
    assert written(store.inner)[-2:] == ["B undone", "C resumed"]
    assert asyncio.run(store.inner.outcome("r")) is None
    # Nor is anybody told that it was undone: the process that owns the run does it.
    assert watcher.compensated == ["B"]
    assert ends_of(watcher) == ["on_checkpoint", "on_compensated", "on_run_end"]


def test_a_rollback_with_nothing_left_is_ended_only_by_who_owns_it() -> None:
    store = ScriptedStore()
    asyncio.run(store.inner.append("r", *NOTHING_LEFT))
    store.before = taken_over(store, "finish")
    with pytest.raises(RunConflictError):
        resume(saga(Journal(), store, states="AB"))
    assert written(store.inner)[-2:] == ["A undone", "B resumed"]
    assert asyncio.run(store.inner.outcome("r")) is None


def test_two_processes_that_find_nothing_left_end_it_once() -> None:
    """Both come so far at the same time; only one of them may say that it ended."""
    store = ScriptedStore()
    asyncio.run(store.inner.append("r", *NOTHING_LEFT))
    arrived, all_there = itertools.count(1), asyncio.Event()

    async def meet(operation: str, number: int) -> None:
        if operation == "finish":
            if next(arrived) == 2:
                all_there.set()
            await asyncio.wait_for(all_there.wait(), 1)

    store.before = meet

    async def main() -> list[Any]:
        resumes = [saga(Journal(), store, states="AB").resume_from("r") for _ in "12"]
        return await asyncio.gather(*resumes, return_exceptions=True)

    ends = sorted(type(end).__name__ for end in asyncio.run(main()))
    assert ends == ["RolledBackError", "RunConflictError"]
    outcome = asyncio.run(store.inner.outcome("r"))
    assert outcome is not None
    assert outcome.status is OutcomeStatus.ROLLED_BACK


def test_a_store_without_finish_gets_the_claim_before_it_is_cleared() -> None:
    store = ThreeMethodStore()
    asyncio.run(store.inner.append("r", *NOTHING_LEFT))
    store.before = taken_over(store, "append")
    with pytest.raises(RunConflictError):
        resume(saga(Journal(), store, states="AB"))
    assert store.calls == ["load_run", "append"]
    assert written(store.inner)[-2:] == ["A undone", "B resumed"]


@pytest.mark.parametrize("failing", ["A", "B"])
def test_what_was_undone_is_a_row_also_where_the_rollback_does_not_end(
    failing: str,
) -> None:
    store, watcher = Noting(), RecordingObserver()
    journal = Journal(C=[ValueError("no")], **{f"undo_{failing}": [OSError("busy")]})
    with pytest.raises(CompensationFailedError) as caught:
        start(saga(journal, store, observers=[watcher]))

    undone = "B" if failing == "A" else "A"
    assert store.appends[3:] == [["C ROLLBACK"], [f"{undone} COMPENSATED"]]
    assert [each.state for each in caught.value.remaining] == [failing]
    told = ["on_checkpoint", "on_compensated"]
    failed = ["on_compensation_failure"]
    assert ends_of(watcher) == [
        *(told + failed if failing == "A" else failed + told),
        "on_rollback_end",
        "on_run_end",
    ]


def test_an_output_that_can_not_be_read_does_not_keep_the_row_before_it_back() -> None:
    rows = [
        row(0, "A"),
        row(1, "A", COMPLETION, _UNREADABLE),
        row(2, "B"),
        completion(3, "B", "C", "B1"),
        row(4, "C"),
        rollback(5, "C"),
    ]
    store, journal = Noting(), Journal()
    asyncio.run(store.append("r", *rows))
    with pytest.raises(CompensationFailedError) as caught:
        resume(saga(journal, store))
    assert store.appends[1:] == [["C RESUME"], ["B COMPENSATED"]]
    assert [each.state for each in caught.value.remaining] == ["A"]
    assert journal.undone == ["B1"]


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("live", [False, True])
def test_a_call_that_nobody_awaited_is_not_recorded_after_its_compensation(
    live: bool, busy: bool
) -> None:
    """Whether the visit is undone or remains, and whoever owns the run by then."""
    comes_back = asyncio.Event()
    strays: list[asyncio.Task[int]] = []

    async def late() -> int:
        await comes_back.wait()
        return 1

    async def undo(output: object, run: RunContext) -> None:
        strays.append(asyncio.create_task(run.once("late", late)))
        await asyncio.sleep(0)
        if busy:
            raise OSError("busy")

    async def fail() -> str:
        raise ValueError("no")

    store = ScriptedStore()
    workflow = Workflow(checkpoint_store=store)
    output = object() if live else 1
    workflow.register_with_compensation(
        "A", lambda: ("B", output), compensate=undo, config=ONCE
    )
    workflow.register("B", fail, config=ONCE).add_exit_state("Done")

    async def main() -> tuple[int, BaseException | None]:
        with pytest.raises((TaskFailedError, CompensationFailedError)):
            await workflow.orchestrate("A", workflow_id="r")
        calls = len(store.calls)
        comes_back.set()
        await asyncio.wait(strays)
        return len(store.calls) - calls, strays[0].exception()

    calls, error = asyncio.run(main())
    assert isinstance(error, ConfigurationError)
    assert "came back after the run had left it" in str(error)
    assert calls == 0
