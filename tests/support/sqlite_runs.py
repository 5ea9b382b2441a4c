"""Rows for the tests of the SQLite store, and files that hold some."""

import contextlib
import sqlite3
from pathlib import Path

from cano_core import (
    CheckpointRow,
    Outcome,
    OutcomeStatus,
    RowKind,
    SQLiteCheckpointStore,
)

FINISHED = Outcome(OutcomeStatus.FINISHED, "Done", b"data", 3)
NAMES = [f"run-{number:02}" for number in range(40)]


def entry(sequence: int, payload: bytes | None = None) -> CheckpointRow:
    return CheckpointRow(sequence, "State", "task", RowKind.STATE_ENTRY, payload)


async def fill(path: Path) -> None:
    """Make a file of forty runs of three rows, over many pages, and of an outcome."""
    async with SQLiteCheckpointStore(path) as store:
        for name in NAMES:
            payload = f"<{name}>".encode() * 500
            await store.append(name, *(entry(n, payload) for n in range(3)))
        await store.finish("done", [entry(0)], FINISHED)


def execute(path: Path, *statements: str) -> None:
    """Change a file behind the store's back."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
