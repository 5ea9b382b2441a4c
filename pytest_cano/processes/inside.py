"""A life's process, seen from inside."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any, NoReturn, Protocol, final

from ..injection import injected
from ..life import Life
from ..program import LifeResult, Program
from .channel import Channel
from .words import Words


class Travelling(Protocol):
    """A program that has something to tell of a life beside its result."""

    def pack(self) -> Any:
        """Return it, in what can be pickled; it may be asked in the midst of a life."""

    def unpack(self, luggage: Any) -> None:
        """Take what the same program has packed in another process."""


@final
class OwnProcess:
    """The process that one life has to itself.

    Args:
        program: what lives.
        channel: leads to the process that began this one.
    """

    def __init__(self, program: Program, channel: Channel) -> None:
        self._program = program
        self._channel = channel

    def live(self, life: Life) -> None:
        """Live a life, and tell of its end."""
        life.process = self
        with injected(life):
            result = self._program.live(life)
        self._say("ended", life, replace(result, error=None))

    def die(self, life: Life) -> NoReturn:
        """Write down all that this process knows, and end it at once."""
        self._say("killed", life)
        os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)  # nobody survives the line before

    def stand_still(self, life: Life) -> None:
        """Let another process live, and go on in the world as that one leaves it."""
        self._say("still", life)
        life.world.adopt(self._channel.receive(), but=life)

    def _say(self, stopped: Any, life: Life, result: LifeResult | None = None) -> None:
        luggage = self._program.pack() if hasattr(self._program, "pack") else None
        self._channel.send(Words(stopped, life.world, result, luggage))
