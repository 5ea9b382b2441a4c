"""Every way to stop a run from outside, and what is left of it.

Seat > Film > Watched: a seat that can be given back, and a film that takes its time.

    python examples/cancellation_and_timeouts.py

Prints:

    attempt_timeout
      the film hung, and is played again
      Watched
    total_timeout
      give back seat 7
      WorkflowTimeoutError: the run is rolled back
    Cancellation, with rollback
      give back seat 7
      RunCancelledError: the run is rolled back
    Cancellation, without
      RunCancelledError: the run is interrupted
      resumed: Watched
    the asyncio task is cancelled
      CancelledError: the run is interrupted
      resumed: Watched
"""

import asyncio
from typing import Literal

from cano_core import (
    Cancellation,
    CheckpointStore,
    MemoryCheckpointStore,
    Retry,
    RunCancelledError,
    RunContext,
    RunPhase,
    TaskConfig,
    Workflow,
    WorkflowTimeoutError,
)


class Cinema:
    """The projector hangs the first so many times."""

    def __init__(self, *, hangs: int) -> None:
        self.hangs = hangs
        self.playing = asyncio.Event()

    def reserve(self, *, idempotency_key: str) -> int:
        return 7

    def give_back(self, seat: int, *, idempotency_key: str) -> None:
        print(f"  give back seat {seat}")

    async def play(self) -> None:
        self.playing.set()
        self.hangs -= 1
        if self.hangs >= 0:
            await asyncio.sleep(3600)


async def take_seat(cinema: Cinema, run: RunContext) -> tuple[Literal["Film"], int]:
    return "Film", cinema.reserve(idempotency_key=run.idempotency_key)


async def give_back(seat: int, cinema: Cinema, run: RunContext) -> None:
    cinema.give_back(seat, idempotency_key=run.idempotency_key)


async def watch(cinema: Cinema, run: RunContext) -> Literal["Watched"]:
    if run.attempt > 1:
        print("  the film hung, and is played again")
    await cinema.play()
    return "Watched"


def evening(
    store: CheckpointStore,
    cinema: Cinema,
    *,
    attempt_timeout: float | None = None,
    total_timeout: float | None = None,
) -> Workflow:
    config = TaskConfig(retry=Retry.fixed(1, 0), attempt_timeout=attempt_timeout)
    resources = {"cinema": cinema}
    return (
        Workflow(
            checkpoint_store=store, resources=resources, total_timeout=total_timeout
        )
        .register_with_compensation("Seat", take_seat, compensate=give_back)
        .register("Film", watch, config=config)
        .add_exit_state("Watched")
    )


async def main() -> None:
    store = MemoryCheckpointStore()

    print("attempt_timeout")
    workflow = evening(store, Cinema(hangs=1), attempt_timeout=0.01)
    print(" ", await workflow.orchestrate("Seat", workflow_id="monday"))

    print("total_timeout")
    workflow = evening(store, Cinema(hangs=1), total_timeout=0.2)
    try:
        await workflow.orchestrate("Seat", workflow_id="tuesday")
    except WorkflowTimeoutError as error:
        status = await workflow.status("tuesday")
        print(f"  {type(error).__name__}: the run is {status.phase}")

    for day, way in {
        "wednesday": "Cancellation, with rollback",
        "thursday": "Cancellation, without",
        "friday": "the asyncio task is cancelled",
    }.items():
        print(way)
        cinema, cancel = Cinema(hangs=1), Cancellation()
        workflow = evening(store, cinema)
        run = asyncio.create_task(
            workflow.orchestrate("Seat", workflow_id=day, cancel=cancel)
        )
        await cinema.playing.wait()
        if day == "friday":
            run.cancel()
        else:
            cancel.cancel(rollback=day == "wednesday")
        try:
            await run
        except (RunCancelledError, asyncio.CancelledError) as error:
            status = await workflow.status(day)
            print(f"  {type(error).__name__}: the run is {status.phase}")
        if status.phase is RunPhase.INTERRUPTED:
            print("  resumed:", await workflow.resume_from(day))


if __name__ == "__main__":
    asyncio.run(main())
