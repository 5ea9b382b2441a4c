"""Calling back before every line of some source files, in one context.

Two programs may run the same file beside each other, so a line is reported only where
`watching` is in force: in the context that entered it, and in the asyncio tasks and
threads that inherit it.

Python 3.12 and later have `sys.monitoring`, which others can use at the same time.
Python 3.11 has one trace function for all, which must be free.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any, Final, Protocol, TypeAlias, final

OnLine: TypeAlias = Callable[[CodeType, int], object]
"""Called with the code and the number of a line that is about to be executed."""


class LinesUnavailableError(RuntimeError):
    """Another tool has what is needed to see lines."""


@contextmanager
def watching(files: str | Collection[str], on_line: OnLine) -> Iterator[None]:
    """Call back before every line of these files that this context executes.

    What the callback raises is raised by the code at that line. It may use
    `pytest_cano.driving`, too. Lines that it executes itself are not reported. Where
    one `watching` is entered within another, only the inner one is told.

    On Python 3.11 a thread that was there before sees nothing, and after a callback
    has raised, the rest of that call is not watched.

    Args:
        files: names of source files, as in ``code.co_filename``.
        on_line: the callback.

    Raises:
        LinesUnavailableError: another tool has what is needed.
    """
    watch = _Watch(frozenset([files] if isinstance(files, str) else files), on_line)
    _EYES.open(watch.files)
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        watch.over = True
        # An abandoned coroutine may be closed in another context.
        with contextlib.suppress(ValueError):
            _WATCH.reset(token)
        _EYES.close(watch.files)


@final
class _Watch:
    """One `watching` in force.

    Attributes:
        files: see there.
        on_line: see there.
        over: whether it has been left; what it began may still be going on.
    """

    __slots__ = ("files", "on_line", "over")

    def __init__(self, files: frozenset[str], on_line: OnLine) -> None:
        self.files = files
        self.on_line = on_line
        self.over = False


_WATCH: ContextVar[_Watch | None] = ContextVar("cano_watched_lines", default=None)


def _seen(code: CodeType, line: int) -> None:
    """Report a line to whoever watches in this context."""
    watch = _WATCH.get()
    if watch is None or watch.over or code.co_filename not in watch.files:
        return
    token = _WATCH.set(None)
    try:
        # While it calls us back, Python reports no lines. That must not last if the
        # callback waits, or never comes back.
        sys.call_tracing(watch.on_line, (code, line))
    finally:
        _WATCH.reset(token)


class _Eyes(Protocol):
    """Sees lines, for as many as watch at the same time."""

    def open(self, files: frozenset[str]) -> None:
        """See the lines of these files as well."""

    def close(self, files: frozenset[str]) -> None:
        """See them once less."""


@final
class _Monitor:
    """Sees them by `sys.monitoring`."""

    # Those that no kind of tool is to have come first; coverage has one to itself.
    _IDS: Final = (3, 4, 5, 2)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: Counter[str] = Counter()
        self._tool: int | None = None

    def open(self, files: frozenset[str]) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        with self._lock:
            if self._tool is None:
                self._tool = self._free_tool(monitoring)
                line = monitoring.events.LINE
                monitoring.use_tool_id(self._tool, "pytest-cano")
                monitoring.register_callback(self._tool, line, self._line)
                monitoring.set_events(self._tool, line)
            unseen = files - self._files.keys()
            self._files.update(files)
            if unseen:
                # Their lines may have been switched off as somebody else's.
                monitoring.restart_events()

    def close(self, files: frozenset[str]) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        with self._lock:
            self._files = +(self._files - Counter(files))
            if self._files or self._tool is None:
                return
            monitoring.set_events(self._tool, 0)
            monitoring.register_callback(self._tool, monitoring.events.LINE, None)
            monitoring.free_tool_id(self._tool)
            self._tool = None

    def _free_tool(self, monitoring: Any) -> int:
        for tool in self._IDS:
            if monitoring.get_tool(tool) is None:
                return tool
        names = ", ".join(map(monitoring.get_tool, self._IDS))
        raise LinesUnavailableError(
            f"lines can't be seen: other tools ({names}) use every free tool id of "
            "sys.monitoring; leave one of them out"
        )

    def _line(self, code: CodeType, line: int) -> object:
        if code.co_filename not in self._files:
            monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
            return monitoring.DISABLE
        _seen(code, line)
        return None


@final
class _Tracer:
    """Sees them by the trace function."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: Counter[str] = Counter()

    def open(self, files: frozenset[str]) -> None:
        with self._lock:
            for tracer in (sys.gettrace(), threading.gettrace()):
                if tracer not in (None, self._call):
                    raise LinesUnavailableError(
                        "lines can't be seen: before Python 3.12, only one tool can "
                        f"trace, and {_described(tracer)} does; take a later Python, "
                        "or leave that tool out (for coverage, pytest --no-cov)"
                    )
            self._files.update(files)
            sys.settrace(self._call)
            threading.settrace(self._call)

    def close(self, files: frozenset[str]) -> None:
        with self._lock:
            self._files = +(self._files - Counter(files))
            if not self._files:
                threading.settrace(None)
                if sys.gettrace() == self._call:
                    sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            _seen(frame.f_code, frame.f_lineno)
        return self._line


def _described(tracer: object) -> str:
    return f"{type(tracer).__module__}.{type(tracer).__qualname__}"


_EYES: Final[_Eyes] = _Monitor() if hasattr(sys, "monitoring") else _Tracer()
