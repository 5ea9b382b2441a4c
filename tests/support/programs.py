"""Programs to crash: workflows of a few states, with whatever a test puts into them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cano_core import (
    CheckpointRow,
    Outcome,
    Retry,
    RunConflictError,
    RunContext,
    TaskConfig,
    Workflow,
)
from pytest_cano.view import WorldView

Task = Callable[..., Awaitable[Any]]
ONCE = TaskConfig.minimal()
THRICE = TaskConfig(retry=Retry.fixed(2, 0))


def shop(
    world: WorldView,
    *,
    process: Task | None = None,
    config: TaskConfig = ONCE,
    store: Any = None,
    observers: Sequence[Any] = (),
) -> Workflow:
    """Start, Process and Done; the task of Process is the test's."""

    async def start() -> str:
        return "Process"

    async def charge(run: RunContext) -> str:
        world.ledger.effect("charge", 42, key=run.idempotency_key)
        return "Done"

    return (
        Workflow(
            checkpoint_store=world.store if store is None else store,
            observers=observers,
        )
        .register("Start", start, config=ONCE)
        .register("Process", process or charge, config=config)
        .add_exit_state("Done")
    )


def processing(process: Callable[[WorldView], Task], **options: Any) -> Any:
    """A restartable program whose Process is the task that `process(world)` makes."""

    async def program(world: WorldView) -> None:
        workflow = shop(world, process=process(world), **options)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    return program


class ForgetfulStore:
    """A user's store with the three methods only, in memory."""

    def __init__(self) -> None:
        self.logs: dict[str, list[CheckpointRow]] = {}

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        await asyncio.sleep(0)
        log = self.logs.setdefault(workflow_id, [])
        if rows and rows[0].sequence != len(log):
            raise RunConflictError(workflow_id, rows[0].sequence)
        log.extend(rows)

    async def load_run(self, workflow_id: str) -> list[CheckpointRow]:
        await asyncio.sleep(0)
        return list(self.logs.get(workflow_id, []))

    async def clear(self, workflow_id: str) -> None:
        await asyncio.sleep(0)
        self.logs.pop(workflow_id, None)


class RememberingStore(ForgetfulStore):
    """The same with outcomes."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, Outcome] = {}

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        if workflow_id in self.outcomes:
            raise RunConflictError(workflow_id, rows[0].sequence)
        await super().append(workflow_id, *rows)

    async def clear(self, workflow_id: str) -> None:
        await super().clear(workflow_id)
        self.outcomes.pop(workflow_id, None)

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        await self.append(workflow_id, *rows)
        self.logs.pop(workflow_id, None)
        self.outcomes[workflow_id] = outcome

    async def outcome(self, workflow_id: str) -> Outcome | None:
        await asyncio.sleep(0)
        return self.outcomes.get(workflow_id)


async def sound(world: WorldView) -> None:
    await shop(world).start_or_resume("Start", workflow_id=world.workflow_id)


def charging(world: WorldView, key: str | None = None) -> Any:
    async def charge() -> str:
        world.ledger.effect("charge", 42, key=key)
        return "Done"

    return charge
