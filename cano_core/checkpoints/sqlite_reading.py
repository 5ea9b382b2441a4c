"""Looking into a checkpoint file without changing a byte of it, or beside it.

The file may be in use: what is read is the state of one moment. Meanwhile other
programs go on; only their write-ahead log grows a little longer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TypeVar, final

from ..errors import CheckpointStoreError
from . import _sqlite_opened
from ._sqlite_file import check_path, explain, refuse_foreign
from ._sqlite_log import Log
from .row import CheckpointRow, Outcome
from .sqlite_readonly import DatabaseChangedError, ReadOnlyDatabase

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
            self._database = self._open.enter_context(ReadOnlyDatabase(self._path))
        except BaseException as error:
            self._open.close()
            if isinstance(error, sqlite3.Error):
                raise explain(error, self._path, "opening it") from error
            raise
        self._log = Log(self._database.connection)
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
        problem: Exception | None = None
        try:
            result = call(*args)
        except (sqlite3.Error, CheckpointStoreError) as error:
            problem = error
        try:
            self._database.require_in_place()
        except DatabaseChangedError as changed:
            raise CheckpointStoreError(f"{self._path}: {changed}") from problem
        if problem is not None:
            raise explain(problem, self._path, subject) from problem
        return result
