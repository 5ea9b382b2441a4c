"""A clock that leaps over the time in which a life only waits.

What hangs on purpose is ended by a time limit, which may be an hour. Nobody has to
wait for it: while nothing else is going on, the time of the event loop leaps to the
next timer. Timers run in their order, and whoever asks the loop, or the engine, what
time it is gets one consistent answer.

A clock that has leapt stays ahead until its loop is closed. Set back, it would let
every limit that began meanwhile end too late.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures.thread import _worker
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeAlias, final

from . import engine_time
from .replacement import Replacement

OnStuck: TypeAlias = Callable[[], object]
"""Called in the event loop when nothing will ever happen in it."""

GRACE: Final = 0.05
"""Seconds of real time in which threads may finish what they do."""

PATIENCE: Final = 1.0
"""The same where it is known that they do something, or that a socket is open."""

LOOKS: Final = 2
"""How often a thread has to be seen idle: once it may have been about to begin."""

SHORTLY: Final = 0.001
"""Seconds from one look to the next."""

_CLOCK: Final = "_cano_clock"
"""Attribute of a loop; a registry would keep the loop alive."""


class NoVirtualTimeError(RuntimeError):
    """An event loop keeps its time where nobody can set it."""


@contextmanager
def leaping(
    loop: asyncio.AbstractEventLoop,
    *,
    on_stuck: OnStuck | None = None,
    grace: float = GRACE,
    busy: Callable[[], bool] | None = None,
) -> Iterator[None]:
    """Let the time of a running loop leap as long as something hangs on purpose.

    It leaps to the next timer when the loop has had nothing to do for a grace of real
    time; a longer one while its executor is at work, a file or socket is watched, or
    ``busy`` says so. Several may be open at the same time.

    Args:
        loop: the loop, in its own thread.
        on_stuck: called when there is no timer either, so that nothing will end this.
        grace: seconds of real time.
        busy: says whether something goes on that the loop does not know of.

    Raises:
        NoVirtualTimeError: the loop is none of asyncio's selector event loops.
    """
    clock = _clock_of(loop) or _Clock(loop)
    hang = _Hang(on_stuck, grace, busy)
    clock.begin(hang)
    try:
        yield
    finally:
        clock.end(hang)
        if not clock.needed:
            clock.restore()


def ahead_of(loop: asyncio.AbstractEventLoop) -> float:
    """Return by how many seconds a loop is ahead of real time."""
    clock = _clock_of(loop)
    return 0.0 if clock is None else clock.ahead


@final
class _Hang:
    """One `leaping` in force; see there."""

    __slots__ = ("busy", "grace", "on_stuck")

    def __init__(
        self, on_stuck: OnStuck | None, grace: float, busy: Callable[[], bool] | None
    ) -> None:
        self.on_stuck = on_stuck
        self.grace = grace
        self.busy = busy


@final
class _Clock:
    """The time of one loop.

    Attributes:
        ahead: by how many seconds it has leapt.
    """

    def __init__(self, loop: Any) -> None:
        selector = getattr(loop, "_selector", None)
        if not isinstance(loop, asyncio.BaseEventLoop) or selector is None:
            raise NoVirtualTimeError(
                f"the time of {type(loop).__module__}.{type(loop).__qualname__} can't "
                "leap over what hangs on purpose: run the test in an event loop of "
                "asyncio"
            )
        self.ahead = 0.0
        self._loop: Any = loop
        self._hangs: list[_Hang] = []
        self._told = False
        self._selector = selector
        self._select = Replacement(selector, "select", self._selected)
        self._time = Replacement(loop, "time", self.time)
        self._close = Replacement(loop, "close", self._closed)
        setattr(loop, _CLOCK, self)
        engine_time.follow(self, ahead_of)

    @property
    def needed(self) -> bool:
        """Whether the loop would notice its absence."""
        return bool(self._hangs or self.ahead)

    def begin(self, hang: _Hang) -> None:
        """Something hangs from now on."""
        self._told = False
        self._hangs.append(hang)

    def end(self, hang: _Hang) -> None:
        """It does no more."""
        self._hangs.remove(hang)

    def restore(self) -> None:
        """Leave the loop as it was."""
        for replacement in (self._select, self._time, self._close):
            replacement.undo()
        delattr(self._loop, _CLOCK)
        engine_time.forget(self)

    def time(self) -> float:
        """Tell the time in place of the loop."""
        real: float = self._time.original()
        return real + self.ahead

    def _closed(self) -> None:
        self.restore()
        self._loop.close()

    def _selected(self, timeout: float | None = None) -> Any:
        """Wait for something to happen, in place of the loop's selector."""
        grace = min((hang.grace for hang in self._hangs), default=0.0)
        told, self._told = self._told, False
        if not self._hangs or (timeout is not None and timeout <= grace):
            return self._select.original(timeout)
        if told and timeout is None:
            # Only a thread or a socket can end this; then it may be stuck again.
            return self._select.original(None)
        due = None if timeout is None else self.time() + timeout
        patience = self.time() + PATIENCE
        while True:
            rest = grace if due is None else max(min(grace, due - self.time()), 0.0)
            events = self._select.original(rest)
            if events:
                return events
            if self.time() >= patience or not self._busy():
                break
        if due is not None:
            self.ahead += max(due - self.time(), 0.0)
            return events
        self._told = True
        for hang in self._hangs.copy():
            if hang.on_stuck is not None:
                hang.on_stuck()
        return events

    def _busy(self) -> bool:
        """Say whether threads, or processes, may still have something to say."""
        executor = getattr(self._loop, "_default_executor", None)
        # The loop itself is woken up by a socket.
        return (
            any(hang.busy is not None and hang.busy() for hang in self._hangs)
            or _at_work(executor)
            or len(self._selector.get_map()) > 1
        )


def _clock_of(loop: asyncio.AbstractEventLoop) -> _Clock | None:
    return getattr(loop, _CLOCK, None)


def _at_work(executor: Any) -> bool:
    queue = getattr(executor, "_work_queue", None)
    idle = getattr(executor, "_idle_semaphore", None)
    if queue is None or idle is None:
        return False
    if queue.qsize():
        return True
    if len(executor._threads) <= idle._value:
        return False
    # From Python 3.12 on that number may be too small for good: a thread that was not
    # counted as idle yet may take what another one was to do.
    for _ in range(LOOKS):
        frames = sys._current_frames()
        if any(_runs(frames.get(each.ident)) for each in executor._threads):
            return True
        time.sleep(SHORTLY)
    return bool(queue.qsize())


def _runs(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code is not _worker.__code__
