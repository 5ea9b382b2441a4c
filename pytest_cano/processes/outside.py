"""A life's process, seen by the one that began it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any, Final, final

from ..life import Life
from ..program import LifeResult, Program
from .channel import Channel, Silence
from .inside import LATE
from .words import Words

GRACE: Final = 5.0
"""Seconds in which a process that is late has to tell what it knows."""


@final
class LifeProcess:
    """A life in a process of its own, as `pytest_cano.hosts.Living`.

    Args:
        program: what lives there.
        life: the life.
        channel: leads to it.
        pid: of the process.
        reap: waits for it to be gone, and returns its status as `os.waitpid` has it;
            None where that has been lost.
        timeout: seconds that it may take until it stops; None for no limit.
        said: what it has written where nobody else reads it.
    """

    def __init__(
        self,
        program: Program,
        life: Life,
        channel: Channel,
        pid: int,
        reap: Callable[[], int | None],
        timeout: float | None,
        said: Callable[[], str] = str,
    ) -> None:
        self._program: Any = program
        self._life = life
        self._channel = channel
        self._pid = pid
        self._reap = reap
        self._timeout = timeout
        self._said = said
        self._still = False
        self._over = False

    def until_it_stops(self) -> LifeResult | None:
        """Let it live until it ends, or stands still; then it returns None."""
        try:
            return self._stops()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """End the process, whatever it does, if it has not ended yet."""
        if not self._over:
            self._kill()
            self._gone()

    def _stops(self) -> LifeResult | None:
        try:
            if self._still:
                self._channel.send(self._life.world)
            words: Words = self._channel.receive(self._timeout)
        except (Silence, BrokenPipeError) as silence:
            if not getattr(silence, "late", False):
                return self._lost()
            return self._late()
        return self._told(words)

    def _told(self, words: Words) -> LifeResult | None:
        self._learn(words)
        if words.stopped == "still":
            self._still = True
            return None
        self._gone()
        if words.raised is not None:
            raise words.raised
        return words.result or LifeResult("passed")

    def _learn(self, words: Words) -> None:
        world = self._life.world
        world.adopt(words.world)
        self._life = world.lives[self._life.number - 1]
        if words.luggage is not None:
            self._program.unpack(words.luggage)

    def _late(self) -> LifeResult | None:
        """End a process in which nothing goes on, but first have it tell all."""
        where = ""
        with contextlib.suppress(Silence, ProcessLookupError):
            if LATE is not None:
                os.kill(self._pid, LATE)
                words: Words = self._channel.receive(GRACE)
                if words.stopped not in ("late", "still"):
                    # It has just made it.
                    return self._told(words)
                self._learn(words)
                where = words.where
        self.abandon()
        why = f"no end after {self._timeout:g} seconds"
        self._life.give_up(f"{why}, at {where}" if where else why)
        return LifeResult("failed", self._life.gave_up)

    def _lost(self) -> LifeResult:
        """Tell of a process that has not told of its end itself."""
        how = _ended(self._life.number, self._gone())
        self._life.vanish(how)
        said = self._said().strip()
        return LifeResult("failed", f"{said}\n\n{how}" if said else how)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _gone(self) -> int | None:
        self._over = True
        self._channel.close()
        return self._reap()


def reaped(pid: int) -> int | None:
    """Wait for a child to be gone; return its status, None if somebody else has it."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return None


def _ended(number: int, status: int | None) -> str:
    if status is None:
        how = "ended itself, past its test (os._exit?)"
    elif os.WIFSIGNALED(status):
        signalled = os.WTERMSIG(status)
        name = signal.strsignal(signalled) or "an unknown signal"
        with contextlib.suppress(ValueError):
            name = signal.Signals(signalled).name
        how = f"was ended by {name}, which no schedule had planned"
    else:
        how = (
            f"ended itself with status {os.waitstatus_to_exitcode(status)}, past its "
            "test (os._exit?)"
        )
    return f"the process of life {number} {how}"
