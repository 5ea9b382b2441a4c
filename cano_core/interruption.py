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
from .errors import RunCancelledError, WorkflowTimeoutError

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
        self._stop: Callable[[], None] | None = None

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
        """Tell the observers why the run stops, and return it."""
        tell = run.tell
        # Who asked to stop is told so, also when the time is over as well.
        if self._cancellation is not None and self._cancellation.requested:
            if tell is not None:
                tell("on_cancelled", run.workflow_id, state)
            rollback = self._cancellation.rollback
            return RunCancelledError(
                f"{run.described} was cancelled at state {state!r} (path: "
                f"{run.described_path})" + ("" if rollback else run.resume_hint),
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
            f"at state {state!r} (path: {run.described_path}); unless it is rolled "
            "back, a workflow with a longer one can go on with it",
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
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                with self.calling(lambda: scope.reschedule(0)):
                    return await work
        except TimeoutError:
            if not scope.expired():
                raise
        raise self.reason(run, state)

    @contextmanager
    def calling(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have something called in this event loop, once, when the run has to stop.

        What is innermost is called, and nothing around it: it stops in its own way,
        and then looks at `due`.
        """
        loop = asyncio.get_running_loop()
        outer, self._stop = self._stop, stop
        timer: asyncio.TimerHandle | None = None

        def fire() -> None:
            if self._stop is stop:
                self._stop = None
                stop()

        def look() -> None:
            nonlocal timer
            if self.remaining <= 0:
                fire()
            else:
                timer = loop.call_later(min(self.remaining, LONGEST_TIMER), look)

        def fire_from_anywhere() -> None:
            # The loop may have ended in the meantime, and the run with it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(fire)

        if self._cancellation is not None:
            self._cancellation._listen(fire, fire_from_anywhere)
        if self.cancelled:
            loop.call_soon(fire)
        if self.limit is not None:
            loop.call_soon(look)
        try:
            yield
        finally:
            self._stop = outer
            if timer is not None:
                timer.cancel()
            if self._cancellation is not None:
                self._cancellation._forget(fire)
