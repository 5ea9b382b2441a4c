"""The thread that a checkpoint file belongs to: group commit, and waiting for locks.

The requests that one turn of an event loop has made are handed over together. The
thread commits all writes that wait for it in one transaction, and gives the results
back with one wake-up for each loop: many runs share one fsync, and no loop waits for
a disk. Reads are served before writes, and while a lock is waited for.

The exception is a small append of a loop's only task, where commits are quick: there
is nobody to share a commit with, and nobody whom waiting would hold up.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, final

from ..errors import CanoError, CheckpointStoreError
from ._sqlite_file import CheckpointFile, explain, is_busy
from ._sqlite_process import look_after
from ._sqlite_request import Request, commit, read

_QUICK = 0.001
"""Seconds that recent commits may have taken for the loop's own thread to commit what
its only task appends. Handing it to the other thread and back takes 0.05 to 0.2 ms."""

_TRUST = 0.1
"""Seconds for which the loop's own thread believes without looking again that the file
is in its place, and that a loop that had other tasks still has some."""

_FIRST_PAUSE = 0.001
_LAST_PAUSE = 0.01
"""Seconds between two tries to get a lock that another connection holds."""


@final
class Writer:
    """Serves the requests of any number of event loops on one file.

    File and thread are opened by the first request, and again by the first one after
    a fork, on both sides of it.
    """

    def __init__(self, path: str, busy_timeout: float, *, sync: bool) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._sync = sync
        # Guards what loops share; never taken by the thread, which is joined under it.
        # Reentrant, because a garbage collection may close a store amid a call.
        self._lock = threading.RLock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._made: dict[asyncio.AbstractEventLoop, list[Request]] = {}
        # Requests on their way to the thread; None ends it.
        self._handed_over: SimpleQueue[list[Request] | None] = SimpleQueue()
        # Guards the file: held for a round of requests, not while waiting.
        self._file_lock = threading.Lock()
        self._file: CheckpointFile | None = None
        self._in_company_until = 0.0
        # The thread's own.
        self._waiting: list[Request] = []
        self._pause: float | None = None
        look_after(self)

    def submit(self, request: Request) -> asyncio.Future[Any]:
        """Take a request, and return what awaits its result."""
        loop = request.loop
        future = request.future()
        with self._lock:
            if self._closed:
                raise CheckpointStoreError(
                    f"{self._path}: {request.subject}: this store is closed; use it "
                    "before close(), or open a new SQLiteCheckpointStore"
                )
            made = self._made.get(loop)
            if made is not None:
                made.append(request)
                return future
            self._made[loop] = [request]
        loop.call_soon(self._hand_over, loop)
        return future

    def commit_at_once(self, request: Request) -> bool:
        """Commit in the loop's own thread, if that is quick and keeps nobody waiting.

        Returns:
            Whether it is settled; if not, nothing was written.
        """
        # Where something was called in this turn of the loop, it has other tasks.
        if request.loop in self._made or not self._file_lock.acquire(blocking=False):
            return False
        try:
            file = self._file
            if (
                file is not None
                and 0 < file.log.pace < _QUICK
                and time.monotonic() - file.seen < _TRUST
                and self._is_alone(request.loop)
            ):
                commit(file.log, self._path, [request])
        except sqlite3.Error:
            # Whatever it is, the thread meets it again and knows what to do.
            return request.settled
        finally:
            self._file_lock.release()
        return request.settled

    def _is_alone(self, loop: asyncio.AbstractEventLoop) -> bool:
        now = time.monotonic()
        if now < self._in_company_until:
            return False
        if len(asyncio.all_tasks(loop)) == 1:
            return True
        self._in_company_until = now + _TRUST
        return False

    def halt(self) -> None:
        """End the thread and close the file; what waits for a lock goes on waiting."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._handed_over.put(None)
                thread.join()

    def close(self) -> None:
        """Settle what can be settled without waiting, refuse the rest, and halt."""
        with self._lock:
            for requests in self._made.values():
                self._give_to_thread(requests)
            self._made.clear()
            self._closed = True
            self.halt()
            waiting, self._waiting = self._waiting, []
        for request in waiting:
            request.fail(
                CheckpointStoreError(
                    f"{self._path}: {request.subject}: the store was closed while the "
                    "file was busy; nothing of this call was written"
                )
            )
        _deliver(waiting)

    def abandon(self) -> None:
        """Let the thread end by itself, because the store is gone.

        Takes no lock: it is called by the garbage collector, in any thread.
        """
        self._handed_over.put(None)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            requests = self._made.pop(loop, None)
            if requests is not None:
                self._give_to_thread(requests)

    def _give_to_thread(self, requests: list[Request]) -> None:
        try:
            self._start()
        except RuntimeError as error:
            for request in requests:
                request.fail(explain(error, self._path, request.subject))
            _deliver(requests)
        else:
            self._handed_over.put(requests)

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(
            target=self._work, name="cano-checkpoints", daemon=True
        )
        thread.start()
        self._thread = thread

    def _work(self) -> None:
        going_on = True
        while going_on:
            going_on = self._receive()
            _deliver(self._serve())
        with self._file_lock:
            self._drop_file()

    def _receive(self) -> bool:
        """Wait for requests, or for the next try; False once the thread is to end."""
        try:
            requests = self._handed_over.get(timeout=self._pause)
            while requests is not None:
                self._waiting += requests
                requests = self._handed_over.get_nowait()
        except Empty:
            return True
        return False

    def _serve(self) -> list[Request]:
        """Do what can be done at once; return what is settled, keep the rest."""
        requests = self._waiting
        if not requests:
            return []
        with self._file_lock:
            try:
                if self._file is None:
                    self._file = CheckpointFile(self._path, sync=self._sync)
                self._file.require_in_place()
                read(self._file.log, self._path, [r for r in requests if not r.writes])
                if writes := [r for r in requests if r.writes]:
                    commit(self._file.log, self._path, writes)
            except Exception as error:  # noqa: BLE001 - nobody else would be told
                if is_busy(error):
                    self._expire(error)
                else:
                    self._fail(error)
                    self._drop_file()
        self._waiting = [request for request in requests if not request.settled]
        if not self._waiting:
            self._pause = None
        elif self._pause is None:
            self._pause = _FIRST_PAUSE
        else:
            self._pause = min(2 * self._pause, _LAST_PAUSE)
        return [request for request in requests if request.settled]

    def _expire(self, error: Exception) -> None:
        now = time.monotonic()
        for request in self._waiting:
            if request.settled:
                continue
            if request.deadline is None:
                request.deadline = now + self._busy_timeout
            if now >= request.deadline:
                request.fail(
                    CheckpointStoreError(
                        f"{self._path}: {request.subject}: the file was busy for "
                        f"{self._busy_timeout:g} s, because another program holds its "
                        f"lock ({error}); nothing was written, the run can be resumed"
                    )
                )

    def _fail(self, error: Exception) -> None:
        for request in self._waiting:
            if request.settled:
                continue
            if isinstance(error, CanoError):
                request.fail(type(error)(*error.args))
            else:
                request.fail(explain(error, self._path, request.subject))

    def _drop_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def before_fork(self) -> None:
        """Leave nothing open: SQLite's locks do not survive in a child."""
        self._lock.acquire()
        self.halt()

    def after_fork_in_parent(self) -> None:
        """Go on with what is still waiting."""
        if self._waiting or not self._handed_over.empty():
            self._start()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: what is waiting is the parent's."""
        self._file_lock = threading.Lock()
        self._made = {}
        self._handed_over = SimpleQueue()
        self._waiting = []
        self._lock.release()


def _deliver(requests: list[Request]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[Request]] = {}
    for request in requests:
        loops.setdefault(request.loop, []).append(request)
    for loop, batch in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, batch)
        except RuntimeError:
            continue  # The loop was closed, nobody is waiting there any more.


def _settle(requests: list[Request]) -> None:
    for request in requests:
        request.deliver()
