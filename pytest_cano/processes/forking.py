"""Processes for lives, forked from this one: everything is imported and set up."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn, final

from ..life import Life
from ..program import Program
from . import loops, orphans
from .channel import Channel, Silence, keep_only
from .inside import OwnProcess, flush
from .outside import LifeProcess, reaped

IDLE: Final = frozenset({"pytest_rerunfailures"})
"""Modules whose threads wait for a connection, and hold nothing meanwhile."""

LINGERING: Final = 0.1
"""Seconds that a thread may be seen after its end."""

_FULL: Final = 64
"""Forks for which one full collection has to do."""

_forks: Final = itertools.count()

_waiting: Final[set[threading.Thread]] = set()
"""Threads that do nothing but wait for one of ours to come back."""


@contextmanager
def waiting(thread: threading.Thread) -> Iterator[None]:
    """Say that a thread does nothing in this block but wait for another one."""
    _waiting.add(thread)
    try:
        yield
    finally:
        _waiting.remove(thread)


def why_not() -> str:
    """Say why this process can't be forked now; empty if it can.

    What another thread holds at that moment, a lock say, nobody would let go of in
    the child. A watchdog of faulthandler (`dump_traceback_later`) is called off.
    """
    if not hasattr(os, "fork"):
        return "there is no fork on this system"
    here = threading.current_thread()
    threads = threading.enumerate()
    for each in threads:
        if each is not here and each not in _waiting and not _is_idle(each):
            return f"the thread {each.name!r} is running"
    if _native_threads() > len(threads) and "faulthandler" in sys.modules:
        # Its watchdog is one of them, and nothing tells whether there is one.
        sys.modules["faulthandler"].cancel_dump_traceback_later()
    # One that has been waited for may take a moment to be gone.
    until = time.monotonic() + LINGERING
    while _native_threads() > len(threads):
        if time.monotonic() > until:
            return "threads of a library are running"
        time.sleep(0.001)
    return ""


def _is_idle(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    return getattr(target, "__module__", None) in IDLE


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
        self._loops: Sequence[weakref.ref[Any]] | None = None

    def begin(self, program: Program, life: Life) -> LifeProcess:
        """Begin a life."""
        if self._loops is None:
            self._loops = loops.loops_at_rest()
        here, there = Channel.pair()
        pid = fork(there, loops_at_rest=self._loops)
        if not pid:
            live_in_child(OwnProcess(program, there).live, life)
        there.close()
        return LifeProcess(program, life, here, pid, lambda: reaped(pid), self._timeout)


def fork(
    *channels: Channel, loops_at_rest: Sequence[weakref.ref[Any]] | None = None
) -> int:
    """Fork this process.

    What is still to be written is written by the parent alone, and the child ends
    with it.

    Args:
        channels: of which the child is to be one end; it lets go of all others.
        loops_at_rest: this process's open event loops, if they are known.
    """
    if loops_at_rest is None:
        loops_at_rest = loops.loops_at_rest()
    orphans.prepare()
    flush()
    parent = os.getpid()
    # A collection in the child would write to every object, and so copy its memory.
    # What has been frozen once is old, and no other collection would ever look at it.
    gc.collect(1 if next(_forks) % _FULL else 2)
    gc.freeze()
    with warnings.catch_warnings():
        # Of threads, which have been looked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        gc.unfreeze()
        return pid
    orphans.die_with(parent)
    keep_only(channels)
    signal.set_wakeup_fd(-1)
    loops.renew(loops_at_rest)
    return 0


def live_in_child(live: Callable[..., object], *args: object) -> NoReturn:
    """Call what lives in a forked child, and never return."""
    status = 1
    try:
        live(*args)
        status = 0
    except (Silence, BrokenPipeError):
        pass  # nobody wants to know any more
    except BaseException:  # noqa: BLE001 -- the parent's frames are not to be run twice
        traceback.print_exc()
    finally:
        os._exit(status)
