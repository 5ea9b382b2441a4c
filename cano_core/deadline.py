"""A time limit for many awaits, one after the other, at the price of one timer.

``asyncio.timeout`` arms and disarms a timer each time. Around every call of a store
that would cost as much as all else that a durable step does outside the store.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, final


@final
class Deadline:
    """Ends what is awaited inside ``with deadline:`` when it takes too long.

    Use it again and again, but not by two tasks at once. Its one timer stays armed
    in between; `close` disarms it.

    Args:
        seconds: what one use may take; None for no limit.

    Attributes:
        expired: whether the last use took too long.

    Raises:
        TimeoutError: out of the ``with`` block, as ``asyncio.timeout`` does.
    """

    __slots__ = (
        "_at",
        "_cancelling",
        "_loop",
        "_seconds",
        "_task",
        "_timer",
        "expired",
    )

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cancelling = 0
        self._at = 0.0
        self.expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if self._seconds is None or task is None:
            return
        loop = task.get_loop()
        self._task = task
        self._cancelling = task.cancelling()
        self._at = loop.time() + self._seconds
        self.expired = False
        if self._timer is None:
            self._loop = loop
            self._timer = loop.call_at(self._at, self._look)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        # Somebody else's cancellation is theirs, also when it comes with ours.
        if (
            self.expired
            and task is not None
            and task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error

    def close(self) -> None:
        """Disarm the timer; another use arms it again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._task is None or self._loop is None:
            return
        if self._loop.time() < self._at:
            self._timer = self._loop.call_at(self._at, self._look)
        else:
            self.expired = True
            self._task.cancel()
