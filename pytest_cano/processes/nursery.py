"""Processes for lives, forked from one that was left behind before the program ran.

Nothing that the undisturbed program has left in memory is there: neither what a module
keeps nor a cache.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import struct
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Final, final

from ..hosts import Living
from ..life import Life
from ..program import Program
from .channel import Channel, Silence
from .control import Control
from .forking import fork, live_in_child
from .outside import LifeProcess, reaped
from .serving import serve

_TICKET: Final = struct.Struct("I")

OURS: Final = frozenset({"cano_core", "pytest_cano"})


@final
class Nursery:
    """A process that begins a program's lives, as this one asks it to.

    Args:
        program: as it is before it has run.
        timeout: seconds that a life may take until it stops; None for no limit.
    """

    def __init__(self, program: Program, timeout: float | None) -> None:
        self._control, there = Control.pair()
        self._timeout = timeout
        self._told = False
        self._owner = os.getpid()
        self._pid = fork(there.channel)
        if not self._pid:
            live_in_child(_serve, there, program)
        there.close()

    @property
    def channel(self) -> Channel:
        """Leads to it; a worker process that is to use it has to keep that."""
        return self._control.channel

    def begin(self, program: Program, life: Life) -> Living | None:
        """Begin a life; None if that can't be done here (any more)."""
        try:
            if not self._told:
                self._told = True
                self._control.send(harmless_modules())
            channel, pid = self._control.ask("", life)
        except (Silence, OSError, LookupError):
            return None
        if pid is None:
            raise RuntimeError("a nursery has become a life itself")
        return LifeProcess(
            program, life, channel, pid, lambda: self._control.reap(pid), self._timeout
        )

    def close(self) -> None:
        """End it; its lives have ended."""
        self._control.close()
        if os.getpid() == self._owner:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            reaped(self._pid)


@final
class Nurseries:
    """One for this process, and one for each of its workers.

    Args:
        program: as it is before it has run.
        workers: how many processes there are to be that each run lives.
        timeout: seconds that a life may take until it stops; None for no limit.
    """

    def __init__(self, program: Program, workers: int, timeout: float | None) -> None:
        self._owner = os.getpid()
        count = 1 if workers == 1 else workers + 1
        self._all: list[Nursery] = []
        try:
            while len(self._all) < count:
                self._all.append(Nursery(program, timeout))
        except OSError:
            for each in self._all:
                each.close()
            raise
        self._mine = self._all[0]
        # Whoever comes first takes the next one.
        take, give = os.pipe()
        os.write(give, b"".join(map(_TICKET.pack, range(1, count))))
        os.close(give)
        self._tickets = take

    @property
    def channels(self) -> Sequence[Channel]:
        """What a worker process has to keep."""
        return [each.channel for each in self._all]

    def begin(self, program: Program, life: Life) -> Living | None:
        """Begin a life, in the nursery of this process; None if that can't be done."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            ticket = os.read(self._tickets, _TICKET.size)
            self._mine = self._all[_TICKET.unpack(ticket)[0]]
        return self._mine.begin(program, life)

    def close(self) -> None:
        """End them all."""
        os.close(self._tickets)
        for each in self._all:
            each.close()


def harmless_modules() -> list[str]:
    """Return what is imported here, and may be imported on suspicion."""
    return sorted(
        name
        for name in sys.modules
        if (package := name.partition(".")[0]) in OURS
        or package in sys.stdlib_module_names
    )


def import_modules(names: Iterable[str]) -> None:
    """Import what each life would otherwise import for itself."""
    with warnings.catch_warnings():
        # Whoever needs it has been warned, or did not want to be.
        warnings.simplefilter("ignore")
        for name in names:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _serve(control: Control, program: Any) -> None:
    if hasattr(program, "set_apart"):
        program.set_apart()
    # Ctrl-C comes to every process of the terminal; ours has told of it.
    with contextlib.suppress(Silence, KeyboardInterrupt):
        import_modules(control.receive())
        serve(control, lambda _: program, becomes_one=False)
