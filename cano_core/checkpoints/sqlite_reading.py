"""Looking into a checkpoint file without changing a byte of it, or beside it.

The file may be in use: what is read is the state of one moment. Meanwhile other
programs go on; only their write-ahead log grows a little longer.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, final

from ..errors import CheckpointStoreError
from . import _sqlite_opened
from ._sqlite_file import check_path, explain, refuse_foreign
from ._sqlite_log import Log
from .row import CheckpointRow, Outcome

T = TypeVar("T")


@final
class SQLiteCheckpointReader:
    """The logs and outcomes in a file of `SQLiteCheckpointStore`, read-only.

        with SQLiteCheckpointReader("runs.db") as reader:
            for workflow_id in reader.list_runs():
                print(workflow_id, reader.load_run(workflow_id))

    Args:
        path: the file.

    Raises:
        CheckpointStoreError: it can't be read, and why. From every call: what it is
            asked for is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self._open = ExitStack()
        self._read_as_it_was: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        check_path(self._path)
        if not os.path.exists(self._path):
            raise CheckpointStoreError(f"{self._path}: there is no such file")
        if not os.path.getsize(self._path):
            raise CheckpointStoreError(
                f"{self._path}: the file is empty: no run has been written to it"
            )
        place = _sqlite_opened.enter(self._path, lambda: refuse_foreign(self._path))
        self._open.callback(_sqlite_opened.leave, place)
        try:
            self._log = Log(self._connected())
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

    def list_runs(self) -> Sequence[str]:
        """Return the id of every run that has rows or an outcome, sorted."""
        return self._call("the list of its runs", self._log.list_runs)

    def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return every row of a log, ascending; nothing for an unknown id."""
        return self._call(f"run {workflow_id!r}", self._log.load_run, workflow_id)

    def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""
        return self._call(f"run {workflow_id!r}", self._log.outcome, workflow_id)

    def _call(self, subject: str, call: Callable[..., T], *args: str) -> T:
        try:
            result = call(*args)
        except (sqlite3.Error, CheckpointStoreError) as error:
            self._read_as_it_was()
            raise explain(error, self._path, subject) from error
        self._read_as_it_was()
        return result

    def _connected(self) -> sqlite3.Connection:
        path, index = self._path, self._path + "-shm"
        if os.path.exists(index):
            # Whoever has the file open keeps its index; SQLite reads both beside it.
            return self._connect(path, "mode=ro&readonly_shm=1")
        if _size(path + "-wal"):
            # Nobody has it open. SQLite would make an index beside it, so not here.
            place = self._open.enter_context(
                tempfile.TemporaryDirectory(prefix="cano-read-")
            )
            copied = os.path.join(place, os.path.basename(path))
            shutil.copyfile(path, copied)
            shutil.copyfile(path + "-wal", copied + "-wal")
            return self._connect(copied, "mode=rw")
        # All is in the file, and nobody has it open: SQLite need not even lock it.
        before = _state(path)

        def in_place() -> None:
            if _state(path) != before or os.path.exists(index):
                raise CheckpointStoreError(
                    f"{path}: another program has opened the file while it was read; "
                    "read it once more"
                )

        self._read_as_it_was = in_place
        return self._connect(path, "mode=ro&immutable=1")

    def _connect(self, path: str, how: str) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"{Path(path).as_uri()}?{how}", uri=True, isolation_level=None
            )
            self._open.callback(connection.close)
            connection.execute("BEGIN")
        except sqlite3.Error as error:
            raise explain(error, self._path, "opening it") from error
        return connection


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def _state(path: str) -> tuple[int, int, int]:
    status = os.stat(path)
    return (status.st_ino, status.st_size, status.st_mtime_ns)
