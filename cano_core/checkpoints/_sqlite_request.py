"""A call that waits for the checkpoint file, and how many of them share a commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, final

from ..errors import CanoError, RunConflictError
from ._sqlite_file import explain, is_busy
from ._sqlite_log import Log


@final
class Request:
    """One call of the store contract, made in an event loop.

    Attributes:
        workflow_id: the run it is about, or None.
        writes: whether it needs a transaction.
        loop: where its result is awaited.
        deadline: when to give up waiting for a lock, once one had to be waited for.
        settled: whether it has a result or an error.
    """

    __slots__ = (
        "_args",
        "_call",
        "_error",
        "_future",
        "_result",
        "deadline",
        "loop",
        "settled",
        "workflow_id",
        "writes",
    )

    def __init__(
        self,
        call: Callable[..., object],
        *args: object,
        workflow_id: str | None = None,
        writes: bool = True,
    ) -> None:
        self._call = call
        self._args = args
        self.workflow_id = workflow_id
        self.writes = writes
        self.loop = asyncio.get_running_loop()
        self._future: asyncio.Future[Any] | None = None
        self.deadline: float | None = None
        self.settled = False
        self._result: object = None
        self._error: CanoError | None = None

    @property
    def subject(self) -> str:
        """Whose call it is, for messages."""
        return "any run" if self.workflow_id is None else f"run {self.workflow_id!r}"

    def run(self, log: Log) -> None:
        """Do the call; a conflict is its result, any other exception goes on."""
        self._error = None
        try:
            self._result = self._call(log, *self._args)
        except RunConflictError as error:
            # Its frames hold the log.
            self._error = error.with_traceback(None)

    def fail(self, error: CanoError) -> None:
        """Settle the call with an error."""
        self._error = error
        self.settled = True

    def result(self) -> Any:
        """Return the result of a settled call, or raise its error."""
        if self._error is not None:
            raise self._error
        return self._result

    def future(self) -> asyncio.Future[Any]:
        """Return what awaits the result; for a request that is not settled."""
        self._future = (
            _Shielded(loop=self.loop) if self.writes else self.loop.create_future()
        )
        return self._future

    def deliver(self) -> None:
        """Give the result to whoever awaits it; called in the request's loop."""
        if self._future is None or self._future.done():
            return
        if self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self._result)


class _Shielded(asyncio.Future[Any]):
    """A future that only its result ends: a cancelled waiter is told afterwards.

    A task that is cancelled while it waits remembers so, and is told as soon as the
    write has been committed or refused.
    """

    def cancel(self, msg: object = None) -> bool:
        return False


def read(log: Log, path: str, requests: Sequence[Request]) -> None:
    """Settle requests that only read; each sees what is committed.

    Raises:
        sqlite3.OperationalError: a lock is held; what is not settled must wait.
    """
    for request in requests:
        try:
            request.run(log)
        except Exception as error:
            if is_busy(error):
                raise
            request.fail(explain(error, path, request.subject))
        else:
            request.settled = True


def commit(log: Log, path: str, requests: Sequence[Request]) -> None:
    """Settle requests that write, in one transaction.

    One that can't be done fails alone: the others are then committed one by one. A
    commit that fails, fails them all.

    Raises:
        sqlite3.Error: the lock is held, or the file has failed; what is not settled
            was not written.
    """
    log.begin()
    try:
        for request in requests:
            request.run(log)
        log.flush()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one call's own
        log.roll_back()
        if len(requests) == 1:
            requests[0].fail(explain(error, path, requests[0].subject))
        else:
            for request in requests:
                commit(log, path, [request])
        return
    except BaseException:
        log.roll_back()
        raise
    try:
        log.commit()
    except BaseException as error:
        log.roll_back()
        if isinstance(error, sqlite3.Error):
            for request in requests:
                request.fail(explain(error, path, request.subject))
        raise
    for request in requests:
        request.settled = True
