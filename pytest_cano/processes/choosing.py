"""Which process a life gets: the one policy for tests and for functions."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from ..hosts import Living
from ..life import Life
from ..program import Program
from .channel import Channel
from .forking import Forking, why_not
from .nursery import Nurseries


class Processes:
    """Forks lives where that can be, and else has a fresh interpreter begin them.

    A subclass says how a fresh interpreter comes to its program.

    Args:
        timeout: seconds that a life may take until it stops; None for no limit.

    Attributes:
        slow: why lives had to be in fresh interpreters; empty if none had to.
        remembers: why lives had the memory of the undisturbed run; empty if none had.
    """

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.nurseries: Nurseries | None = None
        self.slow = ""
        self.remembers = ""
        self._forking = Forking(timeout)

    @property
    def channels(self) -> Sequence[Channel]:
        """What a worker process has to keep to begin lives."""
        return () if self.nurseries is None else self.nurseries.channels

    def leave_behind(self, program: Program, workers: int) -> None:
        """Leave processes behind for lives, before the program has run.

        Args:
            program: the program.
            workers: how many processes there are to be that each run lives.
        """
        if not why_not():
            with contextlib.suppress(OSError):
                self.nurseries = Nurseries(program, workers, self.timeout)

    def close(self, why: str = "") -> None:
        """End what was left behind; lives may begin after that, as they can."""
        if self.nurseries is not None:
            self.nurseries.close()
            self.nurseries = None
            # Workers, which begin lives themselves, do not tell of it.
            self.remembers = why

    def begin(self, program: Program, life: Life) -> Living:
        """Begin a life."""
        if self.nurseries is not None:
            living = self.nurseries.begin(program, life)
            if living is not None:
                return living
        reason = why_not()
        if not reason:
            self.remembers = self.remembers or (
                "no process could be left behind for them"
            )
            return self._forking.begin(program, life)
        self.slow = self.slow or reason
        return self.begin_fresh(program, life)

    def begin_fresh(self, program: Program, life: Life) -> Living:
        """Begin a life in a fresh interpreter."""
        raise NotImplementedError
