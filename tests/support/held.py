"""Runs that are held up somewhere, and what is done to them there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cano_core import Cancellation, Workflow


class Held:
    """Where a run waits until it is stopped, or let go on.

    Attributes:
        reached: set once it is there.
        release: lets it go on.
        stopped: whether it was stopped there.
    """

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.release = asyncio.Event()
        self.stopped = False

    async def __call__(self) -> None:
        self.reached.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise


Canceller = Callable[[Cancellation], Awaitable[None] | None]


def cancelled(
    held: Held, workflow: Workflow, by: Canceller, *, resumed: bool = False
) -> Any:
    """Run, cancel when the run is held up, and return what came out."""

    async def main() -> object:
        cancel = Cancellation()
        if resumed:
            run = workflow.resume_from("r", cancel=cancel)
        else:
            run = workflow.orchestrate("A", workflow_id="r", cancel=cancel)
        running = asyncio.create_task(run)
        await held.reached.wait()
        if (waiting := by(cancel)) is not None:
            await waiting
        return await asyncio.wait_for(running, 5)

    try:
        return asyncio.run(main())
    except Exception as error:
        return error


def stop(undo: bool) -> Canceller:
    return lambda cancel: cancel.cancel(rollback=undo)


def stop_and_release(held: Held, undo: bool) -> Canceller:
    def by(cancel: Cancellation) -> None:
        cancel.cancel(rollback=undo)
        held.release.set()

    return by
