"""What a checkpoint file holds, and the statements that read and change it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from types import NoneType
from typing import Any, NoReturn, final

from ..errors import CheckpointStoreError, RunConflictError
from ._sqlite_connection import Connection
from .row import CheckpointRow, Outcome, OutcomeStatus, RowKind

SCHEMA = (
    # Each check is what STRICT tables (SQLite 3.37) would do: a value of another type
    # is refused when it is written, instead of found when a crashed run needs it.
    # One b-tree instead of two: an append then writes half the pages. Payloads that
    # do not fit into a page go to overflow pages either way.
    """
    CREATE TABLE log (
        workflow_id TEXT NOT NULL CHECK (typeof(workflow_id) = 'text'),
        sequence INTEGER NOT NULL CHECK (typeof(sequence) = 'integer'),
        kind INTEGER NOT NULL CHECK (typeof(kind) = 'integer'),
        state TEXT NOT NULL CHECK (typeof(state) = 'text'),
        task TEXT NOT NULL CHECK (typeof(task) = 'text'),
        version INTEGER NOT NULL CHECK (typeof(version) = 'integer'),
        payload BLOB CHECK (typeof(payload) IN ('blob', 'null')),
        PRIMARY KEY (workflow_id, sequence)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE outcome (
        workflow_id TEXT NOT NULL CHECK (typeof(workflow_id) = 'text'),
        status TEXT NOT NULL CHECK (typeof(status) = 'text'),
        state TEXT NOT NULL CHECK (typeof(state) = 'text'),
        version INTEGER NOT NULL CHECK (typeof(version) = 'integer'),
        payload BLOB CHECK (typeof(payload) IN ('blob', 'null')),
        ended REAL NOT NULL,
        PRIMARY KEY (workflow_id)
    ) WITHOUT ROWID
    """,
)

INDEXES = (
    # Each row is in one of them, so that an append writes one page more. They give
    # the tail of a log without reading all of it, see `load_tail`.
    """
    CREATE INDEX log_cursors ON log (workflow_id, task, sequence) WHERE kind = 2
    """,
    """
    CREATE INDEX log_others ON log (workflow_id, sequence) WHERE kind <> 2
    """,
)

_INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)"
_END_OF_LOG = """
    SELECT (SELECT max(sequence) + 1 FROM log WHERE workflow_id = ?),
    EXISTS (SELECT 1 FROM outcome WHERE workflow_id = ?)
"""
_ROWS = """
    SELECT sequence, state, task, kind, payload, version FROM log
    WHERE workflow_id = :run ORDER BY sequence
"""
# The last cursor of each task: from task to task, without looking at the cursors in
# between, which SQLite does not do by itself.
_TAIL = """
    WITH RECURSIVE tasks (task) AS (
        SELECT (
            SELECT min(task) FROM log INDEXED BY log_cursors
            WHERE workflow_id = :run AND kind = 2
        )
        UNION ALL
        SELECT (
            SELECT min(task) FROM log INDEXED BY log_cursors
            WHERE workflow_id = :run AND kind = 2 AND task > tasks.task
        )
        FROM tasks WHERE task IS NOT NULL
    ),
    last (sequence) AS (
        SELECT (
            SELECT max(sequence) FROM log INDEXED BY log_cursors
            WHERE workflow_id = :run AND kind = 2 AND task = tasks.task
        )
        FROM tasks WHERE task IS NOT NULL
    )
    SELECT sequence, state, task, kind, payload, version
    FROM log INDEXED BY log_others WHERE workflow_id = :run AND kind <> 2
    UNION ALL
    SELECT log.sequence, state, task, kind, payload, version
    FROM last CROSS JOIN log
    WHERE workflow_id = :run AND log.sequence = last.sequence
    ORDER BY sequence
"""
_OUTCOME = "SELECT status, state, payload, version FROM outcome WHERE workflow_id = ?"
_RUNS = "SELECT workflow_id FROM log UNION SELECT workflow_id FROM outcome ORDER BY 1"

_REMEMBERED_ENDS = 10_000


@final
class Log:
    """The calls of the store contract, on a connection in autocommit mode.

    Whatever changes something belongs between `begin` and `commit`. A call raises
    `RunConflictError` only before it has changed anything, so one that is refused
    leaves the others of its transaction be.

    Attributes:
        pace: seconds that recent commits took; quick to rise and slow to fall, 0
            before the first.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._execute = connection.execute
        self.pace = 0.0
        # Where logs end, which saves most appends a query; right for as long as no
        # other connection has committed, which SQLite numbers for us.
        self._ends: dict[str, int] = {}
        self._version = 0
        self._unsent: list[tuple[object, ...]] = []

    def begin(self) -> None:
        """Begin a transaction that may write; raise at once if another one has."""
        self._execute("BEGIN IMMEDIATE")
        (version,) = self._execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._ends) > _REMEMBERED_ENDS:
            self._ends.clear()
            self._version = version

    def flush(self) -> None:
        """Send the rows that were appended so far to SQLite, all at once."""
        if self._unsent:
            self._connection.executemany(_INSERT, self._unsent)
            self._unsent.clear()

    def commit(self) -> None:
        """Make the transaction, which was flushed, durable."""
        began = time.perf_counter()
        self._execute("COMMIT")
        took = time.perf_counter() - began
        self.pace = max(took, (self.pace + took) / 2)

    def roll_back(self) -> None:
        """Undo the transaction, if SQLite has not done so itself."""
        self._ends.clear()
        self._unsent.clear()
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def append(self, workflow_id: str, rows: Sequence[CheckpointRow]) -> None:
        """Add rows (at least one) to the end of a log."""
        self._ends[workflow_id] = self._end_after(workflow_id, rows)
        for row in rows:
            self._unsent.append(
                (
                    workflow_id,
                    row.sequence,
                    row.kind,
                    row.state,
                    row.task,
                    row.version,
                    row.payload,
                )
            )

    def load_run(self, workflow_id: str) -> list[CheckpointRow]:
        """Return every row of a log, ascending."""
        return self._rows(_ROWS, workflow_id)

    def load_tail(self, workflow_id: str) -> list[CheckpointRow]:
        """Return a log without cursors that later ones make superfluous."""
        return self._rows(_TAIL, workflow_id)

    def _rows(self, query: str, workflow_id: str) -> list[CheckpointRow]:
        rows: list[CheckpointRow] = []
        try:
            for values in self._execute(query, {"run": workflow_id}):
                if not _are(values, _ROW_TYPES):
                    raise CheckpointStoreError(_DAMAGED)
                sequence, state, task, kind, payload, version = values
                if kind not in _KINDS:
                    raise CheckpointStoreError(
                        f"a row of kind {kind}, which this version does not know; "
                        "use the version that wrote it"
                    )
                kind = _KINDS[kind]
                rows.append(
                    CheckpointRow(sequence, state, task, kind, payload, version)
                )
        except (sqlite3.DatabaseError, CheckpointStoreError) as error:
            position = rows[-1].sequence + 1 if rows else 0
            _raise_unreadable(f"run {workflow_id!r}, row {position}", error)
        return rows

    def clear(self, workflow_id: str) -> None:
        """Forget this run's rows and outcome."""
        self._forget(workflow_id)
        self._execute("DELETE FROM outcome WHERE workflow_id = ?", (workflow_id,))

    def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """Replace a log, which those rows must continue, by its outcome."""
        if not self._end_after(workflow_id, rows):
            raise RunConflictError(workflow_id, 0)
        self._forget(workflow_id)
        self._execute(
            "INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?)",
            (
                workflow_id,
                outcome.status.value,
                outcome.state,
                outcome.version,
                outcome.payload,
                time.time(),
            ),
        )

    def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None."""
        try:
            values = self._execute(_OUTCOME, (workflow_id,)).fetchone()
            if values is None:
                return None
            if not _are(values, _OUTCOME_TYPES):
                raise CheckpointStoreError(_DAMAGED)
            status, state, payload, version = values
            if status not in _STATUSES:
                raise CheckpointStoreError(
                    f"status {status!r}, which this version does not know; use the "
                    "version that wrote it"
                )
        except (sqlite3.DatabaseError, CheckpointStoreError) as error:
            _raise_unreadable(f"run {workflow_id!r}, outcome", error)
        return Outcome(_STATUSES[status], state, payload, version)

    def list_runs(self) -> list[str]:
        """Return the id of every run that has rows or an outcome, sorted."""
        return [workflow_id for (workflow_id,) in self._execute(_RUNS)]

    def prune(self, moment: float) -> int:
        """Forget every outcome older than that moment (seconds since the epoch)."""
        return self._execute("DELETE FROM outcome WHERE ended < ?", (moment,)).rowcount

    def _end_after(self, workflow_id: str, rows: Sequence[CheckpointRow]) -> int:
        """Return where a log ends once those rows have been added to it."""
        end = self._ends.get(workflow_id)
        if end is None:
            found = self._execute(_END_OF_LOG, (workflow_id, workflow_id)).fetchone()
            end, has_outcome = found[0] or 0, found[1]
            if has_outcome:
                raise RunConflictError(workflow_id, rows[0].sequence if rows else 0)
        for row in rows:
            if row.sequence != end:
                raise RunConflictError(workflow_id, row.sequence)
            end += 1
        return end

    def _forget(self, workflow_id: str) -> None:
        self._ends.pop(workflow_id, None)
        self.flush()
        self._execute("DELETE FROM log WHERE workflow_id = ?", (workflow_id,))


def _are(values: Sequence[object], types: Sequence[Any]) -> bool:
    return all(
        isinstance(value, type_) for value, type_ in zip(values, types, strict=True)
    )


def _raise_unreadable(
    where: str, error: sqlite3.DatabaseError | CheckpointStoreError
) -> NoReturn:
    if isinstance(error, CheckpointStoreError):
        raise CheckpointStoreError(f"{where}: {error}") from None
    # Text that is no UTF-8 comes without a code: SQLite itself did not mind it.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code & 0xFF != sqlite3.SQLITE_CORRUPT:
        raise error
    raise CheckpointStoreError(f"{where}: {_DAMAGED} ({error})") from error


_KINDS = {int(kind): kind for kind in RowKind}
_STATUSES = {status.value: status for status in OutcomeStatus}
_ROW_TYPES = (int, str, str, int, (bytes, NoneType), int)
_OUTCOME_TYPES = (str, str, (bytes, NoneType), int)
_DAMAGED = (
    "unreadable, because the file is damaged there; restore it from a copy, or give "
    "this run up with clear()"
)
