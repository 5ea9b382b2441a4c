"""Stores on a disk that are broken in ways that only another object can tell.

The other object may be in another thread or process, or come after a SIGKILL.
"""

import asyncio
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

from cano_core import CheckpointRow, Outcome, RowKind, SQLiteCheckpointStore
from plain_store import PlainStore

sys.path.append(str(Path(__file__).parents[2] / "examples" / "custom_store"))
from store import JsonLinesStore

FIRST = CheckpointRow(0, "State", "task", RowKind.STATE_ENTRY)


class OnDisk:
    """Passes everything on to SQLite."""

    def __init__(self, directory: Path) -> None:
        self.inner = SQLiteCheckpointStore(directory / "runs.db")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Buffers(OnDisk):
    """Writes when it is closed, or when enough has come together."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.memory = PlainStore()
        self.buffer: list[tuple[str, tuple[CheckpointRow, ...]]] = []

    async def append(self, workflow_id, *rows):
        if workflow_id not in self.memory.logs:
            self.memory.logs[workflow_id] = list(await self.inner.load_run(workflow_id))
        await self.memory.append(workflow_id, *rows)
        self.buffer.append((workflow_id, rows))
        if len(self.buffer) > 50:
            await self.flush()

    async def load_run(self, workflow_id):
        await self.flush()
        return await self.inner.load_run(workflow_id)

    async def flush(self):
        buffer, self.buffer = self.buffer, []
        for workflow_id, rows in buffer:
            await self.inner.append(workflow_id, *rows)

    async def aclose(self):
        await self.flush()
        self.inner.close()


class SplitsBatches(OnDisk):
    """Commits every row on its own; a lock hides that from readers of this object."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.lock = asyncio.Lock()

    async def append(self, workflow_id, *rows):
        async with self.lock:
            for row in rows:
                await self.inner.append(workflow_id, row)

    async def load_run(self, workflow_id):
        async with self.lock:
            return await self.inner.load_run(workflow_id)


class TrustsItsMemory(OnDisk):
    """Reads a log once, and from then on knows it by heart."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.known: dict[str, list[CheckpointRow]] = {}

    async def load_run(self, workflow_id):
        if workflow_id not in self.known:
            self.known[workflow_id] = list(await self.inner.load_run(workflow_id))
        return list(self.known[workflow_id])

    async def append(self, workflow_id, *rows):
        log = await self.load_run(workflow_id)
        await self.inner.append(workflow_id, *rows)
        self.known[workflow_id] = log + list(rows)


class FinishesInTwoSteps(OnDisk):
    """Clears a log at once, and writes its outcome with the next one."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.late: list[tuple[str, Outcome]] = []

    async def finish(self, workflow_id, rows, outcome):
        await self.inner.clear(workflow_id)
        for earlier, its_outcome in self.late:
            await self.inner.finish(earlier, [FIRST], its_outcome)
        self.late = [(workflow_id, outcome)]


class FinishesLater(OnDisk):
    """Puts an end off until it is closed."""

    async def finish(self, workflow_id, rows, outcome):
        pass


class HasNoLock(JsonLinesStore):
    """Looks at the log and writes without keeping others out.

    Before a first row it waits for another writer to have looked too.
    """

    _locked = staticmethod(nullcontext)

    def _sync_directory(self) -> None:
        (self.directory / f"{uuid4()}.arrived").touch()
        while len(list(self.directory.glob("*.arrived"))) < 2:
            os.sched_yield()
