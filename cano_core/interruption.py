"""What may stop a run from outside its tasks: its total timeout, and a Cancellation.

A run that has neither has no `Interruption`, and pays nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, final

from .cancellation import Cancellation
from .errors import GivenUp, RunCancelledError, WorkflowTimeoutError

if TYPE_CHECKING:
    from .run import Run

T = TypeVar("T")

LONGEST_TIMER = 86_400.0
"""Seconds after which a timer looks again at the clock on the wall."""


@final
class Interruption:
    """Stops one run when its time is over, or when it is asked to.

    Args:
        limit: seconds that the run may take in all; None for no limit.
        cancellation: who may ask it to stop; None for nobody.

    Attributes:
        limit: as given.
        started: when the run first started, in seconds since the epoch.
    """

    def __init__(self, limit: float | None, cancellation: Cancellation | None) -> None:
        self.limit = limit
        self.started = time.time()
        self._cancellation = cancellation
        self._blocks: list[_Block] = []
        self._loop: asyncio.AbstractEventLoop
        self._timer: asyncio.Handle | None = None
        self._called = False
        self._told = False

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop."""
        return self._cancellation is not None and self._cancellation.requested

    @property
    def remaining(self) -> float:
        """Seconds that the run has left; infinite without a limit."""
        if self.limit is None:
            return math.inf
        return self.started + self.limit - time.time()

    @property
    def due(self) -> bool:
        """Whether the run has to stop."""
        return self.cancelled or self.remaining <= 0

    def check(self, run: Run, state: str) -> None:
        """See whether the run may go on into a state, or within it.

        Raises:
            RunCancelledError: it was asked to stop.
            WorkflowTimeoutError: its time is over.
        """
        if self.due:
            raise self.reason(run, state)

    def reason(self, run: Run, state: str) -> RunCancelledError | WorkflowTimeoutError:
        """Return why the run stops; the observers are told the first time."""
        tell = None if self._told else run.tell
        self._told = True
        # Who asked to stop is told so, also when the time is over as well.
        if self._cancellation is not None and self._cancellation.requested:
            if tell is not None:
                tell("on_cancelled", run.workflow_id, state)
            rollback = self._cancellation.rollback
            return RunCancelledError(
                f"{run.described} was cancelled at state {state!r} (path: "
                f"{run.described_path})"
                + _what_then(run, undone=rollback and bool(run.completed)),
                workflow_id=run.workflow_id,
                state=state,
                path=tuple(run.path),
                rollback=rollback,
            )
        limit = self.limit or 0.0
        if tell is not None:
            tell("on_workflow_timeout", run.workflow_id, state, limit)
        return WorkflowTimeoutError(
            f"{run.described} took longer than its total_timeout of {limit} seconds, "
            f"at state {state!r} (path: {run.described_path})"
            + _what_then(run, undone=bool(run.completed), by=" under a longer one"),
            workflow_id=run.workflow_id,
            state=state,
            limit=limit,
            path=tuple(run.path),
        )

    async def within(self, run: Run, state: str, work: Awaitable[T]) -> T:
        """Await a state's work, and cancel it when the run has to stop.

        Raises:
            RunCancelledError: it was asked to stop.
            WorkflowTimeoutError: its time is over.
            GivenUp: the work failed before it was told to stop.
            BaseException: what the run stops with, see `Run.halt`.
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                with self.calling(lambda: scope.reschedule(0)):
                    return await work
        except TimeoutError as error:
            if not scope.expired():
                raise
            failure: Exception = error
        except GivenUp as error:
            # What was told to stop may fail in any way.
            if not self._called:
                raise
            failure = error
        # The store's trouble comes first: nobody knows whether a row was written.
        if run.halt is not None:
            raise run.halt
        raise self.reason(run, state) from failure

    @contextmanager
    def calling(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have something called in this event loop, once, when the run has to stop.

        What is open inside `within` is called instead of cancelling the work: it
        stops in its own way, and closes the block when it has stopped. Several may
        be open beside each other, in branches. When the last one is closed, the rest
        of the work is cancelled.
        """
        block, blocks = _Block(stop), self._blocks
        blocks.append(block)
        if len(blocks) == 1:
            self._arm()
        elif self.due:
            self._loop.call_soon(self._fire)
        try:
            yield
        finally:
            blocks.remove(block)
            if not blocks:
                self._disarm()
            elif self._called or self.due:
                # The clock on the wall may have been set back since the call.
                self._loop.call_soon(self._fire)

    def _fire(self) -> None:
        """Stop what is open; the outermost only if nothing is open within it."""
        for block in self._blocks[1:] or self._blocks[:1]:
            self._called = True
            block.call()

    def _arm(self) -> None:
        self._loop = loop = asyncio.get_running_loop()

        def fire_from_anywhere() -> None:
            # The loop may have ended in the meantime, and the run with it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._fire)

        if self._cancellation is not None:
            self._cancellation._listen(self, fire_from_anywhere)
        if self.cancelled:
            loop.call_soon(self._fire)
        if self.limit is not None:
            self._timer = loop.call_soon(self._look)

    def _look(self) -> None:
        """Look whether the time is over, now or later again."""
        remaining = self.remaining
        if remaining <= 0:
            self._fire()
        else:
            pause = min(remaining, LONGEST_TIMER)
            self._timer = self._loop.call_later(pause, self._look)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._cancellation is not None:
            self._cancellation._forget(self)


def _what_then(run: Run, *, undone: bool, by: str = "") -> str:
    """Say what becomes of a run that was stopped."""
    if undone or not run.resume_hint:
        return ""
    return f"; resume_from({run.id!r}) goes on with it{by}"


@final
class _Block:
    """Something that stops in its own way, once, when the run has to."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop: Callable[[], None] | None = stop

    def call(self) -> None:
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()
