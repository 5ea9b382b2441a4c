"""The time limits of the engine end what hangs, at no cost in time."""

import asyncio
import time
from typing import Any

import pytest

from cano_core import (
    CheckpointStoreError,
    CompensationFailedError,
    MemoryCheckpointStore,
    Retry,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowTimeoutError,
    interruption,
)
from pytest_cano.virtual_clock import leaping

HOUR = 3600.0
AT_ONCE = 20.0


@pytest.fixture(autouse=True)
def _in_no_time():
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE
    assert interruption.time is time


async def hang() -> Any:
    loop = asyncio.get_running_loop()
    with leaping(loop):
        await loop.create_future()


def test_an_attempt_that_never_returns_is_tried_again():
    async def task(run: RunContext) -> str:
        if run.attempt == 1:
            await hang()
        return "Done"

    config = TaskConfig(retry=Retry.fixed(1, 0.01), attempt_timeout=HOUR)
    workflow = Workflow().register("Task", task, config=config)
    workflow.add_exit_state("Done")

    assert asyncio.run(workflow.orchestrate("Task")) == "Done"


def test_attempts_that_never_return_fail():
    config = TaskConfig(retry=Retry.fixed(2, 60), attempt_timeout=HOUR)

    async def task() -> str:
        await hang()
        return "Done"

    workflow = Workflow().register("Task", task, config=config).add_exit_state("Done")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with leaping(loop):  # over the pauses, too
            await workflow.orchestrate("Task")

    with pytest.raises(TaskFailedError, match="attempt_timeout of 3600"):
        asyncio.run(main())


class HangingStore(MemoryCheckpointStore):
    def __init__(self, *hanging: str) -> None:
        super().__init__()
        self.hanging = hanging

    async def append(self, workflow_id: str, *rows: Any) -> None:
        if "append" in self.hanging:
            await hang()
        await super().append(workflow_id, *rows)

    async def finish(self, workflow_id: str, rows: Any, outcome: Any) -> None:
        if "finish" in self.hanging:
            await hang()
        await super().finish(workflow_id, rows, outcome)


@pytest.mark.parametrize("operation", ["append", "finish"])
def test_a_store_that_never_returns_has_failed(operation):
    async def task() -> str:
        return "Done"

    workflow = Workflow(checkpoint_store=HangingStore(operation), store_timeout=60)
    workflow.register("Task", task).add_exit_state("Done")

    with pytest.raises(CheckpointStoreError, match=r"no answer within 60 seconds"):
        asyncio.run(workflow.orchestrate("Task", workflow_id="run"))


def test_the_total_timeout_ends_a_task_that_never_returns():
    async def task() -> str:
        await hang()
        return "Done"

    workflow = Workflow(total_timeout=30 * HOUR).register("Task", task)
    workflow.add_exit_state("Done")

    with pytest.raises(WorkflowTimeoutError, match="longer than its total_timeout"):
        asyncio.run(workflow.orchestrate("Task"))


def test_the_compensation_timeout_ends_one_that_never_returns():
    async def book() -> tuple[str, int]:
        return "Pay", 1

    async def release(booked: int) -> None:
        await hang()

    async def pay() -> str:
        raise ConnectionError("refused")

    once = TaskConfig(retry=Retry.fixed(3, 0))
    workflow = Workflow(
        checkpoint_store=MemoryCheckpointStore(), compensation_timeout=HOUR
    )
    workflow.register_with_compensation(
        "Book", book, compensate=release, config=once
    ).register("Pay", pay, config=TaskConfig.minimal()).add_exit_state("Done")

    with pytest.raises(CompensationFailedError):
        asyncio.run(workflow.orchestrate("Book", workflow_id="run"))


def test_the_engine_has_real_time_in_every_other_loop():
    seen: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with leaping(loop):
            await asyncio.sleep(HOUR)
        seen.append(interruption.time.time() - time.time())
        seen.append(await asyncio.to_thread(interruption.time.time) - time.time())
        seen.append(interruption.time.perf_counter() - time.perf_counter())

    asyncio.run(main())

    assert [round(each / HOUR) for each in seen] == [1, 0, 0]


def test_a_clock_that_a_test_has_set_is_left_alone(monkeypatch):
    async def main(clock: Any) -> None:
        loop = asyncio.get_running_loop()
        with leaping(loop):
            if clock is None:
                monkeypatch.setattr(interruption, "time", "another")
            await asyncio.sleep(HOUR)
        assert interruption.time == "another"

    asyncio.run(main(None))
    assert interruption.time == "another"
    asyncio.run(main("there already"))
    assert interruption.time == "another"
    monkeypatch.setattr(interruption, "time", time)
