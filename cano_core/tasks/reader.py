"""Reading an iterator one item at a time, for somebody who may not want to wait.

An iterator that is left in the middle of waiting for its next item loses it, and may
not be gone on with. So where the wait has an end, a task of its own does the waiting;
it alone touches the iterator, from the first item until it is closed.
"""

from __future__ import annotations

import asyncio
import enum
import inspect
import math
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, final

from ..threads import in_thread


class Signal(enum.Enum):
    """What there is instead of an item.

    Attributes:
        END: there are no more.
        LATE: there is none yet.
        STOPPED: nobody wants any more.
    """

    END = enum.auto()
    LATE = enum.auto()
    STOPPED = enum.auto()


def iterator_of(opened: object) -> AsyncIterator[object] | None:
    """Return an iterator over whatever holds items; None if it holds none."""
    if isinstance(opened, AsyncIterable):
        return aiter(opened)
    if isinstance(opened, Iterable) and not isinstance(opened, str | bytes | Mapping):
        return _one_by_one(opened)
    return None


async def _one_by_one(items: Iterable[object]) -> AsyncIterator[object]:
    if not isinstance(items, Iterator):
        for item in items:
            yield item
        return
    # Like a sync task, what gives the items one by one may block.
    following = in_thread(next)
    try:
        while (item := await following(items, Signal.END)) is not Signal.END:
            yield item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            await in_thread(close)()


@final
class Reader:
    """Reads one iterator, and closes it.

    Args:
        items: the iterator.
        apart: wait in a task of its own, so that `next` may return without an item.

    Attributes:
        stopped: whether `stop` was called.
    """

    def __init__(self, items: AsyncIterator[object], *, apart: bool) -> None:
        self._items = items
        self.stopped = False
        self._asked = asyncio.Event()
        self._asking = False
        self._item: Any = _NOTHING
        self._error: BaseException | None = None
        self._turn: asyncio.Future[None] | None = None
        # Last, because an eager task begins at once.
        self._task = asyncio.create_task(self._read()) if apart else None

    def stop(self) -> None:
        """Want no more items; an item that was read and not taken is dropped."""
        self.stopped = True
        self._ring()

    async def next(self, until: float = math.inf) -> object:
        """Return the next item, or a `Signal`.

        Args:
            until: the loop's time at which not to wait any longer.
        """
        if self._task is None:
            return await anext(self._items, Signal.END)
        if not self._asking:
            self._asking = True
            self._asked.set()
        if not self.stopped and self._item is _NOTHING and self._error is None:
            await self._wait(until)
        if self.stopped:
            return Signal.STOPPED
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._item is _NOTHING:
            return Signal.LATE
        item, self._item = self._item, _NOTHING
        self._asking = False
        return item

    async def close(self) -> None:
        """Close the iterator, however far it is."""
        task = self._task
        if task is None:
            await _closed(self._items)
            return
        cancelled = False
        task.cancel()
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        if not task.cancelled():
            task.result()
        error = self._error
        if not (error is None or isinstance(error, asyncio.CancelledError)):
            raise error

    async def _wait(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        self._turn = loop.create_future()
        timer = loop.call_at(until, self._ring) if until < math.inf else None
        try:
            await self._turn
        finally:
            self._turn = None
            if timer is not None:
                timer.cancel()

    def _ring(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    async def _read(self) -> None:
        try:
            while self._item is not Signal.END:
                await self._asked.wait()
                self._asked.clear()
                self._item = await anext(self._items, Signal.END)
                self._ring()
        except BaseException as error:  # noqa: BLE001 -- raised to whoever waits for an item
            self._error = error
            self._ring()
        finally:
            await _closed(self._items)


async def _closed(items: AsyncIterator[object]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        result = close()
        if inspect.isawaitable(result):
            await result


_NOTHING: Any = object()
