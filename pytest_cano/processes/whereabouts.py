"""Where in the program a life is that does not come to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from ..frames import describe_line, passed_over
from ..life import Life


def whereabouts(life: Life, frame: FrameType | None) -> str:
    """Return the line of the program that is being run, or waited in.

    Args:
        life: the life.
        frame: what its main thread is running.
    """
    root = life.world.root
    for task in life.drivers.values():
        if not task.done() and task is not _current(task):
            found = _deepest(_awaiting(task.get_coro()), root)
            if found:
                return found
    return _deepest(reversed([*_stack(frame)]), root)


def _deepest(frames: Iterator[FrameType], root: Path) -> str:
    found = ""
    for frame in frames:
        if not passed_over(frame.f_code.co_filename):
            found = describe_line(root, frame.f_code, frame.f_lineno)
    return found


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _awaiting(coroutine: Any) -> Iterator[FrameType]:
    """Return the frames of a coroutine that waits, the deepest last."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(
            coroutine, "ag_frame", None
        )
        if frame is not None:
            yield frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(
            coroutine, "ag_await", None
        )


def _current(task: asyncio.Task[Any]) -> asyncio.Task[Any] | None:
    return asyncio.current_task(task.get_loop())
