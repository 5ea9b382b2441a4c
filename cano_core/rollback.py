"""Undoing what a failed run has done.

A rollback is a run too (law 5): a ROLLBACK row before the first compensation, a
COMPENSATED row after each. A resumed rollback goes on backwards from where it was.
Following Garcia-Molina and Salem, "Sagas" (SIGMOD 1987): backward recovery.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, final

from .checkpoints.row import Outcome, OutcomeStatus, RowKind
from .errors import (
    CompensationFailedError,
    ConfigurationError,
    GivenUp,
    RunCancelledError,
    RunFailedError,
)
from .failure import Failure, NotUndone, encode_failure
from .progress import encode_number, part_of
from .saga import CompensatableHandler, Completed, Unwritable
from .wording import described

if TYPE_CHECKING:
    from .run import Run, Visit

UNDO = "undo"
"""The part of a visit in which its work is undone."""


async def roll_back(run: Run, error: RunFailedError) -> None:
    """Undo what a failed run has done, if it has done anything that can be undone.

    Args:
        run: the run.
        error: what it failed with.

    Raises:
        CompensationFailedError: not everything could be undone.
        RunConflictError: somebody else owns the run.
        CheckpointStoreError: the store failed.
    """
    log, unwritable = run.log, run.unwritable
    wanted = not (isinstance(error, RunCancelledError) and not error.rollback)
    if unwritable is None and not (wanted and run.completed):
        if log is not None:
            await log.flush()
        return
    failure = Failure.of(error)
    rollback = _Rollback(run, failure, error)
    if unwritable is not None:
        # Before any row says so: until it is undone, the state may run again.
        await rollback.undo_unwritable(unwritable)
    if log is not None:
        log.hold(RowKind.ROLLBACK, failure.state, "", encode_failure(failure))
        if run.completed:
            await log.flush()
    await rollback.undo_all()


async def undo_all(run: Run, failure: Failure) -> None:
    """Undo every completed visit, the last one first, and conclude the run.

    Args:
        run: the run; a ROLLBACK row is in its log.
        failure: what it had failed with.

    Raises:
        CompensationFailedError: not everything could be undone.
        RunConflictError: somebody else owns the run.
        CheckpointStoreError: the store failed.
    """
    await _Rollback(run, failure, None).undo_all()


@final
class _Rollback:
    """One attempt, in one process, to undo what a run has done.

    Args:
        run: the run.
        failure: what it had failed with.
        cause: the same as an exception, if this process saw it.
    """

    def __init__(
        self, run: Run, failure: Failure, cause: RunFailedError | None
    ) -> None:
        self._run = run
        self._failure = failure
        self._cause = cause
        self._remaining: list[NotUndone] = []
        self._by_label = {handler.label: handler for handler in run.table.values()}
        self._limit = limit = run.compensation_timeout
        self._end = None if limit is None else time.monotonic() + limit
        self._begun = False

    async def undo_all(self) -> None:
        """Undo every completed visit, the last one first, and conclude the run."""
        run = self._run
        self._begin()
        undone: list[str] = []
        for completed in reversed(run.completed):
            await self._recorded(undone)
            if await self._undo(completed):
                undone.append(completed.label)
        if self._remaining:
            await self._recorded(undone)
            raise self._failed("tries it again")
        outcome = Outcome(
            OutcomeStatus.ROLLED_BACK,
            self._failure.state,
            encode_failure(self._failure),
            run.version,
        )
        if run.log is not None:
            await run.log.finish(outcome, exit_row=False)
        run.outcome = outcome
        if self._cause is not None:
            self._cause.rolled_back = True
        for label in undone:
            self._tell("on_compensated", label)
        self._tell("on_rollback_end", True)

    async def _recorded(self, undone: list[str]) -> None:
        """Write what is undone; the last one's row is left to the end of the run.

        So the run ends only for whom its log still belongs to.
        """
        if undone and self._run.log is not None:
            await self._run.log.flush()
        while undone:
            self._tell("on_compensated", undone.pop())

    async def undo_unwritable(self, done: Unwritable) -> None:
        """Undo what no row can keep.

        Raises:
            CompensationFailedError: it failed, and there is a log. The log does not
                know of it, so nothing else is undone and the run stays as it is: the
                next resume runs the state again, and comes back here.
        """
        run = self._run
        self._begin()
        entry = done.visit.entry
        label = done.handler.label
        error = await self._call(
            done.handler, done.visit, lambda: done.output, entry or 0
        )
        if error is None:
            self._tell("on_compensated", label)
            return
        self._keep(label, entry, done.output, error)
        if run.log is not None:
            for each in reversed(run.completed):
                self._keep(each.label, each.entry, self._output(each), None)
            raise self._failed("runs the state again, and then tries it again")

    async def _undo(self, completed: Completed) -> bool:
        """Undo one visit and let its row wait; or keep it among what remains."""
        run, label = self._run, completed.label
        entry = None if run.log is None else completed.entry
        handler = self._by_label.get(label)
        try:
            if not isinstance(handler, CompensatableHandler):
                raise ConfigurationError(
                    f"state {label!r} has no compensation any more; register it again "
                    "with register_with_compensation"
                )
            output = handler.codec.decode(completed.output)
        except Exception as error:  # noqa: BLE001 -- a user's codec may raise anything
            self._keep(label, entry, completed.output, error)
            return False
        if self._end is not None and time.monotonic() >= self._end:
            self._keep(label, entry, output, None)
            return False
        decode, encoded = handler.codec.decode, completed.output
        visit = run.revisit(handler, completed)
        problem = await self._call(
            handler, visit, lambda: decode(encoded), completed.entry
        )
        if problem is not None:
            self._keep(label, entry, output, problem)
            return False
        if run.log is not None:
            run.log.hold(
                RowKind.COMPENSATED,
                label,
                handler.name,
                encode_number(completed.entry),
            )
        return True

    async def _call(
        self,
        handler: CompensatableHandler,
        visit: Visit,
        output: Callable[[], object],
        entry: int,
    ) -> Exception | None:
        """Call a compensation within what is left of the time; return its failure."""
        run = self._run
        rest = None if self._end is None else self._end - time.monotonic()
        scope = asyncio.timeout(rest)
        try:
            async with scope:
                await handler.compensate(
                    run, visit, output, part=part_of(UNDO, entry), over=scope.expired
                )
        except GivenUp as error:
            last = error.attempts[-1]
            if not scope.expired():
                return last
            # What was told to stop may fail in any way.
            late = self._late()
            late.__cause__ = last
            return late
        except ConfigurationError as error:
            # Its program is wrong, which would stop a run; but the rest of a
            # rollback does not depend on it.
            run.halt = None
            return error
        except TimeoutError:
            return self._late()
        finally:
            # A call that nobody awaited must not be recorded after this.
            run.visit = None
        return None

    def _late(self) -> TimeoutError:
        return TimeoutError(
            f"the rollback's compensation_timeout of {self._limit} seconds is over"
        )

    def _output(self, completed: Completed) -> object:
        """Return an output as it is to be shown: its bytes, if it can't be read."""
        handler = self._by_label.get(completed.label)
        try:
            if isinstance(handler, CompensatableHandler):
                return handler.codec.decode(completed.output)
        except Exception:  # noqa: BLE001 -- a user's codec may raise anything
            return completed.output
        return completed.output

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        # What is begun is done; only the rollback's own time limit stops it.
        self._run.interruption = None
        # A resumed rollback sees no more than the log has, and this one no more than
        # a resumed one.
        self._run.snapshot = self._run.recorded
        self._tell("on_rollback_start", self._failure.state)

    def _keep(
        self, label: str, entry: int | None, output: object, error: Exception | None
    ) -> None:
        """Note what is not undone, and why."""
        self._remaining.append(NotUndone(label, entry, output, error))
        if error is not None:
            self._tell("on_compensation_failure", label, error)

    def _failed(self, then: str) -> CompensationFailedError:
        """Return what says that something remains; ``then`` is what a resume does."""
        run, failure, remaining = self._run, self._failure, self._remaining
        self._tell("on_rollback_end", False)
        lines = [
            f"\n  - state {each.state!r}"
            + ("" if each.sequence is None else f", entered in row {each.sequence}")
            + f", output {each.output!r:.200}: "
            + ("not tried" if each.error is None else described(each.error))
            for each in remaining
        ]
        resume = "" if run.log is None else f"\nresume_from({run.id!r}) {then}"
        error = CompensationFailedError(
            f"{run.described} failed in state {failure.state!r} ({failure.error}: "
            f"{failure.message}), and {len(remaining)} of what it had done could not "
            f"be undone:{''.join(lines)}{resume}",
            workflow_id=run.workflow_id,
            failure=failure,
            remaining=remaining,
        )
        error.__cause__ = self._cause
        return error

    def _tell(self, hook: str, *arguments: object) -> None:
        if self._run.tell is not None:
            self._run.tell(hook, self._run.workflow_id, *arguments)
