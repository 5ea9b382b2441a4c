"""Tracing (coverage, a debugger) on stacks that are switched by hand.

A trace function such as that of coverage.py keeps account of calls and returns, one
account per thread. Where one thread goes back and forth between two stacks, the
returns of one are taken for those of the other, and lines are counted to the wrong
file. So each stack is traced as if it were a thread.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, TypeAlias, final

TraceFunction: TypeAlias = Any


@final
class Tracer:
    """Puts a stack's own trace function in the place of its thread's, and back.

    It does so only where a tracer is set that wants one for each thread.
    """

    __slots__ = ("_inside", "_own", "_threads")

    def __init__(self) -> None:
        self._inside = False
        self._own: TraceFunction = None
        self._threads: TraceFunction = None

    def enter(self) -> None:
        """The stack goes on."""
        begin = threading.gettrace()
        if begin is None:
            return
        self._inside = True
        self._threads = sys.gettrace()
        sys.settrace(begin if self._own is None else self._own)

    def leave(self) -> None:
        """The stack stands still, or has ended."""
        if not self._inside:
            return
        self._inside = False
        self._own = sys.gettrace()
        sys.settrace(self._threads)
