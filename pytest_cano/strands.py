"""Strands: which asyncio task, or which call in a thread, does something in a visit.

What one strand does is ordered; what two do beside each other is not.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .frames import TaskFrame

OWN = 0
"""The strand of the visit itself: the one that its task was called in."""


class _Strand(NamedTuple):
    """The strand that a context belongs to.

    Attributes:
        runner: the asyncio task or thread, so that one that only inherited this
            context is told apart.
        number: of the strand, within its visit.
        items: how many items were recorded when it began.
    """

    runner: weakref.ref[Any]
    number: int
    items: int


_STRAND: ContextVar[_Strand | None] = ContextVar("cano_strand", default=None)


@contextmanager
def own_strand() -> Iterator[None]:
    """Say that the code in this block is the visit's own strand."""
    token = _STRAND.set(_Strand(weakref.ref(_runner()), OWN, 0))
    try:
        yield
    finally:
        # An abandoned coroutine may be closed in another context.
        with suppress(ValueError):
            _STRAND.reset(token)


def strand_of(frame: TaskFrame) -> int:
    """Return the number of the strand, within a visit, that the caller belongs to.

    A worker that has recorded one item and takes the next begins another strand: a
    resumed run may share the items out otherwise.
    """
    runner, strand = _runner(), _STRAND.get()
    if (
        strand is not None
        and strand.runner() is runner
        and (strand.number == OWN or strand.items == frame.items)
    ):
        return strand.number
    frame.strands += 1
    _STRAND.set(_Strand(weakref.ref(runner), frame.strands, frame.items))
    return frame.strands


def _runner() -> asyncio.Task[Any] | threading.Thread:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.current_thread() if task is None else task
