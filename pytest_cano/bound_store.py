"""A store bound to one life, and to what it must hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Self, TypeVar

from cano_core.checkpoints.row import CheckpointRow, Outcome
from cano_core.checkpoints.store import (
    CheckpointStore,
    RemembersOutcomes,
    remembers_outcomes,
)
from cano_core.errors import ConfigurationError, RunConflictError
from cano_core.wording import described

from .kept_log import Doubt, KeptLog
from .life import Life
from .operations import Ended, Operation
from .outage import through_cache

T = TypeVar("T")

CLOSING = frozenset({"close", "aclose"})
"""What may be asked of a store after death: a killed process closes its files too."""


class BoundStore:
    """Passes everything on to a store while its life lasts.

    What a dead life asks is refused and noted, closing excepted; an operation that
    was under way at death is not taken back, but its caller learns nothing of it.
    Whatever is written, cleared or read back is kept account of.
    """

    def __init__(self, inner: CheckpointStore, life: Life, session: int = 0) -> None:
        self._life = life
        self._session = session
        self._book = life.world.book
        self._place = self._book.place(inner)
        self._may_lose = may_lose(inner)
        self._unbound = inner
        self._inner = through_cache(inner, life, self._place)

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows to the end of a log, all or none."""
        self._life.require_alive(f"append to run {workflow_id!r} of {_listed(rows)}")
        log = self._log(workflow_id)
        appending = partial(self._inner.append, workflow_id, *rows)
        if await self._wrote(log, "append", appending, Doubt(rows)):
            log.appended(rows)
        self._life.go_on()

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return every row of a log, ascending; nothing for an unknown id."""
        self._life.require_alive(f"load_run of run {workflow_id!r}")
        log = self._log(workflow_id)
        rows = await self._read(
            log, "load_run", partial(self._inner.load_run, workflow_id)
        )
        self._life.go_on()
        log.loaded(self._life.number, rows)
        return rows

    async def clear(self, workflow_id: str) -> None:
        """Forget this run's rows and outcome."""
        await self._clear(workflow_id, at_exit=False)
        self._life.go_on()

    async def _clear(self, workflow_id: str, *, at_exit: bool) -> None:
        self._life.require_alive(f"clear of run {workflow_id!r}")
        log = self._log(workflow_id)
        clearing = partial(self._inner.clear, workflow_id)
        doubt = Doubt(clears=True)
        if await self._wrote(log, "clear", clearing, doubt, ends=at_exit):
            log.cleared(at_exit=at_exit)

    def _log(self, workflow_id: str) -> KeptLog:
        log = self._book.log(workflow_id, self._place)
        log.may_lose = self._may_lose
        return log

    async def _wrote(
        self,
        log: KeptLog,
        name: str,
        writing: Callable[[], Awaitable[None]],
        doubt: Doubt,
        *,
        ends: bool = False,
    ) -> bool:
        """Let the store write, and take note of what becomes of it.

        Args:
            log: what the store must hold.
            name: of the store's method.
            writing: calls it.
            doubt: what it may have done if it fails.
            ends: whether that is the end of the run.

        Returns:
            Whether what it has done is still to be accounted for.
        """
        note = partial(self._operation, log, name, rows=doubt.rows, ends=ends)
        asked = log.asked(note(ended="cancelled"), doubt)
        try:
            await writing()
        except RunConflictError as error:
            log.answered(asked, note(ended="conflict", error=error))
            raise
        except BaseException as error:
            log.answered(asked, note(ended=_failed(error), error=error))
            raise
        return log.answered(asked, note(ended="done", durable=True))

    async def _read(
        self, log: KeptLog, name: str, reading: Callable[[], Awaitable[T]]
    ) -> T:
        """Let the store read, and take note if it fails to."""
        try:
            return await reading()
        except BaseException as error:
            log.noted(self._operation(log, name, ended=_failed(error), error=error))
            raise

    def _operation(
        self,
        log: KeptLog,
        name: str,
        *,
        ended: Ended,
        rows: tuple[CheckpointRow, ...] = (),
        ends: bool = False,
        durable: bool = False,
        error: BaseException | None = None,
    ) -> Operation:
        return Operation(
            name,
            self._life.number,
            self._session,
            self._life.world.tick(),
            ended,
            rows,
            log.number,
            ends=ends,
            durable=durable,
            error="" if error is None else described(error),
        )

    async def _load_tail(self, workflow_id: str) -> Sequence[CheckpointRow]:
        self._life.require_alive(f"load_tail of run {workflow_id!r}")
        inner: Any = self._inner
        log = self._log(workflow_id)
        if not log.begun:
            # Of what was there before, the account has to know every row.
            await self.load_run(workflow_id)
        rows: Sequence[CheckpointRow] = await self._read(
            log, "load_tail", partial(inner.load_tail, workflow_id)
        )
        self._life.go_on()
        log.loaded_tail(self._life.number, rows)
        return rows

    async def _prune(self, older_than: datetime) -> int:
        self._life.require_alive("prune")
        inner: Any = self._inner
        try:
            forgotten: int = await inner.prune(older_than)
        finally:
            self._book.pruned(self._place)
        return forgotten

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name == "load_tail":
            # A capability that is found by attribute: there if the store has it.
            return self._load_tail
        if name == "prune":
            return self._prune
        if not callable(value) or name in CLOSING:
            return value
        return self._guarded(name, value)

    def _guarded(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._life.require_alive(f"{name} of {type(self._unbound).__name__}")
            return method(*args, **kwargs)

        return call

    def __enter__(self) -> Self:
        type(self._unbound).__enter__(self._unbound)  # type: ignore[attr-defined]
        return self

    def __exit__(self, *error: object) -> Any:
        return type(self._unbound).__exit__(  # type: ignore[attr-defined]
            self._unbound, *error
        )

    async def __aenter__(self) -> Self:
        await type(self._unbound).__aenter__(self._unbound)  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *error: object) -> Any:
        return await type(self._unbound).__aexit__(  # type: ignore[attr-defined]
            self._unbound, *error
        )

    def __repr__(self) -> str:
        return repr(self._inner)


class RememberingBoundStore(BoundStore):
    """The same for a store that remembers outcomes."""

    _inner: RemembersOutcomes

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """Append the last rows and replace the log by its outcome, in one step."""
        self._life.require_alive(f"finish of run {workflow_id!r} at {outcome.state}")
        log = self._log(workflow_id)
        finishing = partial(self._inner.finish, workflow_id, rows, outcome)
        doubt = Doubt(tuple(rows), outcome)
        if await self._wrote(log, "finish", finishing, doubt, ends=True):
            log.finished(rows, outcome)
        self._life.go_on()

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""
        self._life.require_alive(f"outcome of run {workflow_id!r}")
        log = self._log(workflow_id)
        asking = partial(self._inner.outcome, workflow_id)
        outcome = await self._read(log, "outcome", asking)
        self._life.go_on()
        log.told(self._life.number, outcome)
        return outcome


def may_lose(store: object) -> int:
    """Return how many of the newest rows of a log a store may lose in a crash.

    A store says so by an attribute of that name; one that has none may lose nothing.

    Raises:
        ConfigurationError: what it says is no number of rows.
    """
    rows = getattr(store, "may_lose", 0)
    if isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0:
        return rows
    raise ConfigurationError(
        f"{type(store).__name__}.may_lose is {rows!r}; it has to be the number of rows "
        "at the end of a log that a crash may take from it, and 0 if none is ever lost"
    )


def bound_store(store: CheckpointStore, life: Life) -> CheckpointStore:
    """Bind a store that a program uses directly to its life.

    It has all attributes of the store, refuses whatever a dead life asks of it
    (closing excepted), and knows what the program itself writes and clears.
    """
    kind = RememberingBoundStore if remembers_outcomes(store) else BoundStore
    return kind(store, life)


def unbound(store: CheckpointStore, life: Life) -> CheckpointStore:
    """Return the store itself, if it is bound to this very life."""
    if isinstance(store, BoundStore) and store._life is life:
        return store._unbound
    return store


def _failed(error: BaseException) -> Ended:
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"


def _listed(rows: Sequence[CheckpointRow]) -> str:
    return ", ".join(f"row {row.sequence} ({row.state})" for row in rows) or "no rows"
