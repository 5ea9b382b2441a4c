"""A stream over numbers that records everything that is done with it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any, Literal

from cano_core import (
    CloseReason,
    Count,
    MemoryCheckpointStore,
    RowKind,
    RunContext,
    Stop,
    StreamTask,
    TaskConfig,
    Workflow,
)
from cano_core.progress import Cursor


class Numbers(StreamTask):
    """Gives 1 to ``end``; the cursor is the number itself.

    Attributes:
        failures: how often processing a number is still to fail.
        waits_after: numbers that no other ever follows.
        reached: set when a number is being processed.
        held: numbers whose processing waits until the event is set.
    """

    window = Count(3)

    def __init__(self, end: int, *, window: Any = None) -> None:
        self.end = end
        self.failures: Counter[int] = Counter()
        self.flush_failures = 0
        self.close_failures = 0
        self.stop_at = 0
        self.waits_after: set[int] = set()
        self.reached = defaultdict[int, asyncio.Event](asyncio.Event)
        self.held: dict[int, asyncio.Event] = {}
        self.opened: list[int | None] = []
        self.closed = 0
        self.processed: list[int] = []
        self.windows: list[list[int]] = []
        self.reasons: list[CloseReason] = []
        self.left_out: list[int] = []
        self.has_flushed = asyncio.Event()
        self.keys: list[str] = []
        if window is not None:
            self.window = window

    @property
    def flushed(self) -> list[int]:
        """The results of all windows."""
        return [each for window in self.windows for each in window]

    async def open(self, cursor: int | None) -> AsyncIterator[tuple[int, int]]:
        self.opened.append(cursor)
        try:
            for number in range((cursor or 0) + 1, self.end + 1):
                yield number, number
                if number in self.waits_after:
                    await asyncio.Event().wait()
        finally:
            self.closed += 1

    async def process_item(self, item: int, run: RunContext) -> int:
        self.processed.append(item)
        self.keys.append(run.idempotency_key)
        self.reached[item].set()
        if item in self.held:
            await self.held[item].wait()
        if self.failures[item]:
            self.failures[item] -= 1
            raise ConnectionError(f"item {item}")
        return item

    async def flush_window(
        self, results: list[int], run: RunContext
    ) -> Stop[Literal["Stopped"]] | None:
        self.keys.append(run.idempotency_key)
        if self.flush_failures:
            self.flush_failures -= 1
            raise ConnectionError("flush")
        self.windows.append(list(results))
        self.has_flushed.set()
        return Stop("Stopped") if self.stop_at in results else None

    async def on_close(self, reason: CloseReason) -> Literal["Done"]:
        self.reasons.append(reason)
        if self.close_failures:
            self.close_failures -= 1
            raise ConnectionError("close")
        return "Done"

    async def item_left_out(self, item: int, error: Exception) -> None:
        self.left_out.append(item)


def streaming(
    task: object, store: Any = None, config: TaskConfig | None = None, **options: Any
) -> Workflow:
    return (
        Workflow(checkpoint_store=store, **options)
        .register_stream("Work", task, config=config)
        .add_exit_states("Done", "Stopped")
    )


def start(workflow: Workflow, **arguments: Any) -> object:
    return asyncio.run(workflow.orchestrate("Work", **arguments))


def cursors(store: MemoryCheckpointStore) -> list[int]:
    """The positions in the log, one byte each."""
    rows = asyncio.run(store.load_run("r"))
    return [
        Cursor.decode(row.payload).payload[0]
        for row in rows
        if row.kind is RowKind.STEP_CURSOR
    ]
