"""Where lives are lived: in this process, or in one of their own."""

from __future__ import annotations

from typing import Protocol, final

from .injection import injected
from .life import Life
from .program import LifeResult, Program


class Living(Protocol):
    """A life that has begun."""

    def until_it_stops(self) -> LifeResult | None:
        """Let it live on until it ends, and say how; None if it stands still instead.

        What happened in the meantime is known to its world afterwards.
        """

    def abandon(self) -> None:
        """End it, whatever it does."""


class Host(Protocol):
    """Begins lives."""

    def begin(self, program: Program, life: Life) -> Living:
        """Begin a life; it has gone nowhere yet."""


class Process(Protocol):
    """The process that a life has to itself, seen from inside."""

    def die(self, life: Life) -> None:
        """Write down all that this process knows, and end it at once."""

    def stand_still(self, life: Life) -> None:
        """Let another process live, and go on in the world as that one leaves it."""


@final
class InThisProcess:
    """Lives in this process, one after the other."""

    def begin(self, program: Program, life: Life) -> Living:
        """Begin a life."""
        return _Here(program, life)


@final
class _Here:
    def __init__(self, program: Program, life: Life) -> None:
        self._program = program
        self._life = life

    def until_it_stops(self) -> LifeResult:
        with injected(self._life):
            return self._program.live(self._life)

    def abandon(self) -> None:
        self._life.end()
