"""Every exception that cano_core raises.

    CanoError
    ├── ConfigurationError      the definition or the call is wrong, or a task broke it
    ├── TaskFailedError         a task failed for good
    │   └── RetryExhaustedError     ... after more than one attempt
    ├── CheckpointStoreError    the store failed, or holds what it cannot read
    ├── RunConflictError        somebody else owns this run now
    ├── RunExistsError          a fresh run under an id that is taken
    ├── RunNotFoundError        nothing to resume under this id
    ├── VersionMismatchError    the log was written by another workflow version
    ├── CorruptLogError         the log breaks its own rules
    ├── RolledBackError         the run was undone
    └── ResourceError           a resource could not be set up

Except for `TaskFailedError`, where the task itself failed, none of them is ever
raised because of what a task did to the outside world: the log is as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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
    result that can't be stored) stops the run before a row is written for it.

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


class TaskFailedError(CanoError):
    """A task failed for good; its own exception is the ``__cause__``.

    The run stays interrupted at the task's state: resuming it runs that state
    again.

    Attributes:
        workflow_id: the run, or None for a run without an id.
        state: label of the state whose task failed.
        path: labels of the states that the run went through, the failed one last
            (of a very long run the last thousand).
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
        super().__init__(message)
        self.workflow_id = workflow_id
        self.state = state
        self.path = tuple(path)
        self.attempts = tuple(attempts)


class RetryExhaustedError(TaskFailedError):
    """A task failed for good after more than one attempt."""


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
    """The run was rolled back: what it had done was undone."""


class ResourceError(CanoError):
    """A resource could not be set up; the resources before it were torn down."""
