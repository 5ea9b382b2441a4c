"""Being told what a run does.

Observers are synchronous and can't change a run: what one raises is logged. The order
within a state is ``on_state_enter``, ``on_checkpoint``, ``on_task_start``,
``on_retry`` for every attempt that is tried again, then ``on_task_success`` or
``on_task_failure``. All of it stands between ``on_run_start`` and ``on_run_end``; only
a resumed run begins with ``on_checkpoint`` for the RESUME row by which it claimed the
run, then ``on_run_start`` and ``on_resume``. The state that it re-enters writes no
second entry row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from .checkpoints.row import Outcome

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

    def on_task_success(self, workflow_id: str | None, task: str) -> None:
        """A task returned."""

    def on_task_failure(
        self, workflow_id: str | None, task: str, error: Exception
    ) -> None:
        """A task failed for good."""


@final
class ObserverGroup:
    """The observers of a workflow, told one after the other, none able to disturb."""

    def __init__(self, observers: Sequence[WorkflowObserver]) -> None:
        self._observers = tuple(observers)

    def tell(self, hook: str, *arguments: Any) -> None:
        """Call one hook of every observer, in order of registration."""
        for observer in self._observers:
            try:
                getattr(observer, hook)(*arguments)
            except Exception:
                logger.exception(
                    "observer %r raised in %s%r; the run goes on",
                    observer,
                    hook,
                    arguments,
                )


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

    @property
    def path(self) -> list[str]:
        """Labels of the states entered, in order."""
        return [state for _, state in self.of("on_state_enter")]


def _recorder(hook: str) -> Any:
    def record(self: RecordingObserver, *arguments: Any) -> None:
        self.events.append(Event(hook, arguments))

    record.__name__ = hook
    record.__doc__ = getattr(WorkflowObserver, hook).__doc__
    return record


for _hook in [name for name in vars(WorkflowObserver) if name.startswith("on_")]:
    setattr(RecordingObserver, _hook, _recorder(_hook))
