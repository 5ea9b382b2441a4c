"""Every processing model in one run, and each of them cancelled in its midst."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cano_core import (
    BatchTask,
    CheckpointRow,
    Done,
    ItemDone,
    MemoryCheckpointStore,
    More,
    Outcome,
    Pending,
    PollTask,
    Ready,
    RecordingObserver,
    Retry,
    RolledBackError,
    RowKind,
    RunCancelledError,
    RunPhase,
    TaskConfig,
    TaskFailedError,
    TimerTask,
    Workflow,
)
from held import Held, cancelled, stop
from sagas import ONCE, Journal, resume, start, written
from small_flow import Managed
from streams import Numbers

LONG = 3600.0


class Part(Held):
    """Where a part of a model waits.

    Attributes:
        begun: the items or cursors of the parts that have begun.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int | None] = []


class Asking(PollTask):
    """Asks, and then waits for longer than the test does."""

    def __init__(self, held: Part) -> None:
        self.held = held

    async def poll(self) -> Ready[str] | Pending:
        self.held.reached.set()
        return Pending(LONG)


class Sleeping(TimerTask):
    def __init__(self, held: Part) -> None:
        self.held = held

    async def wait(self) -> float:
        self.held.reached.set()
        return LONG

    async def after_wait(self) -> str:
        return "Done"


class Working(BatchTask):
    """Its second item holds the run up."""

    def __init__(self, held: Part) -> None:
        self.held = held

    async def load(self) -> list[int]:
        return [1, 2, 3]

    async def process_item(self, item: int) -> int:
        self.held.begun.append(item)
        if item == 2:
            await self.held()
        return item

    async def finish(self, results: Sequence[Any]) -> str:
        return "Done"


class Stepping:
    """Its third step holds the run up."""

    def __init__(self, held: Part) -> None:
        self.held = held

    async def step(self, cursor: int | None) -> More[int] | Done[str]:
        self.held.begun.append(cursor)
        if cursor == 2:
            await self.held()
        return Done("Done") if cursor == 3 else More((cursor or 0) + 1)


MODELS: dict[str, Callable[[Workflow, Part], object]] = {
    "C15 poll": lambda workflow, held: workflow.register("M", Asking(held)),
    "C16 timer": lambda workflow, held: workflow.register("M", Sleeping(held)),
    "C17 batch": lambda workflow, held: workflow.register("M", Working(held)),
    "C18 stepped": lambda workflow, held: workflow.register_stepped(
        "M", Stepping(held)
    ),
}


@pytest.mark.parametrize("undo", [False, True], ids=["keep", "undo"])
@pytest.mark.parametrize("model", MODELS)
def test_c15_c18_a_model_is_cancelled_in_its_midst(model: str, undo: bool) -> None:
    """C15, C16, C17, C18, and C13: resources are torn down, after what was undone."""
    held, store, journal = Part(), MemoryCheckpointStore(), Journal()
    watcher = RecordingObserver()

    class Noting(Managed):
        async def teardown(self) -> None:
            journal.step("teardown")

    def workflow() -> Workflow:
        made = Workflow(
            checkpoint_store=store,
            observers=[watcher],
            resources={"managed": Noting()},
        )
        made.register_with_compensation(
            "A",
            lambda: ("M", "A1"),
            compensate=lambda output: journal.step(f"undo {output}"),
        )
        MODELS[model](made, held)
        return made.add_exit_state("Done")

    error = cancelled(held, workflow(), stop(undo))

    assert type(error) is RunCancelledError
    assert (error.state, error.path) == ("M", ("A", "M"))
    assert watcher.of("on_cancelled") == [("r", "M")]
    starts, failures = watcher.of("on_task_start"), watcher.of("on_task_failure")
    assert failures == [(*starts[1], error)]
    assert journal.did == [*(["undo A1"] if undo else []), "teardown"]
    phase = RunPhase.ROLLED_BACK if undo else RunPhase.INTERRUPTED
    assert asyncio.run(workflow().status("r")).phase is phase
    if undo:
        assert written(store) == []
        with pytest.raises(RolledBackError):
            resume(workflow())
    else:
        assert written(store)[:3] == ["A", "A done", "M"]


@pytest.mark.parametrize(
    ("model", "begun", "resumed"),
    [
        ("C17 batch", [1, 2], [2, 3]),
        ("C18 stepped", [None, 1, 2], [2, 3]),
    ],
)
def test_a_cancelled_model_that_is_resumed_goes_on_where_it_was(
    model: str, begun: list[int | None], resumed: list[int | None]
) -> None:
    store = MemoryCheckpointStore()

    def workflow(held: Part) -> Workflow:
        made = Workflow(checkpoint_store=store).add_exit_state("Done")
        made.register("A", lambda: "M")
        MODELS[model](made, held)
        return made

    held = Part()
    assert type(cancelled(held, workflow(held), stop(False))) is RunCancelledError
    assert held.stopped
    assert held.begun == begun

    again = Part()
    again.release.set()
    assert resume(workflow(again)) == "Done"
    assert again.begun == resumed


class Noted(MemoryCheckpointStore):
    """Keeps every row that was ever written."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[CheckpointRow] = []

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        await super().append(workflow_id, *rows)
        self.rows.extend(rows)

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        await super().finish(workflow_id, rows, outcome)
        self.rows.extend(rows)


def test_u33_a_chain_of_models_has_a_dense_log_without_its_routers() -> None:
    """A router that begins the run has row 0, which cano's has not."""
    store, counts = Noted(), {"polls": 0, "sum": 0}

    class Inbox(PollTask):
        async def poll(self) -> Ready[str] | Pending:
            counts["polls"] += 1
            return Ready("Choose") if counts["polls"] == 2 else Pending(0)

    class Sum(BatchTask):
        async def load(self) -> list[int]:
            return [1, 2]

        async def process_item(self, item: int) -> int:
            return item

        async def finish(self, results: Sequence[Any]) -> str:
            counts["sum"] = sum(r.value for r in results if isinstance(r, ItemDone))
            return "Step"

    async def step(cursor: int | None) -> More[int] | Done[str]:
        return Done("Done") if cursor == 2 else More((cursor or 0) + 1)

    workflow = (
        Workflow(checkpoint_store=store)
        .register_router("A", lambda: "Poll")
        .register("Poll", Inbox())
        .register_router("Choose", lambda: "Batch")
        .register("Batch", Sum())
        .register_stepped("Step", step)
        .add_exit_state("Done")
    )
    assert start(workflow) == "Done"

    assert counts == {"polls": 2, "sum": 3}
    assert [row.sequence for row in store.rows] == list(range(len(store.rows)))
    entries = [row.state for row in store.rows if row.kind is RowKind.STATE_ENTRY]
    assert entries == ["A", "Poll", "Batch", "Step", "Done"]
    cursors = [row.state for row in store.rows if row.kind is RowKind.STEP_CURSOR]
    assert cursors.count("Step") == 2
    assert "Choose" not in {row.state for row in store.rows}


def test_u38_u40_a_stepped_state_has_a_row_for_each_cursor_and_is_then_cleared() -> (
    None
):
    """U38, U40: entry, cursors and exit are dense; U39: a resume makes the rest."""
    store, steps = Noted(), list[int | None]()
    fails = [ConnectionError("outage")]

    async def step(cursor: int | None) -> More[int] | Done[str]:
        steps.append(cursor)
        if cursor == 2 and fails:
            raise fails.pop()
        return Done("Done") if cursor == 3 else More((cursor or 0) + 1)

    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    workflow.register_stepped("A", step, config=ONCE)
    with pytest.raises(TaskFailedError):
        start(workflow)
    assert resume(workflow) == "Done"

    assert steps == [None, 1, 2, 2, 3]
    entry, cursor = RowKind.STATE_ENTRY, RowKind.STEP_CURSOR
    assert [row.kind for row in store.rows] == [
        entry,
        cursor,
        cursor,
        RowKind.RESUME,
        cursor,
        entry,
    ]
    assert [row.sequence for row in store.rows] == list(range(6))
    assert written(store) == []


def test_items_that_are_tried_again_do_not_open_a_stream_anew() -> None:
    numbers = Numbers(4)
    numbers.failures[2] = 2
    workflow = Workflow().add_exit_states("Done", "Stopped")
    config = TaskConfig(retry=Retry.fixed(2, 0))
    workflow.register_stream("A", numbers, config=config)
    assert start(workflow) == "Done"

    assert (numbers.opened, numbers.closed) == ([None], 1)
    assert numbers.processed == [1, 2, 2, 2, 3, 4]
