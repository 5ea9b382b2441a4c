"""A checkpoint store of one's own: a file of JSON lines for each run.

Three methods are enough. What makes them honest:

* one `append` is one line, and the line end is its commit mark: a line that a crash
  cut short is no line, and the next append cuts it off;
* `fsync` before `append` returns, of the directory too when the file is new;
* a lock for all processes, for the look at the log and the write must be one step;
* no blocking call in the event loop, and none left behind by a cancelled caller.

Every append reads its log to know the length: fine for logs of some hundred rows.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from cano_core import CheckpointRow, CheckpointStoreError, RowKind, RunConflictError


class JsonLinesStore:
    """Keeps each run in a file of its own, below one directory."""

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        if rows:
            await settled(self._append, workflow_id, rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        return await settled(self._load, workflow_id)

    async def clear(self, workflow_id: str) -> None:
        await settled(self._clear, workflow_id)

    def _append(self, workflow_id: str, rows: Sequence[CheckpointRow]) -> None:
        with self._locked():
            path = self._path(workflow_id)
            log, end = read(path)
            for sequence, row in enumerate(rows, start=len(log)):
                if row.sequence != sequence:
                    raise RunConflictError(workflow_id, row.sequence)
            line = json.dumps([packed(row) for row in rows]).encode() + b"\n"
            with path.open("ab") as file:
                if not end:
                    self._sync_directory()  # first, so that no row is in a lost file
                file.truncate(end)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def _load(self, workflow_id: str) -> list[CheckpointRow]:
        with self._locked():
            return read(self._path(workflow_id))[0]

    def _clear(self, workflow_id: str) -> None:
        with self._locked():
            self._path(workflow_id).unlink(missing_ok=True)
            self._sync_directory()

    def _path(self, workflow_id: str) -> Path:
        """Ids may hold slashes, differ in case only, or be too long for a file name."""
        return self.directory / f"{sha256(workflow_id.encode()).hexdigest()}.jsonl"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep out every other thread and process; the lock dies with its process."""
        with (self.directory / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _sync_directory(self) -> None:
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read(path: Path) -> tuple[list[CheckpointRow], int]:
    """Return the rows of a file, and the position after its last whole line."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    end = content.rfind(b"\n") + 1
    try:
        batches = [json.loads(line) for line in content[:end].splitlines()]
        return [unpacked(row) for batch in batches for row in batch], end
    except (ValueError, TypeError) as error:
        raise CheckpointStoreError(f"{path} is damaged: {error}") from error


def packed(row: CheckpointRow) -> list[Any]:
    payload = None if row.payload is None else b64encode(row.payload).decode()
    return [row.sequence, row.state, row.task, row.kind, payload, row.version]


def unpacked(fields: list[Any]) -> CheckpointRow:
    sequence, state, task, kind, payload, version = fields
    payload = None if payload is None else b64decode(payload)
    return CheckpointRow(sequence, state, task, RowKind(kind), payload, version)


async def settled(call: Callable[..., Any], *args: object) -> Any:
    """Run a blocking call in a thread; when cancelled, wait for its end all the same.

    Otherwise a row could appear after its writer has been told that it gave up.
    """
    work = asyncio.ensure_future(asyncio.to_thread(call, *args))
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    failure = work.exception()
    if cancelled is not None:
        raise cancelled
    if failure is not None:
        raise failure
    return work.result()
