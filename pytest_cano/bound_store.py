"""A store bound to one life, and to what it must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from cano_core.checkpoints.row import CheckpointRow, Outcome
from cano_core.checkpoints.store import (
    CheckpointStore,
    RemembersOutcomes,
    remembers_outcomes,
)
from cano_core.errors import RunConflictError

from .kept_log import Doubt, KeptLog
from .life import Life

CLOSING = frozenset({"close", "aclose"})
"""What may be asked of a store after death: a killed process closes its files too."""


class BoundStore:
    """Passes everything on to a store while its life lasts.

    What a dead life asks is refused and noted, closing excepted; an operation that
    was under way at death is not taken back, but its caller learns nothing of it.
    Whatever is written, cleared or read back is kept account of.
    """

    def __init__(self, inner: CheckpointStore, life: Life) -> None:
        self._inner = inner
        self._life = life
        self._book = life.world.book
        self._place = self._book.place(inner)

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows to the end of a log, all or none."""
        self._life.require_alive(f"append to run {workflow_id!r} of {_listed(rows)}")
        log = self._log(workflow_id)
        try:
            await self._inner.append(workflow_id, *rows)
        except RunConflictError:
            raise
        except BaseException:
            log.doubted(Doubt(rows))
            raise
        log.appended(rows)
        self._life.go_on()

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return every row of a log, ascending; nothing for an unknown id."""
        self._life.require_alive(f"load_run of run {workflow_id!r}")
        rows = await self._inner.load_run(workflow_id)
        self._life.go_on()
        self._log(workflow_id).loaded(self._life.number, rows)
        return rows

    async def clear(self, workflow_id: str) -> None:
        """Forget this run's rows and outcome."""
        await self._clear(workflow_id, at_exit=False)
        self._life.go_on()

    async def _clear(self, workflow_id: str, *, at_exit: bool) -> None:
        self._life.require_alive(f"clear of run {workflow_id!r}")
        log = self._log(workflow_id)
        try:
            await self._inner.clear(workflow_id)
        except BaseException:
            log.doubted(Doubt(clears=True))
            raise
        log.cleared(at_exit=at_exit)

    def _log(self, workflow_id: str) -> KeptLog:
        return self._book.log(workflow_id, self._place)

    async def _load_tail(self, workflow_id: str) -> Sequence[CheckpointRow]:
        self._life.require_alive(f"load_tail of run {workflow_id!r}")
        inner: Any = self._inner
        log = self._log(workflow_id)
        if not log.begun:
            # Of what was there before, the account has to know every row.
            await self.load_run(workflow_id)
        rows: Sequence[CheckpointRow] = await inner.load_tail(workflow_id)
        self._life.go_on()
        log.loaded_tail(self._life.number, rows)
        return rows

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name == "load_tail":
            # A capability that is found by attribute: there if the store has it.
            return self._load_tail
        if not callable(value) or name in CLOSING:
            return value
        return self._guarded(name, value)

    def _guarded(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._life.require_alive(f"{name} of {type(self._inner).__name__}")
            return method(*args, **kwargs)

        return call

    def __enter__(self) -> Self:
        type(self._inner).__enter__(self._inner)  # type: ignore[attr-defined]
        return self

    def __exit__(self, *error: object) -> Any:
        return type(self._inner).__exit__(  # type: ignore[attr-defined]
            self._inner, *error
        )

    async def __aenter__(self) -> Self:
        await type(self._inner).__aenter__(self._inner)  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *error: object) -> Any:
        return await type(self._inner).__aexit__(  # type: ignore[attr-defined]
            self._inner, *error
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
        try:
            await self._inner.finish(workflow_id, rows, outcome)
        except RunConflictError:
            raise
        except BaseException:
            log.doubted(Doubt(tuple(rows), outcome))
            raise
        log.finished(rows, outcome)
        self._life.go_on()

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""
        self._life.require_alive(f"outcome of run {workflow_id!r}")
        outcome = await self._inner.outcome(workflow_id)
        self._life.go_on()
        self._log(workflow_id).told(outcome)
        return outcome


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
        return store._inner
    return store


def _listed(rows: Sequence[CheckpointRow]) -> str:
    return ", ".join(f"row {row.sequence} ({row.state})" for row in rows) or "no rows"
