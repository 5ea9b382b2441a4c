"""Being told what a run does.

Observers are synchronous and can't change a run: what one raises is logged, whichever
hook it is. They are called in the run's own thread, so one that blocks holds up every
run of the event loop.

The order within a state is ``on_state_enter``, ``on_checkpoint`` for its entry row,
``on_task_start``, what the attempts bring, then ``on_task_success`` or
``on_task_failure``. For each attempt that is tried again there is ``on_retry``;
before the failure of a task that a circuit breaker refused, ``on_circuit_open``; for
every row that the task made durable, ``on_checkpoint``. What a compensatable task has
left becomes durable with the next state's entry row. A split is the task ``"split"``,
and within it each branch that starts is one named ``"name[i]"`` after its index;
branches mix, and one that was not waited for has failed with a `BranchCancelledError`.

All of it stands between ``on_run_start`` and ``on_run_end``; only a resumed run begins
with ``on_checkpoint`` for the RESUME row by which it claimed the run, then
``on_run_start`` and ``on_resume``. The state that it re-enters writes no second entry
row; a resumed rollback enters no state at all.

``on_workflow_timeout`` or ``on_cancelled`` is told once, when the limit or the
cancellation takes effect: before a state, which is then not entered, or within one,
whose task then fails. A rollback is ``on_checkpoint`` for its own row,
``on_rollback_start``, for each visit, the last one first, ``on_checkpoint`` and
``on_compensated``, or ``on_compensation_failure``, then ``on_rollback_end``.

Whatever starts has an end, success or failure, unless the run as a whole stops: a
crash, a lost run and a failing store are told of by ``on_run_end`` alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

from .checkpoints.row import Outcome
from .states import State, label_of

logger = logging.getLogger("cano_core")


class WorkflowObserver:
    """Hooks that do nothing; override the ones you want.

    ``workflow_id`` is None for a run without an id, ``state`` is a label, ``task`` a
    task's name.
    """

    def on_run_start(self, workflow_id: str | None) -> None:
        """A run starts, or goes on after a restart."""

    def on_run_end(self, workflow_id: str | None, outcome: Outcome | None) -> None:
        """A run ended; without an outcome it failed or was stopped, resumable."""

    def on_state_enter(self, workflow_id: str | None, state: str) -> None:
        """A state is entered; its row is not yet written."""

    def on_checkpoint(self, workflow_id: str, sequence: int) -> None:
        """A row is durable."""

    def on_resume(self, workflow_id: str, sequence: int) -> None:
        """A run was claimed; ``sequence`` is the last row that the dead left."""

    def on_task_start(self, workflow_id: str | None, task: str) -> None:
        """A task is about to run, for its first attempt."""

    def on_retry(self, workflow_id: str | None, task: str, attempt: int) -> None:
        """Attempt ``attempt`` (from 1) failed and another one follows."""

    def on_circuit_open(self, workflow_id: str | None, task: str) -> None:
        """A circuit breaker refused an attempt; the task was not called."""

    def on_task_success(self, workflow_id: str | None, task: str) -> None:
        """A task returned."""

    def on_task_failure(
        self, workflow_id: str | None, task: str, error: Exception
    ) -> None:
        """A task failed for good."""

    def on_workflow_timeout(
        self, workflow_id: str | None, state: str, limit: float
    ) -> None:
        """The run's ``total_timeout`` of ``limit`` seconds was reached.

        ``state`` is the one that it was reached in, or that was not begun for it.
        """

    def on_cancelled(self, workflow_id: str | None, state: str) -> None:
        """A `Cancellation` took effect in this state, or before it was begun."""

    def on_rollback_start(self, workflow_id: str | None, state: str) -> None:
        """What the run did is about to be undone, or goes on being undone.

        ``state`` is the one that failed or was stopped, also in a later process.
        """

    def on_compensated(self, workflow_id: str | None, state: str) -> None:
        """One visit of this state was undone."""

    def on_compensation_failure(
        self, workflow_id: str | None, state: str, error: Exception
    ) -> None:
        """One visit of this state could not be undone; the next resume tries again."""

    def on_rollback_end(self, workflow_id: str | None, complete: bool) -> None:
        """The rollback is over for now; ``complete`` if everything is undone."""


@final
class ObserverGroup:
    """The observers of a workflow, told one after the other, none able to disturb.

    Attributes:
        members: the observers.
    """

    def __init__(self, observers: Sequence[WorkflowObserver]) -> None:
        self.members = tuple(observers)

    def tell(self, hook: str, *arguments: Any) -> None:
        """Call one hook of every observer, in order of registration."""
        for observer in self.members:
            try:
                getattr(observer, hook)(*arguments)
            except Exception:
                logger.exception(
                    "observer %r raised in %s%r; the run goes on",
                    observer,
                    hook,
                    arguments,
                )


def with_observers_of(
    wrappers: Iterable[object], group: ObserverGroup | None
) -> ObserverGroup | None:
    """Return a workflow's observers, and after them those of a run's wrappers."""
    added = [
        observer
        for wrapper in wrappers
        if (observer := getattr(wrapper, "observer", None)) is not None
    ]
    if not added:
        return group
    return ObserverGroup([*(group.members if group is not None else ()), *added])


@final
@dataclass(frozen=True, slots=True)
class Event:
    """One call that a `RecordingObserver` got: the hook's name and its arguments."""

    hook: str
    arguments: tuple[Any, ...]


class RecordingObserver(WorkflowObserver):
    """Keeps every event, for tests.

    Attributes:
        events: what happened, in order.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def of(self, hook: str) -> list[tuple[Any, ...]]:
        """Return the arguments of every call of one hook."""
        return [event.arguments for event in self.events if event.hook == hook]

    def take(self) -> list[Event]:
        """Return the events so far and forget them: what one part of a test did."""
        taken, self.events = self.events, []
        return taken

    @property
    def path(self) -> list[str]:
        """Labels of the states entered, in order."""
        return [state for _, state in self.of("on_state_enter")]

    @property
    def compensated(self) -> list[str]:
        """Labels of the states whose visits were undone, in the order of undoing."""
        return [state for _, state in self.of("on_compensated")]

    @property
    def outcome(self) -> Outcome | None:
        """Outcome of the run that ended last; None if it failed or was stopped."""
        ends = self.of("on_run_end")
        outcome: Outcome | None = ends[-1][1] if ends else None
        return outcome

    def not_entered(self, *states: State) -> list[str]:
        """Return the labels of those of ``states`` that were never entered.

        ``watcher.not_entered(*Step)`` finds what a suite leaves out of an Enum,
        ``watcher.not_entered(*workflow.graph.states)`` of a workflow.
        """
        entered = set(self.path)
        labels = dict.fromkeys(map(label_of, states))
        return [label for label in labels if label not in entered]


def _recorder(hook: str) -> Any:
    def record(self: RecordingObserver, *arguments: Any) -> None:
        self.events.append(Event(hook, arguments))

    record.__name__ = hook
    record.__doc__ = getattr(WorkflowObserver, hook).__doc__
    return record


for _hook in [name for name in vars(WorkflowObserver) if name.startswith("on_")]:
    setattr(RecordingObserver, _hook, _recorder(_hook))
