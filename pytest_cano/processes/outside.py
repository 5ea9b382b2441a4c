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
from .words import Words

GRACE: Final = 5.0
"""Seconds in which a process that has told of its end has to be gone."""


@final
class LifeProcess:
    """A life in a process of its own, as `pytest_cano.hosts.Living`.

    Args:
        program: what lives there.
        life: the life.
        channel: leads to it.
        pid: of the process.
        reap: waits for it to be gone, and returns its status as `os.waitpid` has it.
        timeout: seconds that it may take until it stops; None for no limit.
        said: what it has written where nobody else reads it.
    """

    def __init__(
        self,
        program: Program,
        life: Life,
        channel: Channel,
        pid: int,
        reap: Callable[[], int],
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

    def until_it_stops(self) -> LifeResult | None:
        """Let it live until it ends, or stands still; then it returns None."""
        world = self._life.world
        try:
            if self._still:
                self._channel.send(world)
            words: Words = self._channel.receive(self._timeout)
        except (Silence, BrokenPipeError) as silence:
            return self._lost(getattr(silence, "late", False))
        except BaseException:
            self.abandon()
            raise
        world.adopt(words.world)
        self._life = world.lives[self._life.number - 1]
        if words.luggage is not None:
            self._program.unpack(words.luggage)
        if words.stopped == "still":
            self._still = True
            return None
        self._gone()
        return words.result or LifeResult("passed")

    def abandon(self) -> None:
        """End the process, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._gone()

    def _gone(self) -> int:
        self._channel.close()
        return self._reap()

    def _lost(self, late: bool) -> LifeResult:
        """Tell of a process that has not told of its end itself."""
        life = self._life
        if late:
            self.abandon()
            life.give_up(f"no end after {self._timeout:g} seconds")
            return LifeResult("failed", life.gave_up)
        status = self._gone()
        life.end()
        said = self._said().strip()
        told = _ended(life.number, status)
        return LifeResult("failed", f"{said}\n\n{told}" if said else told)


def _ended(number: int, status: int) -> str:
    if os.WIFSIGNALED(status):
        signalled = signal.Signals(os.WTERMSIG(status)).name
        how = f"was ended by {signalled}, which no schedule had planned"
    else:
        how = (
            f"ended itself with status {os.waitstatus_to_exitcode(status)}, past its "
            "test (os._exit?)"
        )
    return f"the process of life {number} {how}"
