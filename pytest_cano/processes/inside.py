"""A life's process, seen from inside."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from dataclasses import replace
from types import FrameType
from typing import Any, Final, NoReturn, Protocol, final

from ..injection import injected
from ..life import Life
from ..measured import keep_apart
from ..program import Program
from .channel import Channel, Silence, dumped
from .whereabouts import whereabouts
from .words import Stopped, Words

LATE: Final = getattr(signal, "SIGRTMAX", None) or getattr(signal, "SIGUSR2", None)
"""The signal that asks a process for its last words: one that nobody else uses."""

_ATTEMPTS: Final = 10


class Travelling(Protocol):
    """A program that has something to tell of a life beside its result."""

    def pack(self) -> Any:
        """Return what is new, in what can be pickled; a life may be going on."""

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
        self._program: Any = program
        self._channel = channel

    def live(self, life: Life) -> None:
        """Live a life, and tell of its end."""
        life.process = self
        keep_apart()
        # What it took to have a process is not its time.
        life.watch.restart()
        if LATE is not None:
            signal.signal(LATE, lambda _, frame: self._be_late(life, frame))
        try:
            with injected(life):
                result = self._program.live(life)
        except (Silence, BrokenPipeError):
            raise
        except BaseException as error:  # noqa: BLE001 -- raised again by the parent
            self._say("raised", life, raised=sendable(error))
            return
        self._say("ended", life, result=replace(result, error=None))

    def die(self, life: Life) -> NoReturn:
        """Write down all that this process knows, and end it at once."""
        # Nothing is recorded meanwhile, by no thread.
        with life.world.lock:
            life.world.book.cut_off(life.number)
            self._say("killed", life)
            kill_itself()

    def stand_still(self, life: Life) -> None:
        """Let another process live, and go on in the world as that one leaves it."""
        world = life.world
        # Time stands still, too.
        alarm = signal.setitimer(signal.ITIMER_REAL, 0)
        with world.lock, life.watch.paused():
            # Of what other threads have asked a store for, nobody knows the answer.
            world.book.cut_off(life.number)
            self._say("still", life)
            try:
                world.adopt(self._channel.receive(), but=life)
            except Silence:
                kill_itself()
        if alarm[0]:
            signal.setitimer(signal.ITIMER_REAL, *alarm)

    def _be_late(self, life: Life, frame: FrameType | None) -> None:
        """Tell what is known when nobody waits any longer, wherever the code is."""
        life.world.book.cut_off(life.number)
        with contextlib.suppress(Exception):
            self._say("late", life, where=whereabouts(life, frame))
        kill_itself()

    def _say(self, stopped: Stopped, life: Life, **more: Any) -> None:
        flush()
        luggage = self._program.pack() if hasattr(self._program, "pack") else None
        words = Words(stopped, life.world, luggage=luggage, **more)
        for _ in range(_ATTEMPTS):
            # What other threads still do to the world is no matter.
            with contextlib.suppress(RuntimeError):
                self._channel.send_dumped(dumped(words))
                return
        self._channel.send(words)


def kill_itself() -> NoReturn:
    """End this process as nothing else can."""
    os.kill(os.getpid(), signal.SIGKILL)
    os._exit(1)  # nobody survives the line before


def flush() -> None:
    """Let everything that was written be out of this process."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()  # type: ignore[union-attr]


def sendable(error: BaseException) -> BaseException:
    """Return an exception as another process can raise it."""
    if isinstance(error, KeyboardInterrupt):
        return KeyboardInterrupt()
    try:
        dumped(error)
    except Exception:  # noqa: BLE001 -- whatever keeps it from being pickled
        return RuntimeError(traceback.format_exc())
    # Whatever pytest itself raises, to end the session say, says all by its message.
    if isinstance(error, Exception) and not type(error).__module__.startswith(
        "_pytest"
    ):
        error.add_note(f"in a process of its own:\n{traceback.format_exc()}")
    return error
