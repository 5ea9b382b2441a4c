"""Workflows for a scheduler, a clock that stands still, and waiting for what comes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cano_core import (
    MemoryCheckpointStore,
    RunContext,
    Scheduler,
    TaskConfig,
    Workflow,
)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that no event tells of; a test that waits in vain fails."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 -- what is looked at has no events
            await asyncio.sleep(0.001)


class Job:
    """Work > Done; what it does in Work can be held up, and made to fail.

    Attributes:
        began: the workflow id of each attempt, in order.
        ended: the same, of each attempt that was not stopped.
        gate: what each attempt waits for; open from the start.
        error: what each attempt raises; None for nothing.
    """

    def __init__(self, store: Any = None, **options: Any) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: BaseException | None = None
        self.store = store
        self.workflow = Workflow(checkpoint_store=store, **options)
        self.workflow.register("Work", self.work, config=TaskConfig.minimal())
        self.workflow.add_exit_state("Done")

    async def work(self, run: RunContext) -> str:
        self.began.append(run.workflow_id)
        await self.gate.wait()
        self.ended.append(run.workflow_id)
        if self.error is not None:
            raise self.error
        return "Done"

    async def has_begun(self, times: int = 1) -> None:
        await until(lambda: len(self.began) >= times)


def durable(**options: Any) -> Job:
    return Job(MemoryCheckpointStore(), **options)


class StillClock:
    """Takes the place of the clock: nothing is called unless a test does it."""

    def __init__(self) -> None:
        self.asked: dict[str, tuple[datetime | None, Any, Callable[..., None]]] = {}
        self.stopped = False

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True

    def once(self, name: str, moment: datetime, due: Any) -> None:
        self.asked[name] = (moment, None, due)

    def repeat(self, name: str, trigger: Any, due: Any) -> None:
        self.asked[name] = (None, trigger, due)

    def forget(self, name: str) -> None:
        self.asked.pop(name, None)

    def moment(self, name: str) -> datetime:
        """When a flow asked to be called."""
        moment = self.asked[name][0]
        assert moment is not None
        return moment

    def strike(self, name: str, moment: datetime | None = None) -> None:
        """Call a flow, as at the moment that it asked for or at another."""
        asked, trigger, due = self.asked[name]
        if trigger is None:
            del self.asked[name]
        due(moment or asked or datetime.now(UTC))


def with_still_clock(scheduler: Scheduler) -> StillClock:
    """Give a scheduler that has not started a clock that stands still."""
    clock = StillClock()
    library = scheduler._timings

    class Library:
        Clock = staticmethod(lambda: clock)

        def __getattr__(self, name: str) -> Any:
            return getattr(library, name)

    scheduler._timings = Library()  # type: ignore[assignment]
    return clock
