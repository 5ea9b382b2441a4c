"""Charge > Ship > Done, and a store with nothing but what is needed."""

from __future__ import annotations

import asyncio
from typing import Any

from cano_core import MemoryCheckpointStore, Retry, RunContext, TaskConfig, Workflow


class ThreeMethods:
    """A store without any optional capability."""

    color = "blue"

    def __init__(self) -> None:
        store = MemoryCheckpointStore()
        self.append = store.append
        self.load_run = store.load_run
        self.clear = store.clear


class Flow:
    """Charge > Ship > Done; Charge fails with what it is told to."""

    def __init__(self, store: Any = None, *failures: BaseException) -> None:
        self.failures = list(failures)
        once_more = TaskConfig(retry=Retry.fixed(1, 0))
        self.workflow = Workflow(checkpoint_store=store)
        self.workflow.register("Charge", self.charge, config=once_more)
        self.workflow.register("Ship", self.ship).add_exit_state("Done")

    async def charge(self, run: RunContext) -> str:
        if self.failures:
            raise self.failures.pop(0)
        await run.once("charge", lambda: 42)
        return "Ship"

    async def ship(self) -> str:
        return "Done"

    def run(self, workflow_id: str | None = "order-1") -> object:
        if self.workflow._store is None:
            return asyncio.run(self.workflow.orchestrate("Charge"))
        assert workflow_id is not None
        return asyncio.run(
            self.workflow.start_or_resume("Charge", workflow_id=workflow_id)
        )
