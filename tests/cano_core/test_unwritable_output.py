"""What can't be kept to be undone later is undone at once."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from cano_core import (
    CheckpointStoreError,
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    RolledBackError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from saga_rows import completion
from sagas import ONCE, Journal, Noting, resume, saga, start, written
from scripted_store import ScriptedStore, ThreeMethodStore, raising
from small_flow import row

STORES = [ScriptedStore, ThreeMethodStore]


def unwritable(
    journal: Journal,
    store: Any = None,
    *,
    config: TaskConfig = ONCE,
    outputs: Sequence[object] = (),
    **options: Any,
) -> Workflow:
    """A > B > Last > Done, where no row can keep what Last leaves."""
    workflow = saga(journal, store, states="AB", plain="", **options)
    left = list(outputs)

    async def last(run: RunContext) -> tuple[str, object]:
        journal.step("Last")
        return "Done", left.pop(0) if left else Live()

    async def undo(output: object, run: RunContext) -> None:
        journal.step(f"undo {output}")
        await run.once("refund", journal.step, f"refund {output}")

    workflow.register_with_compensation("Last", last, compensate=undo, config=config)
    return workflow


class Live:
    """An output that lives in this process only."""

    def __str__(self) -> str:
        return "live"


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("retries", [0, 2])
def test_u58_what_can_not_be_kept_is_undone_at_once_and_once(
    durable: bool, retries: int
) -> None:
    """H11: whatever the retry policy, the task is not run again."""
    store = MemoryCheckpointStore() if durable else None
    journal = Journal()
    config = TaskConfig(retry=Retry.fixed(retries, 0))
    workflow = unwritable(journal, store, config=config)
    with pytest.raises(TaskFailedError, match="the output of task 'last'") as caught:
        start(workflow, "Last")

    assert journal.did == ["Last", "undo live", "refund live"]
    assert caught.value.state == "Last"
    assert "resume_from" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ConfigurationError)
    if durable:
        # Undone under its idempotency key, so it must not be done again under it.
        with pytest.raises(RolledBackError, match="output of task 'last'"):
            resume(workflow)
    assert journal.did == ["Last", "undo live", "refund live"]


@pytest.mark.parametrize(
    ("kind", "script", "rows"),
    [
        (
            ThreeMethodStore,
            {"before": raising(OSError("disk"), "clear")},
            ["Last", "Last memo", "Last failed"],
        ),
        (ScriptedStore, {"after": raising(OSError("disk"), "finish")}, []),
    ],
)
def test_h06_once_that_is_recorded_the_state_does_not_run_again(
    kind: type[ThreeMethodStore], script: Any, rows: list[str]
) -> None:
    store = kind(**script)
    journal = Journal()
    with pytest.raises(CheckpointStoreError):
        start(unwritable(journal, store), "Last")
    assert written(store.inner) == rows
    with pytest.raises(RolledBackError):
        resume(unwritable(journal, kind(inner=store.inner)))
    assert journal.did == ["Last", "undo live", "refund live"]


def after(journal: Journal, store: Any = None, **options: Any) -> Workflow:
    """A, then Last."""
    workflow = unwritable(journal, store, **options)

    async def first() -> tuple[str, str]:
        journal.step("First")
        return "Last", "F1"

    async def undo(output: str) -> None:
        journal.step(f"undo {output}")

    return workflow.register_with_compensation("First", first, compensate=undo)


def test_it_is_recorded_in_the_call_that_ends_the_run() -> None:
    store = Noting()
    with pytest.raises(TaskFailedError):
        start(unwritable(Journal(), store), "Last")
    assert store.appends == [
        ["Last STATE_ENTRY"],
        ["Last MEMO"],
        ["Last ROLLBACK", "finish"],
    ]


def test_what_has_to_wait_for_it_is_listed_in_the_order_of_undoing() -> None:
    store, journal = MemoryCheckpointStore(), Journal(undo_live=[OSError("busy")])
    rows = [
        row(0, "A"),
        completion(1, "A", "B", "A1"),
        row(2, "B"),
        completion(3, "B", "Last", "B1"),
        row(4, "Last"),
    ]
    asyncio.run(store.append("r", *rows))
    with pytest.raises(CompensationFailedError) as caught:
        resume(unwritable(journal, store))
    left = [(each.state, each.sequence) for each in caught.value.remaining]
    assert left == [("Last", 4), ("B", 2), ("A", 0)]
    assert [each.output for each in caught.value.remaining[1:]] == ["B1", "A1"]


def test_what_was_done_before_is_undone_after_it() -> None:
    store = Noting()
    journal = Journal()
    watcher = RecordingObserver()
    with pytest.raises(TaskFailedError):
        start(after(journal, store, observers=[watcher]), "First")

    assert journal.did == ["First", "Last", "undo live", "refund live", "undo F1"]
    assert store.appends == [
        ["First STATE_ENTRY"],
        ["First COMPENSATION_COMPLETION", "Last STATE_ENTRY"],
        ["Last MEMO"],
        ["Last ROLLBACK"],
        ["First COMPENSATED", "finish"],
    ]
    assert watcher.compensated == ["Last", "First"]
    told = [event.hook for event in watcher.events if "roll" in event.hook]
    assert told == ["on_rollback_start", "on_rollback_end"]


def test_u55_its_failure_is_listed_with_the_live_output() -> None:
    """U54: and with the one that began it. Without a log the rest is undone now."""
    journal = Journal(undo_live=[OSError("busy")])
    with pytest.raises(CompensationFailedError) as caught:
        start(after(journal), "First")

    (left,) = caught.value.remaining
    assert isinstance(left.output, Live)
    assert (left.state, left.sequence, str(left.error)) == ("Last", None, "busy")
    assert caught.value.failure.error == "ConfigurationError"
    assert isinstance(caught.value.__cause__, TaskFailedError)
    assert journal.did == ["First", "Last", "undo live", "undo F1"]


def test_a_failure_to_undo_it_leaves_the_run_as_the_log_knows_it() -> None:
    """A rollback that the log knows of would forget it; so the state runs again."""
    store = MemoryCheckpointStore()
    journal = Journal(undo_live=[OSError("busy")])
    with pytest.raises(CompensationFailedError) as caught:
        start(after(journal, store), "First")

    assert [each.state for each in caught.value.remaining] == ["Last", "First"]
    assert [each.error for each in caught.value.remaining][1] is None
    assert "runs the state again, and then tries it again" in str(caught.value)
    assert written(store) == ["First", "First done", "Last"]

    journal.did.clear()
    with pytest.raises(TaskFailedError):
        resume(after(journal, store))
    assert journal.did == ["Last", "undo live", "refund live", "undo F1"]
    with pytest.raises(RolledBackError):
        resume(after(journal, store))


def test_a_crash_in_it_runs_the_state_again_and_repeats_no_recorded_call() -> None:
    for n in itertools.count(1):
        store = ScriptedStore(before=raising(KeyboardInterrupt(), "append", n))
        journal = Journal()
        try:
            start(after(journal, store), "First")
        except KeyboardInterrupt:
            again = ScriptedStore(inner=store.inner)
            with pytest.raises((TaskFailedError, RolledBackError)):
                asyncio.run(
                    after(journal, again).start_or_resume("First", workflow_id="r")
                )
        except TaskFailedError:
            break
        if n > 2:
            assert journal.undone[-1] == "F1"
        # Made, and then not recorded: only then is it made twice.
        assert journal.did.count("refund live") == (2 if n == 3 else 1)
    assert n == 5


def test_u53_its_attempt_timeout_holds_for_it_too() -> None:
    async def task() -> tuple[str, object]:
        return "Done", Live()

    async def hang(output: object) -> None:
        await asyncio.Event().wait()

    workflow = Workflow().add_exit_state("Done")
    limited = TaskConfig(retry=Retry.none(), attempt_timeout=0.01)
    workflow.register_with_compensation("A", task, compensate=hang, config=limited)
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow)
    assert isinstance(caught.value.remaining[0].error, TimeoutError)


def test_the_time_limit_of_the_rollback_holds_for_it_too() -> None:
    async def task() -> tuple[str, object]:
        return "Done", Live()

    async def hang(output: object) -> None:
        await asyncio.Event().wait()

    workflow = Workflow(compensation_timeout=0.01).add_exit_state("Done")
    workflow.register_with_compensation("A", task, compensate=hang)
    with pytest.raises(CompensationFailedError, match=r"timeout of 0\.01"):
        start(workflow)
