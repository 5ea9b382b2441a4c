"""How a stream is worked through; what is said of it is in `stream`."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import inspect
import math
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, final

from ..attempts import Attempts
from ..codec import Codec
from ..context import RunContext
from ..errors import CircuitOpenError, GivenUp
from ..extension import TaskCall
from ..progress import part_of
from ..wording import shown
from .parts import beside, changed_data, halted
from .positions import Position, decode_cursor
from .reader import Reader, Signal, iterator_of

T_co = TypeVar("T_co", covariant=True)

CLOSE = "close"
"""The part of the visit that ``on_close`` is."""

FLUSH = "flush"
"""The part of a window's first item that its ``flush_window`` is."""


@final
@dataclass(frozen=True, slots=True)
class Stop(Generic[T_co]):
    """The stream need not be read any further.

    Attributes:
        state: the next state; in a branch of a split, the branch's value.
    """

    state: T_co


class CloseReason(enum.Enum):
    """Why a stream is closed.

    Attributes:
        EXHAUSTED: it had no more items.
        CANCELLED: the run was asked to stop, or its time is over.
    """

    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """Works through the stream of one task.

    Attributes:
        name: the task's name.
        codec: writes and reads cursors.
        size: how many results a window has at most.
        seconds: how long a window is at most.
        tolerated: how many items in a row may fail.
        open: opens the stream.
        process: processes one item.
        flush: takes the results of a window.
        close: is called in the end.
        leave_out: is told of each item that is left out.
    """

    name: str
    codec: Codec[Any]
    size: float
    seconds: float
    tolerated: float
    open: TaskCall
    process: Attempts
    flush: TaskCall
    close: TaskCall
    leave_out: TaskCall

    async def to_the_end(self, context: RunContext) -> object:
        """Work through what is left of the stream; return the next state.

        If the run has to stop, the last window is flushed, and it is stopped then.
        """
        run = context._run
        position = Position(context, self.codec)
        mine = beside(context)
        cursor = decode_cursor(mine, self.codec, position.payload, self.name)
        opened: Any = self.open(mine, cursor)
        if inspect.isawaitable(opened):
            opened = await opened
        if run.halt is not None:
            raise run.halt
        items = iterator_of(opened)
        if items is None:
            raise halted(
                context,
                f"{self.name}.open() returned {shown(opened)}, which holds no items",
            )
        stop = run.interruption
        reader = Reader(items, apart=stop is not None or self.seconds < math.inf)
        work = _Work(self, context, position, reader)
        with contextlib.nullcontext() if stop is None else stop.calling(reader.stop):
            try:
                state = await work.through()
            finally:
                await reader.close()
        if state is Signal.STOPPED:
            # What is around the block is cancelled, now that it is closed.
            await asyncio.get_running_loop().create_future()
        return state


@final
class _Work:
    """The way of one attempt through its stream: the window that is filled."""

    def __init__(
        self,
        streaming: Streaming,
        context: RunContext,
        position: Position,
        reader: Reader,
    ) -> None:
        self._task = streaming
        self._context = context
        self._position = position
        self._reader = reader
        self._results: list[Any] = []
        self._read = 0
        self._cursor: Any = _NOWHERE
        self._failed = 0
        self._now = asyncio.get_running_loop().time
        self._due = self._now() + streaming.seconds

    async def through(self) -> object:
        """Read, process and flush until there is a next state; return it.

        It is `Signal.STOPPED` if the run has to stop, and the stream is closed.
        """
        while True:
            item = await self._reader.next(self._due)
            if item is Signal.STOPPED or (
                not isinstance(item, Signal) and not await self._process(item)
            ):
                await self._stopped()
                return Signal.STOPPED
            if item is Signal.END or self._is_over:
                stop = await self._flush()
                if stop is not None:
                    return stop.state
            if item is Signal.END:
                return await self._close(CloseReason.EXHAUSTED)

    @property
    def _is_over(self) -> bool:
        """Whether the window is; another one begins at once."""
        if self._due < math.inf and self._now() >= self._due:
            seconds = self._task.seconds
            self._due += seconds * (1 + (self._now() - self._due) // seconds)
            return True
        return len(self._results) >= self._task.size

    async def _process(self, pair: object) -> bool:
        """Process one item; False if it was given up because the run has to stop."""
        context, task = self._context, self._task
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise halted(
                context,
                f"{task.name}.open() gave {shown(pair)}, where a pair (cursor, item) "
                "is wanted",
            )
        cursor, item = pair
        # Not by its window, which may end elsewhere when it is filled again.
        part = part_of(context._part, self._position.number + self._read)
        try:
            mine, result = await task.process.made(
                context._run, context._visit, item, part=part
            )
        except GivenUp as error:
            if self._reader.stopped:
                return False
            self._failed += 1
            last = error.attempts[-1]
            # A breaker that is open is not the fault of the item.
            if self._failed > task.tolerated or isinstance(last, CircuitOpenError):
                raise
            own = RunContext(context._run, context._visit, context.attempt, part)
            await self._called(task.leave_out, own, item, last)
        else:
            self._failed = 0
            if changed_data(mine) is not None:
                raise halted(
                    context,
                    f"{task.name}.process_item() changed the run's data; let "
                    "flush_window() do that, whose row keeps it",
                )
            self._results.append(result)
        self._read += 1
        self._cursor = cursor
        return True

    async def _flush(self) -> Stop[object] | None:
        """Flush the window and record that, if anything was read."""
        if self._cursor is _NOWHERE:
            return None
        what = f"{self._task.name}.flush_window()"
        mine = beside(self._context, part_of(str(self._position.number), FLUSH))
        decision: Any = None
        if self._results:
            decision = await self._called(self._task.flush, mine, self._results)
            if not (decision is None or isinstance(decision, Stop)):
                raise halted(
                    self._context,
                    f"{what} returned {shown(decision)}, neither None nor Stop(state)",
                )
        await self._position.advance(self._cursor, mine, what, by=self._read)
        self._results = []
        self._read = 0
        self._cursor = _NOWHERE
        return decision if isinstance(decision, Stop) else None

    async def _close(self, reason: CloseReason) -> object:
        mine = beside(self._context, CLOSE)
        state = await self._called(self._task.close, mine, reason)
        # What it made of the run's data is what the task leaves.
        self._context._data = mine._data
        return state

    async def _stopped(self) -> None:
        """Flush what there is, and close."""
        try:
            await self._flush()
        except Exception:
            if self._context._run.halt is None:
                with contextlib.suppress(Exception):
                    await self._close(CloseReason.CANCELLED)
            raise
        await self._close(CloseReason.CANCELLED)

    async def _called(self, call: TaskCall, *values: Any) -> Any:
        result = await call(*values)
        run = self._context._run
        if run.halt is not None:
            raise run.halt
        return result


_NOWHERE: Any = object()
