"""Making durable how far a visit has come: what comes together, in one append.

A task may make calls beside each other, and the branches of a split end when they
like. What is there when the log is free becomes durable in one atomic append; what
comes while that is under way waits for the next one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from .errors import ConfigurationError
from .log import RunLog, settled
from .progress import Advance, Progress

if TYPE_CHECKING:
    from .run import Run, Visit


@final
class Recorder:
    """Writes the rows of visits that are under way, for one run.

    Args:
        run: the run; its ``halt`` is set once it must not go on.
        log: its log.
    """

    def __init__(self, run: Run, log: RunLog) -> None:
        self._run = run
        self._log = log
        self._waiting: list[_Entry] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(
        self, visit: Visit, advance: Advance, what: str, *, here: bool = False
    ) -> None:
        """Make one row durable, unless it is known; see `Run.record`."""
        entry = _Entry(visit, advance, what)
        self._waiting.append(entry)
        if self._writer is not None and not self._writer.done():
            await settled(entry.done)
        elif here:
            await self._write_all()
            await entry.done
        else:
            self._writer = asyncio.create_task(self._write_all())
            self._writer.add_done_callback(self._given_up)
            await settled(entry.done)

    async def _write_all(self) -> None:
        while self._waiting:
            taken: list[_Entry] = []
            try:
                async with self._log.lock:
                    taken, self._waiting = self._waiting, []
                    await self._write(taken)
            except BaseException as error:  # noqa: BLE001 -- raised to those who wait
                # Whatever a task makes of this exception, the run must not go on:
                # its calls have happened, and perhaps the log does not know.
                self._stop(error, *taken)

    def _given_up(self, writer: asyncio.Task[None]) -> None:
        # A loop that comes to its end cancels also what has not begun yet.
        if writer.cancelled():
            self._stop(asyncio.CancelledError())

    def _stop(self, error: BaseException, *taken: _Entry) -> None:
        """Let nobody wait any longer, and the run go no further."""
        self._run.halt = error
        for entry in (*taken, *self._waiting):
            entry.refuse(error)
        self._waiting = []

    async def _write(self, taken: list[_Entry]) -> None:
        batch = []
        ahead = Progress()
        for entry in taken:
            advance = entry.advance
            if self._refused(entry):
                continue
            if advance.known(entry.visit.progress):
                entry.done.set_result(None)
            elif advance.known(ahead):
                # Two attempts made the same call; the first one's result is kept.
                self._waiting.append(entry)
            else:
                advance.apply(ahead)
                batch.append(entry)
        if not batch:
            return
        for entry in batch:
            advance, handler = entry.advance, entry.visit.handler
            self._log.hold(
                advance.kind,
                handler.label,
                advance.owner(handler.name),
                advance.encode(),
            )
        await self._log.write_held()
        for entry in batch:
            self._run.advance(entry.visit, entry.advance)
            if not entry.done.done():
                entry.done.set_result(None)

    def _refused(self, entry: _Entry) -> bool:
        """Tell whether it is too late for a row, or no row can be; and say so."""
        run, visit = self._run, entry.visit
        if run.halt is not None:
            entry.refuse(run.halt)
            return True
        if visit is not run.visit:
            entry.refuse(
                ConfigurationError(
                    f"{entry.what} in state {visit.handler.label!r} of {run.described} "
                    "came back after the run had left it and is not recorded; await "
                    "the call before the task returns"
                )
            )
            return True
        if visit.entry is None:
            run.halt = unrecordable(run, visit, entry.what)
            entry.refuse(run.halt)
            return True
        return False


def unrecordable(run: Run, visit: Visit, what: str) -> ConfigurationError:
    """Return what a run stops with when a visit has no row to record things for."""
    return ConfigurationError(
        f"{what} in state {visit.handler.label!r} of {run.described} can't be "
        "recorded: a router leaves no row; register it with register()"
    )


@final
class _Entry:
    """A row that somebody waits for.

    Attributes:
        done: resolved once it is durable.
    """

    __slots__ = ("advance", "done", "visit", "what")

    def __init__(self, visit: Visit, advance: Advance, what: str) -> None:
        self.visit = visit
        self.advance = advance
        self.what = what
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def refuse(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)
