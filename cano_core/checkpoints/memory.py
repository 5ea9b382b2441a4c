"""A store in this process's memory, for tests and for runs that need no disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from ..errors import ConfigurationError, RunConflictError
from .row import CheckpointRow, Outcome, RowKind


class MemoryCheckpointStore:
    """Keeps logs for as long as the object lives.

    It keeps the whole contract, outcomes included, and gives the event loop a turn
    in every call, as a store that really waits for a disk would.
    """

    def __init__(self) -> None:
        self._logs: dict[str, list[CheckpointRow]] = {}
        self._outcomes: dict[str, tuple[Outcome, datetime]] = {}

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows to the end of a log, all or none."""
        await asyncio.sleep(0)
        if rows:
            self._check(workflow_id, rows)
            self._logs.setdefault(workflow_id, []).extend(rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return every row of a log, ascending; nothing for an unknown id."""
        await asyncio.sleep(0)
        return list(self._logs.get(workflow_id, ()))

    async def load_tail(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return a log without cursors that later ones make superfluous."""
        rows = await self.load_run(workflow_id)
        last = {row.task: row for row in rows if row.kind == RowKind.STEP_CURSOR}
        return [
            row
            for row in rows
            if row.kind != RowKind.STEP_CURSOR or last[row.task] is row
        ]

    async def clear(self, workflow_id: str) -> None:
        """Forget this run's rows and outcome."""
        await asyncio.sleep(0)
        self._logs.pop(workflow_id, None)
        self._outcomes.pop(workflow_id, None)

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """Append the last rows and replace the log by its outcome, in one step."""
        await asyncio.sleep(0)
        if rows:
            self._check(workflow_id, rows)
        elif workflow_id not in self._logs:
            raise RunConflictError(workflow_id, 0)
        self._logs.pop(workflow_id, None)
        self._outcomes[workflow_id] = (outcome, datetime.now(UTC))

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""
        await asyncio.sleep(0)
        entry = self._outcomes.get(workflow_id)
        return entry[0] if entry else None

    async def list_runs(self) -> Sequence[str]:
        """Return the id of every run that has rows or an outcome, sorted."""
        await asyncio.sleep(0)
        return sorted({*self._logs, *self._outcomes})

    async def prune(self, older_than: datetime) -> int:
        """Forget every outcome recorded before that moment."""
        await asyncio.sleep(0)
        if older_than.tzinfo is None:
            raise ConfigurationError("prune() takes an aware datetime, this is naive")
        old = [
            workflow_id
            for workflow_id, (_, ended) in self._outcomes.items()
            if ended < older_than
        ]
        for workflow_id in old:
            del self._outcomes[workflow_id]
        return len(old)

    def _check(self, workflow_id: str, rows: Sequence[CheckpointRow]) -> None:
        expected = len(self._logs.get(workflow_id, ()))
        finished = workflow_id in self._outcomes
        for offset, row in enumerate(rows):
            if finished or row.sequence != expected + offset:
                raise RunConflictError(workflow_id, row.sequence)
