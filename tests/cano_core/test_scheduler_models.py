"""Cancelling flows whose run is in the middle of each processing model."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cano_core import (
    BatchTask,
    FlowState,
    MemoryCheckpointStore,
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

    async def poll(self) -> Pending:
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


def registered(task: Callable[[Held], Any]) -> Callable[[Workflow, Held], None]:
    return lambda workflow, held: workflow.register("Work", task(held)) and None


MODELS = {
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
