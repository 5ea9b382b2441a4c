"""One open checkpoint file: whose it is, how it is opened, what its errors mean.

A file that is not ours is found out before SQLite touches it, by the header that
every SQLite database begins with: looking at a file must not change it.
"""

from __future__ import annotations

import os
import sqlite3
import time

from ..errors import CanoError, CheckpointStoreError, ConfigurationError
from . import _sqlite_opened
from ._sqlite_connection import connect
from ._sqlite_log import INDEXES, SCHEMA, Log

APPLICATION_ID = 0x63616E6F  # "cano"
SCHEMA_VERSION = 1

_MAGIC = b"SQLite format 3\0"
_HEADER_SIZE = 100
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_JOURNAL_SIZE = slice(16, 20)  # the pages that the file had before
_USER_VERSION = slice(60, 64)
_APPLICATION_ID = slice(68, 72)

_MEANINGS = {
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it, or copy what is left "
    "with the .recover command of the sqlite3 program",
    sqlite3.SQLITE_NOTADB: "the file is damaged or not a SQLite database",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; it and its directory must "
    "be writable",
    sqlite3.SQLITE_FULL: "there is no space left for it",
    sqlite3.SQLITE_IOERR: "the disk has failed",
    sqlite3.SQLITE_TOOBIG: "a payload is larger than SQLite can store",
}


class CheckpointFile:
    """A checkpoint file that is ours, open; made on the spot if need be.

    Attributes:
        log: what it holds.
        seen: when the path was last known to lead to it (`time.monotonic`).
    """

    def __init__(self, path: str, *, sync: bool) -> None:
        self._path = path
        check_path(path)
        self._place = _sqlite_opened.enter(path, lambda: refuse_foreign(path))
        try:
            self._connection = connect(path)
        except BaseException:
            _sqlite_opened.leave(self._place)
            raise
        try:
            self._set_up(sync=sync)
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error) and not is_busy(error):
                raise explain(error, path, "opening it") from error
            raise

    def _set_up(self, *, sync: bool) -> None:
        execute = self._connection.execute
        execute(f"PRAGMA synchronous = {'FULL' if sync else 'OFF'}")
        # Elsewhere than on macOS a no-op; there, without it, fsync is not durable.
        execute("PRAGMA fullfsync = ON")
        execute("BEGIN")
        ours = self._is_ours()
        indexed = ours and self._has_indexes()
        execute("COMMIT")
        if not ours:
            # Made before the file is switched to WAL, so that its header says whose
            # it is from its first moment, whatever is still in the WAL.
            execute("BEGIN IMMEDIATE")
            if not self._is_ours():
                self._create()
            execute("COMMIT")
        elif not indexed:
            # Made by an earlier release, which can still use it afterwards.
            execute("BEGIN IMMEDIATE")
            if not self._has_indexes():
                for statement in INDEXES:
                    execute(statement)
            execute("COMMIT")
        (mode,) = execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise CheckpointStoreError(
                f"{self._path}: no write-ahead log can be kept here (journal mode "
                f"{mode!r}); if this is a network file system, use a local one"
            )
        self.log = Log(self._connection)
        status = os.stat(self._path)
        self._identity = (status.st_dev, status.st_ino)
        self.seen = time.monotonic()

    def _is_ours(self) -> bool:
        execute = self._connection.execute
        (application_id,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id == version == tables == 0:
            return False
        _require_ours(self._path, application_id, version)
        return True

    def _has_indexes(self) -> bool:
        (indexes,) = self._connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
        ).fetchone()
        return bool(indexes)

    def _create(self) -> None:
        for statement in (*SCHEMA, *INDEXES):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def require_in_place(self) -> None:
        """Make sure that the path still leads to the file that is open.

        SQLite would go on writing to a removed file, and every row would be lost.
        """
        try:
            status = os.stat(self._path)
        except OSError as error:
            found = error.strerror
        else:
            if (status.st_dev, status.st_ino) == self._identity:
                self.seen = time.monotonic()
                return
            found = "another file has taken its place"
        raise CheckpointStoreError(
            f"{self._path}: the file was removed or replaced while it was open "
            f"({found}); nothing was written, the next call opens what is there then"
        )

    def close(self) -> None:
        """Close the connection; the last one tidies the WAL up."""
        self._connection.close()
        _sqlite_opened.leave(self._place)


def check_path(path: str) -> None:
    """Say at once what is wrong with a path, as far as it can be seen from outside."""
    if "\0" in path or path in ("", ":memory:"):
        raise ConfigurationError(
            f"{path!r} is not the path of a file; a store without one is "
            "MemoryCheckpointStore()"
        )
    if os.path.isdir(path):
        raise CheckpointStoreError(f"{path}: this is a directory, a file is needed")
    if os.path.exists(path) and not os.path.isfile(path):
        raise CheckpointStoreError(f"{path}: this is not a regular file")
    parent = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(parent):
        raise CheckpointStoreError(
            f"{path}: its directory {parent} does not exist; create it first"
        )


def is_busy(error: Exception) -> bool:
    """Tell whether waiting helps: another connection holds a lock at the moment."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)


def explain(error: Exception, path: str, subject: str) -> CanoError:
    """Return the error to raise for whatever went wrong with one call.

    Args:
        error: what SQLite, or the reading of a row, has raised.
        path: the file.
        subject: whose call it was: the run.
    """
    # Its frames hold the connection and the calls of others.
    error.with_traceback(None)
    explained: CanoError
    if isinstance(error, CheckpointStoreError):
        return CheckpointStoreError(f"{path}: {error}")
    if isinstance(error, UnicodeEncodeError):
        explained = ConfigurationError(
            f"{subject}: {error.object!r} has lone surrogates, which are no text that "
            "can be stored"
        )
    elif isinstance(
        error, OverflowError | sqlite3.IntegrityError | sqlite3.ProgrammingError
    ):
        explained = ConfigurationError(
            f"{subject}: a value is not of the type that rows and outcomes have, or "
            f"out of range ({error}); nothing was stored"
        )
    else:
        meaning = _MEANINGS.get(_code(error), "the store has failed")
        explained = CheckpointStoreError(f"{path}: {subject}: {meaning} ({error})")
    explained.__cause__ = error
    return explained


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF  # the primary code, without what the extended one adds


def refuse_foreign(path: str) -> None:
    """Raise unless a file is ours, or not written yet; without touching it."""
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_SIZE)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CheckpointStoreError(
            f"{path}: the file cannot be opened ({error.strerror}); it and its "
            "directory must be readable and writable"
        ) from error
    if not header:
        if os.path.exists(path + "-wal") and os.path.getsize(path + "-wal"):
            raise CheckpointStoreError(
                f"{path}: the file is empty, but there is a write-ahead log beside it: "
                "it was truncated; restore it, or remove both to begin anew"
            )
        return
    if len(header) < _HEADER_SIZE or not header.startswith(_MAGIC):
        if _was_never_made(path):
            return
        raise CheckpointStoreError(
            f"{path}: this is not a SQLite database, or a damaged one; it was left as "
            "it is"
        )
    _require_ours(
        path,
        int.from_bytes(header[_APPLICATION_ID], signed=True),
        int.from_bytes(header[_USER_VERSION], signed=True),
    )


def _was_never_made(path: str) -> bool:
    """Tell whether the power failed while a file was being made.

    Whatever is in it then, SQLite empties it by the journal that is beside it.
    """
    try:
        with open(path + "-journal", "rb") as file:
            header = file.read(_JOURNAL_SIZE.stop)
    except OSError:
        return False
    size_before = header[_JOURNAL_SIZE]
    return header.startswith(_JOURNAL_MAGIC) and size_before == bytes(4)


def _require_ours(path: str, application_id: int, version: int) -> None:
    if application_id != APPLICATION_ID:
        raise CheckpointStoreError(
            f"{path}: this database belongs to another program (its application id is "
            f"{application_id}, ours is {APPLICATION_ID}); it was left as it is, "
            "choose another path"
        )
    if version != SCHEMA_VERSION:
        raise CheckpointStoreError(
            f"{path}: the file has schema version {version}, this release knows "
            f"{SCHEMA_VERSION}; use the release that wrote it"
        )
