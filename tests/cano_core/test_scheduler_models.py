"""Cancelling flows whose run is in the middle of each processing model."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cano_core import (
    BatchTask,
    Done,
    FlowState,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    More,
    Pending,
    PollTask,
    RunPhase,
    Scheduler,
    TimerTask,
    Workflow,
)

LONG = 3600.0


class Held:
    """What a task has begun, and what holds it up."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.stopped = 0

    async def up(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise


class Timer(TimerTask):
    def __init__(self, held: Held) -> None:
        self.held = held

    async def wait(self) -> float:
        self.held.begun.set()
        return LONG

    async def after_wait(self) -> str:
        return "Done"


class Poll(PollTask):
    def __init__(self, held: Held) -> None:
        self.held = held

    async def poll(self) -> Any:
        self.held.begun.set()
        return Pending(LONG)


class Batch(BatchTask):
    def __init__(self, held: Held) -> None:
        self.held = held

    async def load(self) -> list[int]:
        return [1, 2, 3]

    async def process_item(self, item: int) -> int:
        if item == 3:
            await self.held.up()
        return item

    async def finish(self, results: list[Any]) -> str:
        return "Done"


def split(workflow: Workflow, held: Held) -> None:
    async def quick() -> int:
        return 1

    async def slow() -> int:
        await held.up()
        return 2

    async def join() -> str:
        return "Done"

    config = JoinConfig(JoinStrategy.ALL, "Join")
    workflow.register_split("Work", [quick, slow], config).register("Join", join)


def stepped(workflow: Workflow, held: Held) -> None:
    async def step(cursor: int | None) -> More[int] | Done[str]:
        if cursor == 2:
            await held.up()
        return More((cursor or 0) + 1)

    workflow.register_stepped("Work", step)


def registered(task: Callable[[Held], Any]) -> Callable[[Workflow, Held], None]:
    return lambda workflow, held: workflow.register("Work", task(held)) and None


MODELS = {
    "D4 split": split,
    "D5 stepped": stepped,
    "D6 timer": registered(Timer),
    "D7 poll": registered(Poll),
    "D8 batch": registered(Batch),
}


@pytest.mark.parametrize("make_store", [lambda: None, MemoryCheckpointStore])
@pytest.mark.parametrize("model", MODELS)
def test_a_cancelled_model_leaves_its_flow_idle(
    model: str, make_store: Callable[[], Any]
):
    held, store = Held(), make_store()
    workflow = Workflow(checkpoint_store=store)
    MODELS[model](workflow, held)
    workflow.add_exit_state("Done")

    async def main() -> None:
        async with Scheduler().manual("f", workflow, "Work") as scheduler:
            run_id = scheduler.trigger("f")
            await held.begun.wait()
            assert scheduler.cancel("f")
            status = await scheduler.settled("f")
            assert (status.state, status.failure_streak) == (FlowState.IDLE, 0)
            if store is None:
                assert status.unfinished == ()
            else:
                assert status.unfinished == (run_id,)
                phase = (await workflow.status(run_id)).phase
                assert phase is RunPhase.INTERRUPTED

    asyncio.run(main())


def test_a_cancelled_stepped_run_goes_on_from_its_last_cursor():
    """D11: the log of a cancelled flow is kept, and its next run goes on with it."""
    held, release = Held(), asyncio.Event()
    steps: list[int] = []

    async def step(cursor: int | None) -> More[int] | Done[str]:
        steps.append(cursor or 0)
        if cursor == 2 and not release.is_set():
            await held.up()
        return Done("Done") if cursor == 3 else More((cursor or 0) + 1)

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    workflow.register_stepped("Work", step).add_exit_state("Done")

    async def main() -> None:
        async with Scheduler().manual("f", workflow, "Work") as scheduler:
            first = scheduler.trigger("f")
            await held.begun.wait()
            scheduler.cancel("f")
            assert (await scheduler.settled("f")).unfinished == (first,)
            assert held.stopped == 1

            release.set()
            scheduler.trigger("f")
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.COMPLETED, ())
            assert steps == [0, 1, 2, 2, 3, 0, 1, 2, 3]

    asyncio.run(main())
