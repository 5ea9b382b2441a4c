"""A fresh interpreter, for lives whose process can't be forked from this one.

Once it has imported what it needs, it forks a process for each life itself. If threads
are running there, too, it is a process for one life.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from typing import Final, final

from ..life import Life
from ..program import LifeResult, Program
from .channel import Silence
from .control import Control
from .orphans import die_with
from .outside import LifeProcess

GRACE: Final = 5.0
"""Seconds in which an interpreter that is not needed any more has to end."""


@final
class Interpreter:
    """A process that begins lives, as this one asks it to.

    Args:
        module: its ``main()`` is what runs there; it calls `serving.serve`.
        order: what that is told first, in what can be pickled.
        shows: whether its output is this process's, or nobody's.
    """

    def __init__(self, module: str, order: object, *, shows: bool = False) -> None:
        self._control, there = Control.pair()
        self._owner = os.getpid()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 -- as long as it lives
        code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; "
        self._process = subprocess.Popen(
            [
                sys.executable,
                # As multiprocessing hands them on.
                *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
                *("-c", f"{code}main()", str(there.descriptor), str(self._owner)),
            ],
            pass_fds=[there.descriptor],
            # Those of a worker of pytest-xdist are its line to the controller.
            stdin=subprocess.DEVNULL,
            stdout=None if shows else subprocess.DEVNULL,
            stderr=None if shows else self._errors,
        )
        there.close()
        self._written = ""
        self._alone = False
        self._told = False
        self._order = order

    @property
    def usable(self) -> bool:
        """Whether further lives can begin in it."""
        here = self._owner == os.getpid()
        return here and not self._alone and self._process.poll() is None

    def begin(
        self, which: object, program: Program, life: Life, timeout: float | None
    ) -> LifeProcess | Stillborn:
        """Begin a life.

        Args:
            which: tells it what program that is there.
            program: the same, here.
            life: the life.
            timeout: seconds that it may take until it stops; None for no limit.
        """
        try:
            if not self._told:
                self._told = True
                self._control.send(self._order)
            channel, pid = self._control.ask(which, life)
        except LookupError as error:
            return Stillborn(life, str(error.args[0]))
        except (Silence, BrokenPipeError, ConnectionError):
            return Stillborn(life, self._said())
        if pid is None:
            self._alone = True
            own = self._process.pid
            return LifeProcess(
                program, life, channel, own, self._wait, timeout, self._said
            )
        return LifeProcess(
            program,
            life,
            channel,
            pid,
            lambda: self._control.reap(pid),
            timeout,
            self._said,
        )

    def close(self) -> None:
        """End it; what it was asked for has ended.

        If it is the process of a life itself, that has to end.
        """
        if self._owner != os.getpid() or self._alone:
            return
        with contextlib.suppress(OSError):
            self._control.send(None)
        self._control.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said()

    def _wait(self) -> int:
        """Wait for it, and return its status as `os.waitpid` has it."""
        code = self._process.wait()
        self._control.close()
        self._said()
        return -code if code < 0 else code << 8

    def _said(self) -> str:
        """Return what it has written where nobody else reads it."""
        if not self._errors.closed:
            self._errors.seek(0)
            self._written = self._errors.read().decode("utf-8", "replace").strip()
            if self._process.poll() is not None:
                self._errors.close()
        return self._written


@final
class Stillborn:
    """A life that did not begin, as `pytest_cano.hosts.Living`.

    Args:
        life: the life.
        said: what the interpreter has said about that.
    """

    def __init__(self, life: Life, said: str) -> None:
        self._life = life
        self._said = said

    def until_it_stops(self) -> LifeResult:
        """Say why it did not begin."""
        how = f"the fresh interpreter of life {self._life.number} did not begin it"
        self._life.vanish(how)
        return LifeResult("failed", f"{self._said}\n\n{how}" if self._said else how)

    def abandon(self) -> None:
        """Nothing is left of it."""


def line() -> Control:
    """In a fresh interpreter: return the line to the process that has begun it.

    It ends with that one.
    """
    descriptor, parent = map(int, sys.argv[1:3])
    die_with(parent)
    return Control(descriptor)
