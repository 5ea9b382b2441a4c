"""A store in one SQLite file: the embedded default.

Durable (WAL, ``synchronous=FULL``), safe for several processes on one file of a
local disk, and fast where many runs share it: appends that wait at the same time
share one commit. Nothing here knows SQL or threads; see the modules beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import threading
import weakref
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import ConfigurationError
from ._sqlite_file import check_path
from ._sqlite_log import Log
from ._sqlite_request import Request
from ._sqlite_writer import Writer

if TYPE_CHECKING:
    from .row import CheckpointRow, Outcome

_LIGHT = 16_384
"""Bytes up to which a payload does not make a commit noticeably longer."""


class SQLiteCheckpointStore:
    """Keeps logs and outcomes in one file; the whole contract.

        store = SQLiteCheckpointStore("runs.db")

    The file is made and opened by the first call. `close` it, or use it in a ``with``
    or ``async with`` block; a store that is left open does not keep its process alive
    and is closed when that ends. One store may serve several event loops, one after
    another and at once, and goes on in a forked child.

    A cancelled write ends before its caller is told of the cancellation.

    Args:
        path: the file, on a local file system.
        busy_timeout: seconds to wait while another program holds the file's lock.
        sync: False commits without waiting for the disk. What was appended still
            survives the death of the process, but not a power cut: enough for most
            tests, and many times faster.

    Raises:
        CheckpointStoreError: the path is a directory, or its directory is missing.
            From every call: the file cannot be used, and why.
        ConfigurationError: the path or the timeout makes no sense. From every call:
            a value cannot be stored.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout: float = 30.0,
        sync: bool = True,
    ) -> None:
        text = os.fspath(path)
        check_path(text)
        wait: Any = busy_timeout
        if not (isinstance(wait, int | float) and 0 <= wait < math.inf):
            raise ConfigurationError(
                f"busy_timeout={busy_timeout!r}: a number of seconds is needed, 0 for "
                "not waiting at all"
            )
        # Absolute, because the file is opened later, maybe in another directory.
        self._path = os.path.abspath(text)
        self._writer = Writer(self._path, busy_timeout, sync=sync)
        weakref.finalize(self, self._writer.abandon).atexit = False

    def __repr__(self) -> str:
        return f"SQLiteCheckpointStore({self._path!r})"

    @property
    def path(self) -> str:
        """The file, as an absolute path."""
        return self._path

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows to the end of a log, all or none, durable when this returns.

        Raises:
            RunConflictError: the rows do not continue the log, or the run has an
                outcome. Nothing was written.
        """
        if rows:
            request = Request(Log.append, workflow_id, rows, workflow_id=workflow_id)
            light = len(rows) == 1 and len(rows[0].payload or b"") < _LIGHT
            if light and self._writer.commit_at_once(request):
                # As every call does, so that cancellation and timers get through.
                await asyncio.sleep(0)
                request.result()
            else:
                await self._writer.submit(request)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return every row of a log, ascending; nothing for an unknown id."""
        rows: list[CheckpointRow] = await self._read(Log.load_run, workflow_id)
        return rows

    async def load_tail(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Return a log without cursors that later ones make superfluous."""
        rows: list[CheckpointRow] = await self._read(Log.load_tail, workflow_id)
        return rows

    async def clear(self, workflow_id: str) -> None:
        """Forget this run's rows and outcome, and nothing else."""
        await self._writer.submit(
            Request(Log.clear, workflow_id, workflow_id=workflow_id)
        )

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """Append the last rows and replace the log by its outcome, in one step.

        Raises:
            RunConflictError: as for `append`. Nothing was written.
        """
        await self._writer.submit(
            Request(Log.finish, workflow_id, rows, outcome, workflow_id=workflow_id)
        )

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""
        outcome: Outcome | None = await self._read(Log.outcome, workflow_id)
        return outcome

    async def list_runs(self) -> Sequence[str]:
        """Return the id of every run that has rows or an outcome, sorted."""
        runs: list[str] = await self._read(Log.list_runs)
        return runs

    async def prune(self, older_than: datetime) -> int:
        """Forget every outcome recorded before that moment (an aware datetime).

        Raises:
            ConfigurationError: the datetime is naive.
        """
        if older_than.utcoffset() is None:
            raise ConfigurationError("prune() takes an aware datetime, this is naive")
        pruned: int = await self._writer.submit(
            Request(Log.prune, older_than.timestamp())
        )
        return pruned

    def close(self) -> None:
        """Settle what is under way, close the file, and refuse every later call."""
        self._writer.close()

    async def aclose(self) -> None:
        """Do what `close` does, without holding the event loop meanwhile."""
        loop = asyncio.get_running_loop()
        closed = loop.create_future()

        def close() -> None:
            self._writer.close()
            # Should the loop be gone, nobody is waiting there any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(closed.set_result, None)

        thread = threading.Thread(target=close, name="cano-checkpoints-close")
        thread.start()
        await asyncio.shield(closed)
        thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _read(self, call: Any, *args: str) -> Any:
        return await self._writer.submit(
            Request(call, *args, workflow_id=args[0] if args else None, writes=False)
        )
