"""How a task waits for a moment that its process may not live to see.

What is recorded is told by the clock on the wall, the only one that a later process
can read too.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import final

import msgspec

from ..context import RunContext
from .parts import read

SLICE = 60.0
"""The most seconds slept at a time: then the clock on the wall is looked at again,
which somebody may have set, and which goes on while the machine is suspended."""


@final
@dataclass(frozen=True, slots=True)
class Wait:
    """What the log knows of a wait; moments are seconds since the epoch.

    Attributes:
        began: when it began.
        due: when it is over.
        relative: whether it was given as a number of seconds.
    """

    began: float
    due: float
    relative: bool

    def encode(self) -> bytes:
        """Return a cursor's payload."""
        return msgspec.msgpack.encode((self.began, self.due, self.relative))

    @classmethod
    def decode(cls, payload: bytes) -> Wait:
        """Read a cursor's payload.

        Raises:
            msgspec.MsgspecError: it is none of a wait.
        """
        return cls(*_WAIT.decode(payload))


_WAIT = msgspec.msgpack.Decoder(tuple[float, float, bool])


def recorded_wait(context: RunContext) -> tuple[int, Wait | None]:
    """Return the last wait that the log has for a task, and how many it has.

    Raises:
        ConfigurationError: it has something else; the run stops.
    """
    known = context._visit.progress.cursors.get(context._part)
    if known is None:
        return 0, None
    number, payload = known
    return number, read(context, Wait.decode, payload, "a wait")


@final
class Alarm:
    """A moment, as those see it who wait for it.

    Args:
        at: the moment, in seconds since the epoch; infinite for never.
        relative: whether it is so and so many seconds from now: then it comes after
            that time even if somebody sets the clock on the wall back.
    """

    __slots__ = ("_at", "_ticks")

    def __init__(self, at: float, *, relative: bool) -> None:
        self._at = at
        self._ticks = math.inf
        if relative:
            rest = max(at - time.time(), 0.0)
            self._ticks = asyncio.get_running_loop().time() + rest

    @property
    def rest(self) -> float:
        """Seconds until then, not above 0 once it has come."""
        ticks = self._ticks - asyncio.get_running_loop().time()
        return min(self._at - time.time(), ticks)


async def first_of(*alarms: Alarm) -> None:
    """Sleep until the first of these moments has come."""
    while (rest := min(alarm.rest for alarm in alarms)) > 0:  # noqa: ASYNC110 -- time itself is waited for
        await asyncio.sleep(min(rest, SLICE))


@final
class Limit:
    """How long a task may wait in all.

    Args:
        seconds: its ``attempt_timeout``; None for no limit.
        began: when the waiting began, in seconds since the epoch.
    """

    __slots__ = ("_seconds", "alarm")

    def __init__(self, seconds: float | None, began: float) -> None:
        self._seconds = seconds
        # A clock that was set back since gives no more time than there was.
        began = min(began, time.time())
        at = math.inf if seconds is None else began + seconds
        self.alarm = Alarm(at, relative=True)

    @property
    def for_one_call(self) -> float | None:
        """Seconds that one call may take: what is left.

        Where nothing is left, because the process or the machine was away, the one
        call that is made all the same may take as long as all of them.
        """
        if self._seconds is None:
            return None
        rest = self.alarm.rest
        return rest if rest > 0 else self._seconds

    async def sleep(self, wait: Wait) -> None:
        """Sleep until a wait is over.

        Raises:
            TimeoutError: the limit comes first.
        """
        due = Alarm(wait.due, relative=wait.relative)
        await first_of(due, self.alarm)
        if due.rest > 0:
            raise self.exceeded()

    def exceeded(self) -> TimeoutError:
        """Return what is raised once the time is over."""
        return TimeoutError(
            f"waited longer than the attempt_timeout of {self._seconds} seconds, "
            "crashes and restarts included"
        )
