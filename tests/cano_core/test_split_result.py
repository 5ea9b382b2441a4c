"""What a split gives to its join state outlives a crash of that state."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import pytest

from cano_core import (
    ConfigurationError,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    RowKind,
    SplitResult,
    TaskConfig,
    Workflow,
)
from cano_core.progress import Memo
from fan import Crash, Fan, failing, giving, rows_of
from scripted_store import ScriptedStore

ANY = JoinStrategy.ANY


@dataclass
class Parcel:
    grams: int


async def a_parcel() -> Parcel:
    return Parcel(3)


def joining(store: Any, tasks: list[Any], task: Any, *, router: bool = False) -> Any:
    workflow = Workflow(checkpoint_store=store)
    workflow.register_split(
        "Fan", tasks, JoinConfig(ANY, "Join"), config=TaskConfig.minimal()
    )
    register = workflow.register_router if router else workflow.register
    register("Join", task, config=TaskConfig.minimal())
    return workflow.add_exit_state("Done")


@pytest.mark.parametrize("router", [False, True])
def test_a_crash_in_the_join_state_keeps_its_split_result(router: bool) -> None:
    store = MemoryCheckpointStore()
    crashes = iter([Crash, Crash])
    seen = []

    async def take(result: SplitResult) -> str:
        seen.append(result)
        for crash in crashes:
            raise crash
        return "Done"

    tasks = [failing(ValueError("no")), a_parcel]
    for _ in range(3):
        workflow = joining(store, tasks, take, router=router)
        with contextlib.suppress(Crash):
            asyncio.run(workflow.start_or_resume("Fan", workflow_id="r"))
        tasks = [failing(Crash()), never_a_parcel]
    errors = {} if router else {0: "ValueError: no"}
    first = SplitResult((Parcel(3),), {0: "ValueError: no"}, (), (1,))
    # A router has no row that could keep the errors; its values come from the split's.
    later = SplitResult((Parcel(3),), errors, (0,) if router else (), (1,))
    assert seen == [first, later, later]


async def never_a_parcel() -> Parcel:
    raise Crash


def test_the_result_becomes_durable_together_with_the_join_states_entry() -> None:
    store = ScriptedStore()
    appended: list[list[RowKind]] = []
    inner_append = store.inner.append

    async def append(workflow_id: str, *rows: Any) -> None:
        appended.append([row.kind for row in rows])
        await inner_append(workflow_id, *rows)

    store.inner.append = append  # type: ignore[method-assign]
    Fan([giving(1), giving(2)], checkpoint_store=store).run()
    assert appended == [
        [RowKind.STATE_ENTRY],
        [RowKind.BRANCH, RowKind.BRANCH],
        [RowKind.STATE_ENTRY, RowKind.MEMO],
    ]


def test_a_join_state_that_does_not_take_it_has_no_memo() -> None:
    store = ScriptedStore()

    async def crash() -> str:
        raise Crash

    workflow = joining(store, [giving(1)], crash)
    with pytest.raises(Crash):
        asyncio.run(workflow.orchestrate("Fan", workflow_id="r"))
    kinds = [row.kind for row in rows_of(store.inner)]
    assert kinds == [RowKind.STATE_ENTRY, RowKind.BRANCH, RowKind.STATE_ENTRY]


@pytest.mark.parametrize("change", ["other type", "fewer", "no split"])
def test_a_split_that_has_changed_meanwhile_is_a_clear_error(change: str) -> None:
    store = MemoryCheckpointStore()

    async def take(result: SplitResult) -> str:
        raise Crash

    workflow = joining(store, [failing(ValueError()), a_parcel], take)
    with pytest.raises(Crash):
        asyncio.run(workflow.orchestrate("Fan", workflow_id="r"))
    assert any(
        row.kind is RowKind.MEMO and Memo.decode(row.payload).key == "\x1fjoined"
        for row in rows_of(store)
    )

    async def a_number() -> int:
        return 1

    if change == "no split":
        workflow = Workflow(checkpoint_store=store).register("Fan", a_number)
        workflow.register("Join", take).add_exit_state("Done")
    else:
        tasks = [a_number, a_number] if change == "other type" else [a_number]
        workflow = joining(store, tasks, take)
    with pytest.raises(ConfigurationError, match="split 'Fan', which"):
        asyncio.run(workflow.resume_from("r"))


def test_a_compensation_that_takes_it_is_found_before_anything_runs() -> None:
    """No log keeps it for a rollback; what undoing needs is the task's output."""

    async def take(result: SplitResult) -> tuple[str, int]:
        return "Done", 1

    async def undo(output: int, result: SplitResult) -> None:
        raise AssertionError

    workflow = Workflow().add_exit_state("Done")
    workflow.register_with_compensation("Take", take, compensate=undo)
    with pytest.raises(ConfigurationError, match=r"'take \(comp.*takes a SplitResult"):
        workflow.validate()
