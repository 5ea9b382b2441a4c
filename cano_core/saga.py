"""States whose work can be undone: what they leave for it; see `rollback`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from .attempts import Attempts
from .checkpoints.row import RowKind
from .codec import Codec
from .context import RunContext
from .errors import ConfigurationError
from .extension import RunWrapper
from .handlers import Handler, Station
from .progress import Completion
from .results import encode_result
from .states import State

if TYPE_CHECKING:
    from .run import Run, Visit


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
        undo: makes calls of the compensation with the task's output.
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

    async def compensate(
        self,
        run: Run,
        visit: Visit,
        output: Callable[[], object],
        *,
        part: str,
        over: Callable[[], bool],
    ) -> None:
        """Undo a visit.

        Args:
            run: the run.
            visit: the visit.
            output: makes what the task left, afresh for each attempt: the one before
                may have changed it.
            part: in which part of the visit.
            over: whether it is too late for another attempt.

        Raises:
            GivenUp: every attempt failed.
            BaseException: what the run stops with, whatever it made of it.
        """
        undo = self.undo

        async def attempt(context: RunContext) -> object:
            return await undo.attempt(context, output())

        await undo.around(attempt).made(run, visit, part=part, over=over)

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
            if run.tell is not None:
                run.tell("on_task_failure", run.workflow_id, self.name, error)
            run.unwritable = Unwritable(self, visit, output)
            raise station.failure(run, (error,)) from error
        station.succeeded(run, context)
        run.recorded = run.snapshot
        if run.log is not None:
            completion = Completion(following.label, encoded, run.snapshot)
            run.log.hold(
                RowKind.COMPENSATION_COMPLETION,
                self.label,
                self.name,
                completion.encode(),
            )
            # A call that nobody awaited must not be recorded after its visit.
            run.visit = None
        entry = len(run.completed) if visit.entry is None else visit.entry
        run.completed.append(Completed(self.label, visit.number, entry, encoded))
        return following


@final
@dataclass(frozen=True, slots=True)
class Unwritable:
    """What a run has done, but can't undo later, for no row can keep its output.

    Attributes:
        handler: of its state.
        visit: the visit.
        output: what its task left for the compensation.
    """

    handler: CompensatableHandler
    visit: Visit
    output: object
