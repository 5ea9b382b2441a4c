"""Ending what a crash left waiting.

A crash in one asyncio task may leave another one waiting for ever for what the first
would have done; a killed process would not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator
from typing import TypeVar

from .life import Life

T = TypeVar("T")

GRACE = 0.25
"""Seconds in which a life's code may unwind by itself, for instance close stores."""


@contextlib.contextmanager
def _limited(life: Life, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let a life be given up that takes longer than it may in this block."""
    timer: asyncio.TimerHandle | None = None

    def arm() -> None:
        nonlocal timer
        left = life.seconds_left
        if left is not None:
            timer = loop.call_later(left, due)

    def due() -> None:
        # Its time may have stood still meanwhile.
        if life.seconds_left:
            arm()
        else:
            life.give_up(f"no end after {life.limit:g} seconds")

    arm()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()


async def until_crash(life: Life, awaitable: Awaitable[T]) -> T:
    """Await something, but not much longer than its life lasts.

    Raises:
        SimulatedCrash: the life has crashed, and this was still waiting.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None:
        return await awaitable
    timer: asyncio.TimerHandle | None = None
    waiting = True
    cancelled = 0

    def arm() -> None:
        nonlocal timer
        if waiting:
            timer = loop.call_later(GRACE, cancel)

    def cancel() -> None:
        nonlocal cancelled
        cancelled += 1
        task.cancel()
        arm()

    def crashed() -> None:
        # A loop that is closed already has nothing that waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(arm)

    withdraw = life.on_crash(crashed)
    try:
        with _limited(life, loop):
            return await awaitable
    except asyncio.CancelledError:
        if not cancelled:
            raise
        raise life.crash() from None
    finally:
        waiting = False
        withdraw()
        if timer is not None:
            timer.cancel()
        for _ in range(cancelled):
            task.uncancel()
