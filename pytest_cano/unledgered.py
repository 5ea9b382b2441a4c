"""Noticing effects that the ledger is not told of.

A task that writes a file, opens a connection or starts a process changes a world
that nobody compares. Python tells of such things as audit events; here the line of
the program that causes one is named, once, as a hint. It is no failure: not all of
them matter.

Not named is what comes from the engine, the checkpoint store, this package and the
tools around it, what goes through a spy, and what stays on the disk of the world.
Nor can all be seen: a connection that is open already tells nothing any more.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from .audit_events import EVENTS, Effect
from .frames import FRAME, TaskFrame, location, of_the_library

if TYPE_CHECKING:
    from .life import Life

Say: TypeAlias = Callable[[str], object]
"""Called with half a sentence that begins with the line of the program."""

_TOLD: Final = frozenset(
    {
        "pytest_cano.bound_store",
        "pytest_cano.faulty_store",
        "pytest_cano.session_store",
        "pytest_cano.spy",
    }
)
"""Modules through which a program's effects, or its rows, are known of."""

_TOOLS: Final = frozenset(
    {
        *("cano_core", "pytest_cano", "_pytest", "coverage", "execnet", "faker"),
        *("hypothesis", "pluggy", "pytest", "pytest_cov", "xdist"),
    }
)
"""Packages whose own doings are none of the program's."""

_SCRATCH: Final = frozenset(
    {"_frozen_importlib_external", "importlib._bootstrap_external", "tempfile"}
)
"""Modules that write what nobody else looks at."""

_NO_FILES: Final = ("/dev/", "/proc/")


@contextmanager
def noticing(life: Life, say: Say) -> Iterator[None]:
    """Say which lines of the program have effects that the ledger is not told of.

    Only tasks and compensations of this life are looked at, while it lasts.

    Args:
        life: the life.
        say: called at most once for each line, in whatever thread it runs.
    """
    _install()
    _watches[id(life)] = _Watch(life, say)
    try:
        yield
    finally:
        del _watches[id(life)]


@final
class _Watch:
    """One `noticing` in force; see there."""

    def __init__(self, life: Life, say: Say) -> None:
        self._life = life
        self._say = say
        self._said: set[str] = set()
        self._disk = os.path.realpath(life.world.disk)

    def see(self, effect: Effect, frame: TaskFrame) -> None:
        """Say what a task does, if it is to be said."""
        if effect.path is not None and not self._is_outside(effect.path):
            return
        if not _is_the_programs(sys._getframe(1), frame.code):
            return
        where = location(self._life.world.root, frame.code)
        if where and where not in self._said:
            self._said.add(where)
            self._say(f"{where} {effect}, which the ledger is not told of")

    def _is_outside(self, path: str) -> bool:
        """Say whether a file is one that only the ledger could know of."""
        path = os.path.realpath(path)
        stores = [
            os.path.realpath(part)
            for record in self._life.world.book.records.values()
            for part in record.place.split(" ")[1:]
            if part.strip(os.sep)
        ]
        # A store may have several files, such as runs.db and runs.db-wal.
        known = (*_NO_FILES, *stores, self._disk + os.sep)
        return not path.startswith(known) and path != self._disk


_watches: Final[dict[int, _Watch]] = {}
_lock: Final = threading.Lock()
_busy: Final = threading.local()
_installed = False


def _install() -> None:
    """Be told of audit events: for good, for nobody can take that back."""
    global _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_hook)
            _installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Look at an audit event."""
    if not _watches or event not in EVENTS or getattr(_busy, "now", False):
        return
    frame = FRAME.get()
    if frame is None or frame.life.over:
        return
    watch = _watches.get(id(frame.life))
    if watch is None:
        return
    _busy.now = True
    try:
        # What is raised here would be raised by the program.
        with contextlib.suppress(Exception):
            for effect in EVENTS[event](*arguments):
                watch.see(effect, frame)
    finally:
        _busy.now = False


# Python traces no audit hook unless it says so, and coverage is to see this one.
_hook.__cantrace__ = True  # type: ignore[attr-defined]


def _is_the_programs(here: FrameType | None, code: CodeType | None) -> bool:
    """Say whether something is done by the program, and not known of."""
    nearest = True
    while here is not None:
        module = here.f_globals.get("__name__", "")
        if module in _TOLD:
            return False
        if nearest and module != __name__:
            if module in _SCRATCH or module.partition(".")[0] in _TOOLS:
                return False
            # The library does what it is told to, also in a thread of its own.
            nearest = of_the_library(here.f_code.co_filename)
        if here.f_code is code:
            break
        here = here.f_back
    return True
