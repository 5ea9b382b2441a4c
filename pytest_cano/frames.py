"""Which visit of which run the code that is running belongs to."""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, final

import cano_core

from .notation import quote
from .schedule import CrashPoint

if TYPE_CHECKING:
    from .life import Life

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ENGINE = os.path.dirname(os.path.abspath(cano_core.__file__)) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep

MOST_WRAPPERS = 20

FRAME: ContextVar[TaskFrame | None] = ContextVar("cano_task_frame", default=None)
"""The visit whose task is running; asyncio tasks and `to_thread` inherit it."""

SESSION: ContextVar[int] = ContextVar("cano_session", default=0)
"""Which start or resumption of its run that is; 0 for a run without a store."""


class Start(NamedTuple):
    """How a run of a task began.

    Attributes:
        at: its place in the order of all that happens in a world.
        session: the start or resumption of the run that it belongs to.
        log: which log of the run it belongs to: each fresh start has one.
    """

    at: int
    session: int
    log: int


@final
class TaskFrame:
    """One visit in one life: what its task, or its compensation, has done so far.

    Attributes:
        life: the life.
        run: ordinal of the run.
        state: label.
        visit: of that state.
        undoing: whether this is the compensation.
        counts: calls and rows so far by moment, over all attempts; the compensation
            counts on.
        runs: how each run of the task ended; ``crashed`` until that is known.
        starts: how each of them began.
        strands: how many strands it has had, beside its own.
        items: how many results of items, which workers share, were recorded.
        error: what it raised last; empty if nothing, or if it was stopped.
        code: the task's own code, if it can be told.
        place: where the task was when it last waited, or came to a line, if that is
            counted: ``shop/checkout.py:31 in process``.
    """

    __slots__ = (
        *("code", "counts", "error", "items", "life", "place", "run", "runs"),
        *("starts", "state", "strands", "undoing", "visit"),
    )

    def __init__(
        self, life: Life, run: int, state: str, visit: int, undone: TaskFrame | None
    ) -> None:
        self.life = life
        self.run = run
        self.state = state
        self.visit = visit
        self.undoing = undone is not None
        self.counts: Counter[str] = Counter() if undone is None else undone.counts
        self.runs: list[Literal["returned", "interrupted", "crashed"]] = []
        self.starts: list[Start] = []
        self.strands = 0
        self.items = 0
        self.error = ""
        self.code: CodeType | None = None
        self.place = ""

    def __getstate__(self) -> dict[str, Any]:
        """What another process can know of it; code does not travel."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "code"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Be known in another process."""
        self.code = None
        for name, value in state.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        run = f"{self.run}:" if self.run != 1 else ""
        visit = f"#{self.visit}" if self.visit != 1 else ""
        undoing = " (compensation)" if self.undoing else ""
        return f"{run}{quote(self.state)}{visit}{undoing}"

    @property
    def advanced(self) -> bool:
        """Whether a part of the visit was recorded, and will not be done again."""
        return any(self.counts[moment] for moment in ("memo", "cursor", "branch"))

    def point(self, moment: str, index: int | None = None) -> CrashPoint:
        """Return a crash point of this visit."""
        return CrashPoint(self.state, moment, index, self.visit, self.run)

    def holds(self, point: CrashPoint) -> bool:
        """Say whether a crash point is one of this visit."""
        where = (point.run, point.state, point.visit)
        return where == (self.run, self.state, self.visit)

    def begin(self, session: int, log: int) -> None:
        """Begin one more run of the task, which has crashed until more is known."""
        self.starts.append(Start(self.life.world.tick(), session, log))
        self.runs.append("crashed")

    def next(self, moment: str) -> CrashPoint:
        """Count one more ``effect``, ``memo`` and so on; return the point after it."""
        self.counts[moment] += 1
        return self.point(moment, self.counts[moment])


def code_of(task: object) -> CodeType | None:
    """Return the code of a task as its author wrote it; None if there is none.

    A split, or a task of several methods, has none.
    """
    if not isinstance(task, functools.partial) and not hasattr(task, "__code__"):
        task = getattr(task, "run", task)
    for _ in range(MOST_WRAPPERS):
        if isinstance(task, functools.partial):
            task = task.func
        elif hasattr(task, "__wrapped__"):
            task = task.__wrapped__
        else:
            break
    code = getattr(task, "__code__", None)
    if not isinstance(code, CodeType) or code.co_filename.startswith(_ENGINE):
        return None
    return code


def location(root: Path, code: CodeType | None) -> str:
    """Say where in the program the caller is: ``shop/checkout.py:31 in process``.

    The line of the task's own frame, if that is on the stack; else the nearest one
    outside this package and the standard library; else where the task begins.
    """
    frame: FrameType | None = sys._getframe(1)
    nearest: tuple[CodeType, int] | None = None
    while frame is not None:
        if code is not None and frame.f_code is code:
            nearest = code, frame.f_lineno
            break
        if nearest is None and not passed_over(frame.f_code.co_filename):
            nearest = frame.f_code, frame.f_lineno
            if code is None:
                break
        frame = frame.f_back
    if nearest is None:
        if code is None:
            return ""
        nearest = code, code.co_firstlineno
    return describe_line(root, *nearest)


def waiting_at(root: Path, awaitable: Any, code: CodeType | None) -> str:
    """Say where in the program a suspended coroutine waits; see `location`."""
    place = ""
    while awaitable is not None:
        frame = getattr(awaitable, "cr_frame", None)
        if frame is not None and not passed_over(frame.f_code.co_filename):
            place = describe_line(root, frame.f_code, frame.f_lineno)
            if frame.f_code is code:
                break
        awaitable = getattr(awaitable, "cr_await", None)
    return place


def describe_line(root: Path, code: CodeType, line: int) -> str:
    """Say where a line of the program is: ``shop/checkout.py:31 in process``."""
    path = code.co_filename.removeprefix(str(root) + os.sep)
    return f"{path}:{line} in {code.co_name}"


def of_the_library(path: str) -> bool:
    """Say whether a source file is one of the standard library."""
    return path.startswith("<frozen") or (
        path.startswith(_LIBRARY) and "site-packages" not in path
    )


def passed_over(path: str) -> bool:
    """Say whether a file is no part of the program, but of what runs it."""
    return path.startswith((_HERE, _ENGINE)) or of_the_library(path)
