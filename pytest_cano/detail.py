"""The moments within a task that are counted on request: its waits, and its lines."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractContextManager, nullcontext
from types import CodeType
from typing import Any

from .driving import driven
from .frames import FRAME, TaskFrame, describe_line, waiting_at


async def in_detail(frame: TaskFrame, attempt: Awaitable[Any]) -> Any:
    """Make an attempt, driven by hand, with the moments that its world asks for."""
    detail = frame.life.world.detail
    if detail == "effects":
        return await driven(attempt)

    def waits() -> None:
        frame.place = waiting_at(frame.life.world.root, attempt, frame.code)
        frame.life.reached(frame.next("await"))

    with _lines(frame) if detail == "lines" else nullcontext():
        return await driven(attempt, on_suspend=waits)


def _lines(frame: TaskFrame) -> AbstractContextManager[Any]:
    """Count the lines of the module in which the task is written."""
    if frame.code is None:
        return nullcontext()
    from .lines import watching

    def line(code: CodeType, number: int) -> None:
        # Of whatever else runs the same module at that time, nothing is counted.
        if FRAME.get() is frame:
            frame.place = describe_line(frame.life.world.root, code, number)
            frame.life.reached(frame.next("line"))

    return watching(frame.code.co_filename, line)
