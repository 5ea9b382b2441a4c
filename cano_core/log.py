"""One run's place in its log: the next sequence, and how rows get there.

Every append of a run goes through here, one at a time. A store's own trouble becomes
`CheckpointStoreError`; a conflict stays a `RunConflictError`; neither is ever a task's
failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, final

from .checkpoints.row import CheckpointRow, Outcome, RowKind
from .checkpoints.store import CheckpointStore, remembers_outcomes
from .errors import CheckpointStoreError, ConfigurationError, RunConflictError

T = TypeVar("T")


@final
class RunLog:
    """The log of one run, as its owner sees it.

    Args:
        store: where it is kept.
        workflow_id: the run.
        version: the workflow's version, for new rows.
        tell: tells the observers of each row that became durable; None without any.
    """

    def __init__(
        self,
        store: CheckpointStore,
        workflow_id: str,
        version: int,
        tell: Callable[..., None] | None,
    ) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._version = version
        self._tell = tell
        self._lock = asyncio.Lock()
        self._unsettled: CheckpointRow | None = None
        self.next_sequence = 0

    async def load(self) -> list[CheckpointRow]:
        """Read the whole log, ascending."""
        rows = await self._guard("load_run", self._store.load_run(self._workflow_id))
        return sorted(rows, key=lambda row: row.sequence)

    async def outcome(self) -> Outcome | None:
        """Read the outcome; None if there is none, or the store remembers none."""
        if not remembers_outcomes(self._store):
            return None
        return await self._guard("outcome", self._store.outcome(self._workflow_id))

    async def append(
        self, kind: RowKind, state: str, task: str, payload: bytes | None = None
    ) -> None:
        """Add one row to the end of the log.

        Raises:
            RunConflictError: the log has gone on without this run.
            CheckpointStoreError: the store failed.
        """
        async with self._lock:
            row = await self._next_row(kind, state, task, payload)
            try:
                await self._guard(
                    f"append of row {row.sequence} ({kind.name}, state {state!r})",
                    self._store.append(self._workflow_id, row),
                )
            except asyncio.CancelledError:
                self._unsettled = row
                raise
            self._advance()

    async def finish(
        self, state: str, payload: bytes | None, outcome: Outcome, *, row: bool = True
    ) -> None:
        """Record that the run ended at an exit state, and let go of its log.

        Args:
            state: label of the exit state.
            payload: the run's data.
            outcome: what is left of the run.
            row: False if the log ends with the exit's entry row already.
        """
        if not remembers_outcomes(self._store):
            if row:
                await self.append(RowKind.STATE_ENTRY, state, "", payload)
            await self._guard("clear", self._store.clear(self._workflow_id))
            return
        async with self._lock:
            rows = []
            if row:
                rows.append(
                    await self._next_row(RowKind.STATE_ENTRY, state, "", payload)
                )
            await self._guard(
                "finish", self._store.finish(self._workflow_id, rows, outcome)
            )
            if row:
                self._advance()

    async def _next_row(
        self, kind: RowKind, state: str, task: str, payload: bytes | None
    ) -> CheckpointRow:
        if self._unsettled is not None:
            await self._settle(self._unsettled)
        return CheckpointRow(
            self.next_sequence, state, task, kind, payload, self._version
        )

    async def _settle(self, row: CheckpointRow) -> None:
        """Learn whether a row whose append was cancelled has become durable."""
        rows = await self.load()
        if len(rows) > row.sequence and rows[row.sequence] == row:
            self._advance()
        self._unsettled = None

    def _advance(self) -> None:
        sequence = self.next_sequence
        self.next_sequence = sequence + 1
        if self._tell is not None:
            self._tell("on_checkpoint", self._workflow_id, sequence)

    async def _guard(self, what: str, operation: Awaitable[T]) -> T:
        try:
            return await operation
        except (RunConflictError, CheckpointStoreError, ConfigurationError):
            raise
        except Exception as error:
            raise CheckpointStoreError(
                f"run {self._workflow_id!r}: {what} failed in "
                f"{type(self._store).__name__}: {type(error).__name__}: {error}; the "
                "run stopped and can be resumed"
            ) from error
