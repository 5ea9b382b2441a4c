"""The contract between the engine and whatever keeps its logs.

A store needs three methods (`CheckpointStore`). A store that also has the methods
of `RemembersOutcomes`, `ListsRuns` or `ReadsTail` is used better; the engine finds
them by attribute, so a wrapper that passes attributes on keeps them.

`pytest_cano.contract.CheckpointStoreContract` checks every line of this on a store
of your own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeGuard, runtime_checkable

from .row import CheckpointRow, Outcome


@runtime_checkable
class CheckpointStore(Protocol):
    """An append-only log for each run, named by its workflow id.

    Every method may raise `cano_core.CheckpointStoreError`. Calls may come
    concurrently, for one id or for many, from one event loop after another.
    """

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows to the end of a log, all or none, durable when this returns.

        The first row's sequence must be the number of rows in the log, and the
        others must follow it without a gap.

        Raises:
            cano_core.RunConflictError: the rows do not continue the log, or the run
                has an outcome. Nothing was written.
        """

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return every row of a log, ascending; nothing for an unknown id."""

    async def clear(self, workflow_id: str) -> None:
        """Forget this run's rows and outcome, and nothing else.

        An unknown id is fine. Afterwards the id is free for a fresh run.
        """


class RemembersOutcomes(CheckpointStore, Protocol):
    """A store that can tell a finished run from one that never started."""

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """Append the last rows and replace the log by its outcome, in one step.

        The rows obey the rule of `append`; without rows, there must be a log. From
        then on `append` and `finish` for this id raise `RunConflictError`, until
        `clear`.

        Raises:
            cano_core.RunConflictError: as for `append`. Nothing was written.
        """

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""


class ListsRuns(RemembersOutcomes, Protocol):
    """A store that can look over all its runs."""

    async def list_runs(self) -> Sequence[str]:
        """Return the id of every run that has rows or an outcome, sorted."""

    async def prune(self, older_than: datetime) -> int:
        """Forget every outcome recorded before that moment (an aware datetime).

        Logs without an outcome are never touched. Returns how many were forgotten.

        Raises:
            cano_core.ConfigurationError: the datetime is naive.
        """


class ReadsTail(CheckpointStore, Protocol):
    """A store that can read what a resumed run needs of a log, however long it is."""

    async def load_tail(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return a log, ascending, without cursors that later ones make superfluous.

        A row of the kind ``STEP_CURSOR`` may be left out if there is a later one with
        the same ``task``. Every other row is needed. Nothing for an unknown id.
        """


def remembers_outcomes(store: object) -> TypeGuard[RemembersOutcomes]:
    """Tell whether a store has the `finish` and `outcome` capability."""
    return callable(getattr(store, "finish", None)) and callable(
        getattr(store, "outcome", None)
    )


def reads_tail(store: object) -> TypeGuard[ReadsTail]:
    """Tell whether a store has the `load_tail` capability."""
    return callable(getattr(store, "load_tail", None))
