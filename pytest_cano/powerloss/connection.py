"""A connection of apsw that is used, and that fails, as one of `sqlite3` is.

It has what the engine's store uses, and nothing else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Self, final

import apsw

from .vfs import NAME

_OPERATIONAL: Final = (
    apsw.SQLITE_ERROR,
    apsw.SQLITE_PERM,
    apsw.SQLITE_ABORT,
    apsw.SQLITE_BUSY,
    apsw.SQLITE_LOCKED,
    apsw.SQLITE_READONLY,
    apsw.SQLITE_INTERRUPT,
    apsw.SQLITE_IOERR,
    apsw.SQLITE_FULL,
    apsw.SQLITE_CANTOPEN,
    apsw.SQLITE_PROTOCOL,
    apsw.SQLITE_EMPTY,
    apsw.SQLITE_SCHEMA,
)
_KINDS: Final[dict[int, type[sqlite3.Error]]] = {
    **dict.fromkeys(_OPERATIONAL, sqlite3.OperationalError),
    apsw.SQLITE_INTERNAL: sqlite3.InternalError,
    apsw.SQLITE_NOTFOUND: sqlite3.InternalError,
    apsw.SQLITE_TOOBIG: sqlite3.DataError,
    apsw.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    apsw.SQLITE_MISMATCH: sqlite3.IntegrityError,
    apsw.SQLITE_MISUSE: sqlite3.InterfaceError,
    apsw.SQLITE_RANGE: sqlite3.InterfaceError,
}
"""As the table in CPython's ``_sqlite/util.c``; whatever else is a `DatabaseError`."""


@final
class Cursor:
    """What a statement gives."""

    def __init__(self, cursor: apsw.Cursor, changes: int) -> None:
        self._cursor = cursor
        self.rowcount = changes

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None."""
        return next(self, None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Any, ...]:
        with _translated():
            row: tuple[Any, ...] = next(self._cursor)
        return row


@final
class Connection:
    """A connection in autocommit mode whose files are recorded."""

    def __init__(self, path: str) -> None:
        with _translated():
            self._connection = apsw.Connection(path, vfs=NAME)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is under way."""
        return self._connection.in_transaction

    def execute(self, statement: str, values: Any = None) -> Cursor:
        """Do one statement."""
        with _translated():
            cursor = self._connection.execute(statement, values)
        return Cursor(cursor, self._connection.changes())

    def executemany(self, statement: str, values: Any) -> Cursor:
        """Do one statement with one set of values after another."""
        with _translated():
            cursor = self._connection.executemany(statement, values)
        return Cursor(cursor, self._connection.changes())

    def close(self) -> None:
        """Close it."""
        with _translated():
            self._connection.close(True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        _raise(error)
    except TypeError as error:
        raise sqlite3.ProgrammingError(str(error)) from error
    except UnicodeDecodeError as error:
        # As sqlite3 has it, without a code: SQLite itself did not mind.
        raise sqlite3.OperationalError(f"Could not decode to UTF-8: {error}") from error


def _raise(error: apsw.Error) -> NoReturn:
    code = getattr(error, "extendedresult", apsw.SQLITE_MISUSE)
    kind = _KINDS.get(code & 0xFF, sqlite3.DatabaseError)
    translated = kind(str(error))
    translated.sqlite_errorcode = code
    translated.sqlite_errorname = _name(code)
    raise translated from error


def _name(code: int) -> str:
    names = (apsw.mapping_extended_result_codes, apsw.mapping_result_codes)
    return str(next((table[code] for table in names if code in table), code))
