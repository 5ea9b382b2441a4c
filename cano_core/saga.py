"""States whose work can be undone, and the rollback that undoes it.

A rollback is a run too (law 5): a ROLLBACK row before the first compensation, a
COMPENSATED row after each. A resumed rollback goes on backwards from where it was.
Following Garcia-Molina and Salem, "Sagas" (SIGMOD 1987): backward recovery.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from .attempts import Attempts
from .checkpoints.row import Outcome, OutcomeStatus, RowKind
from .codec import Codec
from .errors import (
    CompensationFailedError,
    ConfigurationError,
    GivenUp,
    NotUndone,
    RunCancelledError,
)
from .extension import RunWrapper
from .failure import Failure, RunFailure, encode_failure
from .handlers import Handler, Station
from .progress import Completion, encode_number, part_of
from .results import encode_result
from .states import State
from .wording import described

if TYPE_CHECKING:
    from .run import Run, Visit

UNDO = "undo"
"""The part of a visit in which its work is undone."""


@final
@dataclass(frozen=True, slots=True)
class Completed:
    """A visit whose work a rollback has to undo.

    Attributes:
        label: its state.
        number: the how-many-th visit of that state it was.
        entry: sequence of its entry row; without a log, its place among the others.
        output: what its task left for the compensation, encoded.
    """

    label: str
    number: int
    entry: int
    output: bytes


@final
class CompensatableHandler:
    """A state whose task returns the next state and what is needed to undo it.

    Args:
        station: its task.
        undo: calls the compensation with the task's output.
        codec: reads and writes that output.
    """

    __slots__ = ("codec", "label", "name", "state", "station", "undo")

    def __init__(self, station: Station, undo: Attempts, codec: Codec[Any]) -> None:
        self.station = station
        self.undo = undo
        self.codec = codec
        self.state: State = station.state
        self.label = station.label
        self.name = station.attempts.name

    def wrapped(self, wrapper: RunWrapper) -> CompensatableHandler:
        """Return the same handler with its task and its compensation wrapped."""
        undo = self.undo
        wrap = getattr(wrapper, "wrap_compensation", None)
        if wrap is not None:
            undo = undo.around(wrap(self.label, self.station.task, undo.attempt))
        return CompensatableHandler(self.station.wrapped(wrapper), undo, self.codec)

    async def execute(self, run: Run) -> Handler | None:
        """Write the entry row, do the task, keep its output, and go where it says."""
        station = self.station
        if run.interruption is not None:
            run.interruption.check(run, self.label)
        visit = run.begin(self)
        await run.record_entry(visit)
        # Half of its work could not be undone, so nothing stops it in between.
        context, result = await station.perform(run, visit, protected=True)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise station.misdirected(
                run, result, "where (state, output for its compensation) is wanted"
            )
        state, output = result
        following = station.follow(run, state)
        try:
            encoded = encode_result(
                self.codec,
                output,
                f"{run.described}: the output of task {self.name!r} of state "
                f"{self.label!r}",
            )
        except ConfigurationError as error:
            await self._undo_now(run, visit, output, error)
            raise
        station.succeeded(run, context)
        if run.log is not None:
            completion = Completion(following.label, encoded, run.snapshot)
            run.log.hold(
                RowKind.COMPENSATION_COMPLETION,
                self.label,
                self.name,
                completion.encode(),
            )
        entry = len(run.completed) if visit.entry is None else visit.entry
        run.completed.append(Completed(self.label, visit.number, entry, encoded))
        return following

    async def _undo_now(
        self, run: Run, visit: Visit, output: object, error: ConfigurationError
    ) -> None:
        """Undo what can't be undone later, for no row can keep its output.

        Raises:
            TaskFailedError: it is undone.
            CompensationFailedError: it is not.
        """
        failure = self.station.failure(run, (error,))
        if run.tell is not None:
            run.tell("on_task_failure", run.workflow_id, self.name, error)
        try:
            await self.undo.made(
                run, visit, output, part=part_of(UNDO, visit.entry or 0)
            )
        except GivenUp as given_up:
            last = given_up.attempts[-1]
            lost = NotUndone(self.label, visit.entry, output, last)
            failure.__cause__ = error
            await roll_back(run, failure, lost=lost)
        raise failure from error


async def roll_back(
    run: Run, error: RunFailure, *, lost: NotUndone | None = None
) -> None:
    """Undo what a failed run has done, if it has done anything that can be undone.

    Args:
        run: the run.
        error: what it failed with.
        lost: what is known already not to be undone, and is in no row.

    Raises:
        CompensationFailedError: not everything could be undone.
        RunConflictError: somebody else owns the run.
        CheckpointStoreError: the store failed.
    """
    wanted = not (isinstance(error, RunCancelledError) and not error.rollback)
    if not (wanted and run.completed):
        if run.log is not None:
            await run.log.flush()
        if lost is None:
            return
    failure = Failure.of(error)
    if run.log is not None and run.completed:
        await run.log.append(
            RowKind.ROLLBACK, failure.state, "", encode_failure(failure)
        )
    await undo_all(run, failure, cause=error, lost=lost)


async def undo_all(
    run: Run,
    failure: Failure,
    *,
    cause: RunFailure | None = None,
    lost: NotUndone | None = None,
) -> None:
    """Undo every completed visit, the last one first, and conclude the run.

    Args:
        run: the run; a ROLLBACK row is in its log.
        failure: what it had failed with.
        cause: the same as an exception, if this process saw it.
        lost: what is known already not to be undone, and is in no row.

    Raises:
        CompensationFailedError: not everything could be undone.
        RunConflictError: somebody else owns the run.
        CheckpointStoreError: the store failed.
    """
    tell = run.tell
    # What is begun is done; only the rollback's own time limit stops it.
    run.interruption = None
    if tell is not None:
        tell("on_rollback_start", run.workflow_id, failure.state)
    rollback = _Rollback(run)
    remaining = [] if lost is None else [lost]
    for completed in reversed(run.completed):
        not_undone = await rollback.undo(completed)
        if not_undone is not None:
            remaining.append(not_undone)
    if remaining:
        if tell is not None:
            tell("on_rollback_end", run.workflow_id, False)
        raise CompensationFailedError(
            _still_to_undo(run, failure, remaining),
            workflow_id=run.workflow_id,
            failure=failure,
            remaining=remaining,
        ) from cause
    outcome = Outcome(
        OutcomeStatus.ROLLED_BACK, failure.state, encode_failure(failure), run.version
    )
    if run.log is not None:
        await run.log.finish(outcome, exit_row=False)
    run.outcome = outcome
    if tell is not None:
        tell("on_rollback_end", run.workflow_id, True)


def _still_to_undo(run: Run, failure: Failure, remaining: list[NotUndone]) -> str:
    lines = [
        f"\n  - state {each.state!r}"
        + ("" if each.sequence is None else f", entered in row {each.sequence}")
        + f", output {each.output!r:.200}: "
        + ("no time was left" if each.error is None else described(each.error))
        for each in remaining
    ]
    resume = (
        "" if run.log is None else f"\nresume_from({run.workflow_id!r}) tries it again"
    )
    return (
        f"{run.described} failed in state {failure.state!r} ({failure.error}: "
        f"{failure.message}), and {len(remaining)} of what it had done could not be "
        f"undone:{''.join(lines)}{resume}"
    )


@final
class _Rollback:
    """One attempt, in one process, to undo what a run has done."""

    def __init__(self, run: Run) -> None:
        self._run = run
        limit = run.compensation_timeout
        self._limit = limit
        self._end = None if limit is None else time.monotonic() + limit
        self._by_label = {handler.label: handler for handler in run.table.values()}

    async def undo(self, completed: Completed) -> NotUndone | None:
        """Undo one visit and record it; or say why not."""
        run = self._run
        handler = self._by_label.get(completed.label)
        if not isinstance(handler, CompensatableHandler):
            return self._not_undone(
                completed,
                completed.output,
                ConfigurationError(
                    f"state {completed.label!r} has no compensation any more; register "
                    "it again with register_with_compensation"
                ),
            )
        try:
            output = handler.codec.decode(completed.output)
        except Exception as error:  # noqa: BLE001 -- a user's codec may raise anything
            return self._not_undone(completed, completed.output, error)
        if self._end is not None and time.monotonic() >= self._end:
            return self._not_undone(completed, output, None)
        visit = run.revisit(handler, completed)
        try:
            async with asyncio.timeout(
                None if self._end is None else self._end - time.monotonic()
            ) as scope:
                await handler.undo.made(
                    run, visit, output, part=part_of(UNDO, completed.entry)
                )
        except GivenUp as error:
            return self._failed(completed, output, error.attempts[-1])
        except TimeoutError:
            if not scope.expired():
                raise
            return self._failed(
                completed,
                output,
                TimeoutError(
                    f"the rollback's compensation_timeout of {self._limit} seconds is "
                    "over"
                ),
            )
        if run.log is not None:
            await run.log.append(
                RowKind.COMPENSATED,
                handler.label,
                handler.name,
                encode_number(completed.entry),
            )
        if run.tell is not None:
            run.tell("on_compensated", run.workflow_id, handler.label)
        return None

    def _failed(
        self, completed: Completed, output: object, error: Exception
    ) -> NotUndone:
        run = self._run
        if run.tell is not None:
            run.tell("on_compensation_failure", run.workflow_id, completed.label, error)
        return self._not_undone(completed, output, error)

    def _not_undone(
        self, completed: Completed, output: object, error: Exception | None
    ) -> NotUndone:
        entry = None if self._run.log is None else completed.entry
        return NotUndone(completed.label, entry, output, error)
