"""Opening a SQLite database so that neither it nor anything beside it changes.

The database may be in use. SQLite's own read-only mode is not enough for that: of a
database with a write-ahead log it would still make, or write, the index beside it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, final


@final
class ReadOnlyDatabase:
    """A database, read as of one moment.

        with ReadOnlyDatabase("orders.db") as database:
            database.execute("SELECT count(*) FROM orders").fetchone()

    Args:
        path: the file.

    Attributes:
        execute: of its connection.

    Raises:
        sqlite3.Error: when entered: it can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self._open = ExitStack()
        self._before: tuple[int, ...] | None = None

    def __enter__(self) -> Self:
        try:
            self.connection = self._connected()
            self._open.callback(self.connection.close)
            self.execute = self.connection.execute
            self.execute("BEGIN")
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def require_in_place(self) -> None:
        """Make sure that what has been read was all of one moment.

        Raises:
            DatabaseChangedError: it may not have been.
        """
        if self._before is not None and self._before != self._state():
            raise DatabaseChangedError(
                "another program has opened the file while it was read; read it once "
                "more"
            )

    def _connected(self) -> sqlite3.Connection:
        # Which of these it is must be told without a look into the file: a process
        # that closes a file loses its locks on it, whoever took them.
        path = self._path
        if os.path.exists(path + "-shm") and os.path.exists(path + "-wal"):
            # Whoever has it open keeps an index, and SQLite can do without writing it.
            return _connect(path, "mode=ro&readonly_shm=1")
        if _size(path + "-wal"):
            # Nobody has it open, and SQLite would make an index: not here.
            place = self._open.enter_context(
                tempfile.TemporaryDirectory(prefix="cano-read-")
            )
            copied = os.path.join(place, "copy.db")
            shutil.copyfile(path, copied)
            shutil.copyfile(path + "-wal", copied + "-wal")
            return _connect(copied, "mode=rw")
        if _size(path + "-journal"):
            # There is no write-ahead log, so no file is made for a lock.
            return _connect(path, "mode=ro")
        # All is in the file, and nobody is writing; if that lasts, no lock is needed.
        self._before = self._state()
        return _connect(path, "mode=ro&immutable=1")

    def _state(self) -> tuple[int, ...]:
        status = os.stat(self._path)
        log = os.path.exists(self._path + "-wal")
        return (status.st_ino, status.st_size, status.st_mtime_ns, log)


class DatabaseChangedError(Exception):
    """A database was written to while it was read without a lock."""


def _connect(path: str, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{Path(path).as_uri()}?{how}", uri=True, isolation_level=None
    )


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0
