"""A cache in front of a store, of which a power loss takes what it still holds.

It acknowledges what the store beneath it does not have yet: the last N operations
that write. So does a disk that is told to sync and does not, or a database that is
told not to wait for one. It is for stores that nothing can be put beneath.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, final
from weakref import WeakKeyDictionary

from cano_core.checkpoints.row import CheckpointRow, Outcome
from cano_core.checkpoints.store import CheckpointStore, remembers_outcomes
from cano_core.errors import RunConflictError

_Write: TypeAlias = tuple[str, tuple[Any, ...]]
"""An operation of the store, by its name, and its arguments."""

_OVERALL: Final = frozenset({"list_runs", "prune"})
"""What looks at all runs; nothing is held back from it."""


@dataclass(slots=True)
class _Log:
    """A run as whoever uses the cache sees it."""

    rows: list[CheckpointRow] = field(default_factory=list)
    outcome: Outcome | None = None


class WriteBackStore:
    """Keeps the last operations to itself for now.

    It must be the only way to its runs, for it answers for what only it knows.

    Args:
        inner: the store; may be replaced by another one on the same place.
        size: how many operations it holds back.
    """

    def __init__(self, inner: CheckpointStore, size: int) -> None:
        self.inner: Any = inner
        self._size = size
        self._held: deque[_Write] = deque()
        self._logs: dict[str, _Log] = {}
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows to the end of a log, for whoever asks here."""
        log = await self._log(workflow_id)
        if rows:
            _require_next(workflow_id, log, rows)
            log.rows += rows
            await self._write("append", workflow_id, *rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return every row that was acknowledged."""
        return [*(await self._log(workflow_id)).rows]

    async def clear(self, workflow_id: str) -> None:
        """Forget a run, for whoever asks here."""
        self._logs[workflow_id] = _Log()
        await self._write("clear", workflow_id)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if name == "load_tail":
            # Leaving nothing out is right as well.
            return self.load_run
        return self._overall(value) if name in _OVERALL else value

    def _overall(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        async def operate(*args: Any) -> Any:
            await self._pass_on(0)
            self._logs.clear()
            return await operation(*args)

        return operate

    def __repr__(self) -> str:
        return repr(self.inner)

    async def _log(self, workflow_id: str) -> _Log:
        log = self._logs.get(workflow_id)
        if log is None:
            log = self._logs.setdefault(workflow_id, await self._read(workflow_id))
        return log

    async def _read(self, workflow_id: str) -> _Log:
        return _Log(list(await self.inner.load_run(workflow_id)))

    async def _write(self, name: str, *args: Any) -> None:
        self._held.append((name, args))
        await self._pass_on(self._size)

    async def _pass_on(self, size: int) -> None:
        """Hand the oldest operations on, until so many are left; cancelled or not."""
        passing = asyncio.ensure_future(self._pass_on_in_turn(size))
        cancelled: asyncio.CancelledError | None = None
        while not passing.done():
            try:
                await asyncio.shield(passing)
            except asyncio.CancelledError as error:
                cancelled = error
        passing.result()
        if cancelled is not None:
            raise cancelled

    async def _pass_on_in_turn(self, size: int) -> None:
        turns = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with turns:
            while len(self._held) > size:
                name, args = self._held.popleft()
                await getattr(self.inner, name)(*args)


@final
class RememberingWriteBackStore(WriteBackStore):
    """The same for a store that remembers outcomes."""

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """Replace a log by its outcome, for whoever asks here."""
        log = await self._log(workflow_id)
        if not (rows or log.rows):
            raise RunConflictError(workflow_id, 0)
        _require_next(workflow_id, log, rows)
        log.rows, log.outcome = [], outcome
        await self._write("finish", workflow_id, rows, outcome)

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome that was acknowledged, or None."""
        return (await self._log(workflow_id)).outcome

    async def _read(self, workflow_id: str) -> _Log:
        log = await super()._read(workflow_id)
        log.outcome = await self.inner.outcome(workflow_id)
        return log


def write_back(store: CheckpointStore, size: int) -> WriteBackStore:
    """Put a cache in front of a store."""
    kind = RememberingWriteBackStore if remembers_outcomes(store) else WriteBackStore
    return kind(store, size)


def _require_next(workflow_id: str, log: _Log, rows: Sequence[CheckpointRow]) -> None:
    for offset, row in enumerate(rows):
        if log.outcome is not None or row.sequence != len(log.rows) + offset:
            raise RunConflictError(workflow_id, row.sequence)
