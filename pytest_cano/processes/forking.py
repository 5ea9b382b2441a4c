"""Processes for lives, forked from this one: everything is imported and set up."""

from __future__ import annotations

import os
import sys
import threading
import traceback
import warnings
from typing import final

from ..life import Life
from ..program import Program
from .channel import Channel
from .inside import OwnProcess
from .outside import LifeProcess


def why_not() -> str:
    """Say why this process can't be forked now; empty if it can.

    What another thread holds at that moment, a lock say, nobody would let go of in
    the child.
    """
    if not hasattr(os, "fork"):
        return "there is no fork on this system"
    others = [each for each in threading.enumerate() if each.name != "MainThread"]
    if others:
        return f"the thread {others[0].name!r} is running"
    if _native_threads() > 1:
        return "threads of a library are running"
    return ""


def _native_threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


@final
class Forking:
    """Begins lives in forked processes, as `pytest_cano.hosts.Host`.

    Args:
        timeout: seconds that a life may take until it stops; None for no limit.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout

    def begin(self, program: Program, life: Life) -> LifeProcess:
        """Begin a life."""
        here, there = Channel.pair()
        pid = fork()
        if not pid:
            _live(program, life, here, there)
        there.close()
        return LifeProcess(
            program,
            life,
            here,
            pid,
            lambda: os.waitpid(pid, 0)[1],
            self._timeout,
        )


def fork() -> int:
    """Fork; what is still to be written is written by the parent alone."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings():
        # Of threads, which have been looked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _live(program: Program, life: Life, here: Channel, there: Channel) -> None:
    """Live in the child, and never return."""
    status = 1
    try:
        here.close()
        OwnProcess(program, there).live(life)
        status = 0
    except BaseException:  # noqa: BLE001 -- the parent's frames are not to be run twice
        traceback.print_exc()
    finally:
        os._exit(status)
