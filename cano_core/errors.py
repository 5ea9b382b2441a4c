"""Every exception that cano_core raises.

    CanoError
    ├── ConfigurationError      the definition or the call is wrong, or a task broke it
    ├── RunFailedError          the run has failed; what it had done is undone
    │   ├── TaskFailedError         ... because a task failed for good
    │   │   └── RetryExhaustedError     ... after more than one attempt
    │   ├── WorkflowTimeoutError    ... because it took longer than its total_timeout
    │   └── RunCancelledError       ... because a Cancellation stopped it
    ├── BranchCancelledError    a split was over without the branch; never raised
    ├── CompensationFailedError a rollback could not undo everything (yet)
    ├── CheckpointStoreError    the store failed, or holds what it cannot read
    ├── RunConflictError        somebody else owns this run now
    ├── RunExistsError          a fresh run under an id that is taken
    ├── RunNotFoundError        nothing to resume under this id
    ├── VersionMismatchError    the log was written by another workflow version
    ├── CorruptLogError         the log breaks its own rules
    ├── RolledBackError         the run was undone
    ├── CircuitOpenError        a circuit breaker refused a call
    ├── RateLimitedError        a rate limiter refused a call that would not wait
    ├── FlowError               the scheduler can't do this with a flow now
    ├── SchedulerStopError      flows that did not end when the scheduler was stopped
    └── ResourceError           a resource could not be set up

`TaskFailedError`, `WorkflowTimeoutError` and `RunCancelledError` are failures of the
run: what compensatable tasks have done is undone before one of them is raised (a
`Cancellation` says itself whether). Of all others none is ever raised because of what
a task did to the outside world: the log is as it was, and nothing is undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .failure import Failure, NotUndone


class CanoError(Exception):
    """Base of everything that cano_core raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The message is no argument of most subclasses; without this, an error from
        # a process pool could not be unpickled.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[CanoError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> CanoError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class ConfigurationError(CanoError):
    """A definition or a call is wrong; almost always found before anything ran.

    What only a running task can get wrong (a next state that is none, data or a
    result that can't be stored, a name used twice) stops the run before a row is
    written for it. Nothing is tried again and nothing is undone, for it is the program
    that is wrong: mended, it resumes the run. A task may raise it itself to that end.

    Attributes:
        problems: every problem found, each a full sentence.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        if len(problems) == 1:
            text = problems[0]
        else:
            text = f"{len(problems)} problems:" + "".join(
                f"\n  - {problem}" for problem in problems
            )
        super().__init__(text)


class RunFailedError(CanoError):
    """A run has failed; what it had done before is undone, if it can be.

    Attributes:
        workflow_id: the run, or None for a run without an id.
        state: label of the state that failed, or that it was about to enter.
        path: labels of the states that the run went through (of a very long run the
            last thousand).
        rolled_back: whether what the run had done has been undone: then it is over.
            If not, there was nothing to undo, and it can be resumed.
    """

    rolled_back = False

    def __init__(
        self,
        message: str,
        *,
        workflow_id: str | None,
        state: str,
        path: Sequence[str],
    ) -> None:
        super().__init__(message)
        self.workflow_id = workflow_id
        self.state = state
        self.path = tuple(path)


class TaskFailedError(RunFailedError):
    """A task failed for good; its own exception is the ``__cause__``.

    What the run had done before is undone, if it can be. If there is nothing to undo,
    the run stays interrupted at the task's state: resuming it runs that state again.

    Attributes:
        attempts: the exception of every attempt, in order.
    """

    def __init__(
        self,
        message: str,
        *,
        workflow_id: str | None,
        state: str,
        path: Sequence[str],
        attempts: Sequence[Exception],
    ) -> None:
        super().__init__(message, workflow_id=workflow_id, state=state, path=path)
        self.attempts = tuple(attempts)


class RetryExhaustedError(TaskFailedError):
    """A task failed for good after more than one attempt."""


class GivenUp(Exception):
    """Between the parts of a state: a call failed in all its attempts.

    Never raised out of the engine.

    Args:
        attempts: the exception of every attempt, in order; at least one.
        cause: what they come to, if it is not the last of them.
        summary: what to say of it; None if there is nothing to say but the cause.

    Attributes:
        attempts: as given.
        cause: as given, or the last attempt's exception.
        summary: as given.
    """

    def __init__(
        self,
        attempts: Sequence[Exception],
        *,
        cause: Exception | None = None,
        summary: str | None = None,
    ) -> None:
        super().__init__(*attempts[-1].args)
        self.attempts = tuple(attempts)
        self.cause = attempts[-1] if cause is None else cause
        self.summary = summary


class Refused(GivenUp):
    """A circuit breaker refused the attempt, so that no further one is made."""


class WorkflowTimeoutError(RunFailedError):
    """A run took longer than the workflow's ``total_timeout``.

    The time counts from the run's first start, crashes and restarts included.

    Attributes:
        limit: the ``total_timeout``, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        workflow_id: str | None,
        state: str,
        limit: float,
        path: Sequence[str],
    ) -> None:
        super().__init__(message, workflow_id=workflow_id, state=state, path=path)
        self.limit = limit


class RunCancelledError(RunFailedError):
    """A `Cancellation` stopped a run.

    Attributes:
        rollback: whether it asked for what was done to be undone.
    """

    def __init__(
        self,
        message: str,
        *,
        workflow_id: str | None,
        state: str,
        path: Sequence[str],
        rollback: bool,
    ) -> None:
        super().__init__(message, workflow_id=workflow_id, state=state, path=path)
        self.rollback = rollback


class BranchCancelledError(CanoError):
    """A branch of a split was cancelled, because the split was over without it.

    Never raised; it is what observers are told of such a branch.
    """


class CompensationFailedError(CanoError):
    """A rollback could not undo everything; the next resume tries the rest again.

    The failure that began the rollback is the ``__cause__``, if this process saw it.

    Attributes:
        workflow_id: the run, or None for a run without an id.
        failure: the failure that began the rollback, as it is recorded.
        remaining: every visit that is still to be undone, in the order of undoing.
    """

    def __init__(
        self,
        message: str,
        *,
        workflow_id: str | None,
        failure: Failure,
        remaining: Sequence[NotUndone],
    ) -> None:
        super().__init__(message)
        self.workflow_id = workflow_id
        self.failure = failure
        self.remaining = tuple(remaining)

    @property
    def errors(self) -> tuple[Exception, ...]:
        """Why compensations failed, in the order in which they were tried."""
        return tuple(each.error for each in self.remaining if each.error is not None)


class CheckpointStoreError(CanoError):
    """The store failed, or holds something that it cannot read.

    The run stopped where it was and stays resumable; nothing was undone.
    """


class RunConflictError(CanoError):
    """An append was not at the end of the log: somebody else owns this run.

    The loser stops at once: no task, no compensation and no clearing follows.

    Attributes:
        workflow_id: the contested run.
        sequence: the sequence that the refused row wanted.
    """

    def __init__(self, workflow_id: str, sequence: int) -> None:
        super().__init__(
            f"run {workflow_id!r}: sequence {sequence} is not the next of its log, "
            "so another process (or another task of this one) has gone on with the "
            "run, or it is finished; this one stopped and did nothing more"
        )
        self.workflow_id = workflow_id
        self.sequence = sequence


class RunExistsError(CanoError):
    """A fresh run was asked for under an id that already has a log or an outcome."""


class RunNotFoundError(CanoError):
    """There is neither a log nor an outcome under this id."""


class VersionMismatchError(CanoError):
    """A row of the log was written by a workflow version that is not accepted.

    Attributes:
        workflow_id: the run.
        sequence: the first row that is not accepted.
        stored: the version of that row.
        expected: the version of this workflow.
    """

    def __init__(
        self, workflow_id: str, sequence: int, stored: int, expected: int
    ) -> None:
        super().__init__(
            f"run {workflow_id!r}: row {sequence} was written by workflow version "
            f"{stored}, this is version {expected}; if this version can go on from "
            f"there, say Workflow(accepts_versions=({stored},))"
        )
        self.workflow_id = workflow_id
        self.sequence = sequence
        self.stored = stored
        self.expected = expected


class CorruptLogError(CanoError):
    """A log breaks its own rules, so nothing is done with it.

    Attributes:
        workflow_id: the run.
        sequence: the sequence of the offending row.
    """

    def __init__(self, workflow_id: str, sequence: int, problem: str) -> None:
        super().__init__(f"run {workflow_id!r}, row {sequence}: {problem}")
        self.workflow_id = workflow_id
        self.sequence = sequence


class RolledBackError(CanoError):
    """The run was rolled back: what it had done was undone.

    Attributes:
        workflow_id: the run.
        failure: what it had failed with.
    """

    def __init__(self, workflow_id: str, failure: Failure) -> None:
        super().__init__(
            f"run {workflow_id!r} was rolled back after state {failure.state!r} "
            f"failed with {failure.error}: {failure.message}; the store's clear() "
            "frees the id"
        )
        self.workflow_id = workflow_id
        self.failure = failure


class CircuitOpenError(CanoError):
    """A circuit breaker refused a call, which therefore was not made.

    Attributes:
        breaker: the breaker's name, if it has one.
        retry_after: seconds until it lets a trial call through; 0 while one is under
            way, on which the rest depends.
    """

    def __init__(
        self, message: str, *, breaker: str | None, retry_after: float
    ) -> None:
        super().__init__(message)
        self.breaker = breaker
        self.retry_after = retry_after


class RateLimitedError(CanoError):
    """A rate limiter refused a call, which was not to wait.

    Attributes:
        tier: name of the tier, or of the limiter, that is used up; of several the one
            that takes longest to have enough again.
        retry_after: seconds until there is enough for this call, if nobody else
            comes.
    """

    def __init__(self, message: str, *, tier: str | None, retry_after: float) -> None:
        super().__init__(message)
        self.tier = tier
        self.retry_after = retry_after


class FlowError(CanoError):
    """The scheduler refused what it was asked to do with a flow.

    Attributes:
        flow_id: the flow.
        reason: ``"unknown"``, ``"running"``, ``"tripped"`` or ``"stopped"`` (the
            scheduler is not running).
    """

    def __init__(self, message: str, *, flow_id: str, reason: str) -> None:
        super().__init__(message)
        self.flow_id = flow_id
        self.reason = reason


class SchedulerStopError(CanoError):
    """The scheduler stopped, but some runs did not: they were abandoned.

    Attributes:
        flows: ids of the flows whose runs go on, if their process lets them.
    """

    def __init__(self, message: str, *, flows: Sequence[str]) -> None:
        super().__init__(message)
        self.flows = tuple(flows)


class ResourceError(CanoError):
    """A resource could not be set up; the resources before it were torn down."""
