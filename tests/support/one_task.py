"""A workflow of one task, and what its log holds."""

import asyncio
from typing import Any

from cano_core import (
    MemoryCheckpointStore,
    Retry,
    RowKind,
    TaskConfig,
    Workflow,
)

ONCE_MORE = TaskConfig(retry=Retry.fixed(1, 0))


def running(
    task: object, store: Any = None, config: TaskConfig | None = None
) -> Workflow:
    return (
        Workflow(checkpoint_store=store)
        .register("Work", task, config=config or TaskConfig.minimal())
        .add_exit_state("Done")
    )


def start_or_resume(workflow: Workflow) -> object:
    return asyncio.run(workflow.start_or_resume("Work", workflow_id="r"))


def kinds(store: MemoryCheckpointStore) -> list[RowKind]:
    return [row.kind for row in asyncio.run(store.load_run("r"))]
