"""What happens in a state: one class for each kind.

A handler is shared by all runs of a workflow and keeps nothing of any of them; what a
run remembers is in its `Run`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, cast, final

from .checkpoints.row import Outcome, OutcomeStatus
from .context import RunContext
from .errors import ConfigurationError, RetryExhaustedError, TaskFailedError
from .extension import RunWrapper, TaskCall
from .policy import TaskConfig, try_again
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
class SingleHandler:
    """A state with one task, which returns the next state."""

    state: State
    label: str
    name: str
    task: object
    config: TaskConfig
    attempt: TaskCall
    call: TaskCall
    allowed: frozenset[State] | None

    @classmethod
    def of(
        cls,
        state: State,
        label: str,
        name: str,
        task: object,
        config: TaskConfig,
        attempt: TaskCall,
        allowed: frozenset[State] | None,
    ) -> SingleHandler:
        """Make a handler from one attempt of its task, still without a time limit."""
        call = config.bounded(attempt)
        return cls(state, label, name, task, config, attempt, call, allowed)

    def wrapped(self, wrapper: RunWrapper) -> SingleHandler:
        """Return the same handler with its task wrapped, inside the time limit."""
        attempt = wrapper.wrap_task(self.label, self.task, self.attempt)
        return replace(self, attempt=attempt, call=self.config.bounded(attempt))

    async def execute(self, run: Run) -> Handler | None:
        """Write the entry row, run the task, and go where it says."""
        visit = run.begin(self)
        if run.log is not None and not visit.resumes:
            await run.record_entry(self)
        tell = run.tell
        if tell is not None:
            tell("on_task_start", run.workflow_id, self.name)
        context = RunContext(run, visit, 1)
        try:
            result = await self.call(context)
        except Exception as error:  # noqa: BLE001 -- a task may fail with anything
            context, result = await self._recover(run, visit, error)
        if run.halt is not None:
            raise run.halt
        following = self._follow(run, result)
        changed = context._changed_data()
        if changed is not None:
            run.snapshot = changed
        if tell is not None:
            tell("on_task_success", run.workflow_id, self.name)
        return following

    async def _recover(
        self, run: Run, visit: Visit, first: Exception
    ) -> tuple[RunContext, object]:
        """Try again as the policy says, or raise what a failure for good raises."""
        attempts = [first]

        async def attempt(number: int) -> tuple[RunContext, object]:
            context = RunContext(run, visit, number)
            try:
                return context, await self.call(context)
            except Exception as error:
                attempts.append(error)
                raise

        def may_retry() -> bool:
            return run.halt is None and not isinstance(attempts[-1], ConfigurationError)

        def on_retry(number: int) -> None:
            if run.tell is not None:
                run.tell("on_retry", run.workflow_id, self.name, number)

        last: Exception = first
        if self.config.retry.retries and may_retry():
            try:
                outcome: tuple[RunContext, object] = await try_again(
                    self.config.retry,
                    first,
                    attempt,
                    may_retry=may_retry,
                    on_retry=on_retry,
                )
            except Exception as error:  # noqa: BLE001 -- a task may fail with anything
                last = error
            else:
                return outcome
        if run.halt is not None:
            raise run.halt
        if run.tell is not None:
            run.tell("on_task_failure", run.workflow_id, self.name, last)
        raise self._failure(run, attempts) from last

    def _failure(self, run: Run, attempts: list[Exception]) -> TaskFailedError:
        kind = TaskFailedError if len(attempts) == 1 else RetryExhaustedError
        last = attempts[-1]
        tries = "" if len(attempts) == 1 else f" {len(attempts)} times, at last"
        resume = (
            f"; resume_from({run.workflow_id!r}) runs this state again"
            if run.log is not None
            else ""
        )
        return kind(
            f"{run.described}: task {self.name!r} of state {self.label!r} failed"
            f"{tries} with {described(last)}"
            f" (path: {run.described_path}){resume}",
            workflow_id=run.workflow_id,
            state=self.label,
            path=tuple(run.path),
            attempts=attempts,
        )

    def _follow(self, run: Run, result: object) -> Handler:
        try:
            following = run.table[cast(State, result)]
        except (KeyError, TypeError):
            following = None
        # A member of an IntEnum is equal to a number, which is no state.
        if following is None or (
            following.state is not result and not isinstance(result, State)
        ):
            known = ", ".join(handler.label for handler in run.table.values())
            raise self._misdirected(
                run, result, f"which is no state of this workflow ({known})"
            )
        if self.allowed is not None and result not in self.allowed:
            declared = ", ".join(
                sorted(run.table[state].label for state in self.allowed)
            )
            raise self._misdirected(
                run, result, f"but its return annotation declares only {declared}"
            )
        return following

    def _misdirected(
        self, run: Run, result: object, problem: str
    ) -> ConfigurationError:
        return ConfigurationError(
            f"{run.described}: task {self.name!r} of state {self.label!r} returned "
            f"{shown(result)}, {problem}; no row was written for it"
        )


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
            await run.log.finish(self.label, run.snapshot, outcome, row=row)
        run.outcome = outcome
        run.exit = self.state
