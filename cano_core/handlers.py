"""What happens in a state: one class for each way that a state treats the log.

Whatever a task does inside (poll, wait, work through a batch, split into branches) is
one call to a handler; see `assembly`. A handler is shared by all runs of a workflow
and keeps nothing of any of them; what a run remembers is in its `Run`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast, final

from .attempts import Attempts
from .checkpoints.row import Outcome, OutcomeStatus
from .context import RunContext
from .errors import (
    ConfigurationError,
    GivenUp,
    RetryExhaustedError,
    RunCancelledError,
    TaskFailedError,
    WorkflowTimeoutError,
)
from .extension import RunWrapper
from .states import State
from .wording import described, shown

if TYPE_CHECKING:
    from .run import Run, Visit


class Handler(Protocol):
    """What a run does in one state."""

    @property
    def state(self) -> State:
        """The state, as registered."""

    @property
    def label(self) -> str:
        """Its label."""

    @property
    def name(self) -> str:
        """Its task's name, as rows have it; empty without a task."""

    async def execute(self, run: Run) -> Handler | None:
        """Do what this state does; return the next one, or None at the end."""

    def wrapped(self, wrapper: RunWrapper) -> Handler:
        """Return the same handler with its task wrapped."""


@final
@dataclass(frozen=True, slots=True)
class Station:
    """What every state with a task has, whatever it does with the log.

    Attributes:
        state: the state, as registered.
        label: its label.
        task: the task, as registered.
        attempts: calls it.
        allowed: the states that it may return; None for any.
        takes_join: whether the task has a parameter for a `SplitResult`.
    """

    state: State
    label: str
    task: object
    attempts: Attempts
    allowed: frozenset[State] | None
    takes_join: bool = False

    def wrapped(self, wrapper: RunWrapper) -> Station:
        """Return the same with its task wrapped, inside the limits."""
        attempt = wrapper.wrap_task(self.label, self.task, self.attempts.attempt)
        return replace(self, attempts=self.attempts.around(attempt))

    async def perform(
        self,
        run: Run,
        visit: Visit,
        *,
        first: Exception | None = None,
        protected: bool = False,
    ) -> tuple[RunContext, Any]:
        """Do the task.

        Args:
            run: the run.
            visit: the visit.
            first: what the first attempt has failed with, if it was made already.
            protected: let it come to its end, even if the run has to stop.

        Returns:
            The context of the attempt that succeeded, and what it returned.

        Raises:
            TaskFailedError: it failed for good.
            WorkflowTimeoutError: the run's time is over.
            RunCancelledError: the run was asked to stop.
        """
        tell = run.tell
        if tell is not None:
            tell("on_task_start", run.workflow_id, self.attempts.name)
        work = self.attempts.made(run, visit, first=first)
        try:
            if run.interruption is None or protected:
                return await work
            return await run.interruption.within(run, self.label, work)
        except GivenUp as error:
            cause = error.cause
            if tell is not None:
                tell("on_task_failure", run.workflow_id, self.attempts.name, cause)
            raise self.failure(run, error.attempts, error.summary) from cause
        except (
            WorkflowTimeoutError,
            RunCancelledError,
            ConfigurationError,
        ) as error:
            if tell is not None:
                tell("on_task_failure", run.workflow_id, self.attempts.name, error)
            raise

    def failure(
        self,
        run: Run,
        attempts: tuple[Exception, ...],
        summary: str | None = None,
    ) -> TaskFailedError:
        """Return what a failure for good raises."""
        kind = TaskFailedError
        how = f" with {described(attempts[-1])}"
        if summary is not None:
            how = f": {summary}"
        elif len(attempts) > 1:
            kind = RetryExhaustedError
            how = f" {len(attempts)} times, at last{how}"
        undone = run.completed or run.unwritable is not None
        resume = "" if undone else run.resume_hint
        return kind(
            f"{run.described}: task {self.attempts.name!r} of state {self.label!r} "
            f"failed{how} (path: {run.described_path}){resume}",
            workflow_id=run.workflow_id,
            state=self.label,
            path=tuple(run.path),
            attempts=attempts,
        )

    def follow(self, run: Run, result: object) -> Handler:
        """Return the handler of the state that the task returned.

        Raises:
            ConfigurationError: it is none, or not one that the task declares.
        """
        try:
            following = run.table[cast(State, result)]
        except (KeyError, TypeError):
            following = None
        # A member of an IntEnum is equal to a number, which is no state.
        if following is None or (
            following.state is not result and not isinstance(result, State)
        ):
            known = ", ".join(handler.label for handler in run.table.values())
            raise self.misdirected(
                run, result, f"which is no state of this workflow ({known})"
            )
        if self.allowed is not None and result not in self.allowed:
            declared = ", ".join(
                sorted(run.table[state].label for state in self.allowed)
            )
            raise self.misdirected(
                run, result, f"but its return annotation declares only {declared}"
            )
        return following

    def misdirected(self, run: Run, result: object, problem: str) -> ConfigurationError:
        """Tell the observers what a task returned that it must not, and return it."""
        error = ConfigurationError(
            f"{run.described}: task {self.attempts.name!r} of state {self.label!r} "
            f"returned {shown(result)}, {problem}; no row was written for it"
        )
        if run.tell is not None:
            run.tell("on_task_failure", run.workflow_id, self.attempts.name, error)
        return error

    def succeeded(self, run: Run, context: RunContext) -> None:
        """Take over what the attempt that succeeded has left.

        Raises:
            ConfigurationError: it can't be stored.
        """
        try:
            changed = context._changed_data()
        except ConfigurationError as error:
            if run.tell is not None:
                run.tell("on_task_failure", run.workflow_id, self.attempts.name, error)
            raise
        if changed is not None:
            run.snapshot = changed
        if run.tell is not None:
            run.tell("on_task_success", run.workflow_id, self.attempts.name)


@final
class TaskHandler:
    """A state with a task, which returns the next state; it has an entry row.

    Args:
        station: its task.
        name: its task's name in rows; None if it is the same as elsewhere.
    """

    __slots__ = ("label", "name", "state", "station")

    def __init__(self, station: Station, name: str | None = None) -> None:
        self.station = station
        self.state = station.state
        self.label = station.label
        self.name = station.attempts.name if name is None else name

    def wrapped(self, wrapper: RunWrapper) -> TaskHandler:
        """Return the same handler with its task wrapped."""
        return TaskHandler(self.station.wrapped(wrapper), self.name)

    async def execute(self, run: Run) -> Handler | None:
        """Write the entry row, do the task, and go where it says."""
        station = self.station
        if run.interruption is not None:
            run.interruption.check(run, self.label)
        visit = run.begin(self)
        if run.log is not None:
            await run.record_entry(visit)
        else:
            run.recorded = run.snapshot
        if run.interruption is None and run.tell is None:
            # Nobody watches: the first attempt needs nothing around it.
            context = RunContext(run, visit, 1)
            try:
                result = await station.attempts.call(context)
            except Exception as error:  # noqa: BLE001 -- a task may fail with anything
                context, result = await station.perform(run, visit, first=error)
            if run.halt is not None:
                raise run.halt
        else:
            context, result = await station.perform(run, visit)
        following = station.follow(run, result)
        station.succeeded(run, context)
        return following


@final
class RouterHandler:
    """A state that only chooses the next one; it has a row only where a run starts."""

    __slots__ = ("label", "name", "state", "station")

    def __init__(self, station: Station) -> None:
        self.station = station
        self.state = station.state
        self.label = station.label
        self.name = station.attempts.name

    def wrapped(self, wrapper: RunWrapper) -> RouterHandler:
        """Return the same handler with its task wrapped."""
        return RouterHandler(self.station.wrapped(wrapper))

    async def execute(self, run: Run) -> Handler | None:
        """Ask where to go."""
        station, log = self.station, run.log
        if run.interruption is not None:
            run.interruption.check(run, self.label)
        visit = run.begin(self)
        if log is not None:
            if log.end:
                await log.flush()
            else:
                await run.record_entry(visit)
        context, result = await station.perform(run, visit)
        following = station.follow(run, result)
        station.succeeded(run, context)
        return following


@final
@dataclass(frozen=True, slots=True)
class ExitHandler:
    """A state in which a run ends."""

    state: State
    label: str
    name: str = ""

    def wrapped(self, wrapper: RunWrapper) -> ExitHandler:
        """Return itself: an exit state has no task."""
        return self

    async def execute(self, run: Run) -> None:
        """Record the end."""
        run.begin(self)
        await self.conclude(run, row=True)

    async def conclude(self, run: Run, *, row: bool) -> None:
        """Let go of the log, after writing the exit's row if it is not there yet."""
        outcome = Outcome(OutcomeStatus.FINISHED, self.label, run.snapshot, run.version)
        if run.log is not None:
            await run.log.finish(outcome, exit_row=row)
        run.outcome = outcome
        run.exit = self.state
