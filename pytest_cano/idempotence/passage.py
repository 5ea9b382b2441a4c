"""How far a run may go: up to one visit, through it, and no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from cano_core.checkpoints.row import Outcome
from cano_core.checkpoints.store import CheckpointStore
from cano_core.context import RunContext
from cano_core.extension import TaskCall, hookimpl, manager
from cano_core.observers import WorkflowObserver

from ..log_reader import Visit

if TYPE_CHECKING:
    from cano_core.workflow import Workflow


class Kept(BaseException):
    """The run is where it was to come to; its log is left as it is.

    Like a crash it is no failure of the task, so that nothing is tried again or undone.
    """


@final
class Passage:
    """The visits that a run may go through.

    The first run finds the way: everything is let through until the wanted visit has
    begun. Every later run may go through the same visits. Routers do not count, for
    they leave no rows and only choose the way.

    Args:
        label: of the wanted state, whose first visit it is.

    Attributes:
        wanted: the wanted visit.
        found: whether a run has come to it.
        following: the visit that a run was kept from; None if it came to an exit.
    """

    def __init__(self, label: str) -> None:
        self.wanted: Visit = (label, 1)
        self.found = False
        self.following: Visit | None = None
        self._visits: set[Visit] = set()

    def admits(self, visit: Visit) -> bool:
        """Say whether a run may go through a visit."""
        if visit not in self._visits:
            if self.found:
                self.following = visit
                return False
            self._visits.add(visit)
            self.found = visit == self.wanted
        return True

    def widened(self) -> Passage:
        """Return one that leads through the following visit, too."""
        wider = Passage(self.wanted[0])
        wider.found = self.found
        wider._visits = set(self._visits)
        if self.following is not None:
            wider._visits.add(self.following)
        return wider


@final
class Guide(WorkflowObserver):
    """Goes with one run, as its wrapper and its observer.

    Args:
        passage: how far the run may go.
        routers: labels of the states that do not count.
        arrived: called with the label and the context of a visit that the run is kept
            from.
        meanwhile: called once before the wanted task, or before anything is undone.
        undoing: whether ``meanwhile`` waits for the rollback.
        returned: called when the wanted task has returned.

    Attributes:
        outcome: how the run ended, if it did.
    """

    def __init__(
        self,
        passage: Passage,
        routers: frozenset[str],
        *,
        arrived: Callable[[str, RunContext], None],
        meanwhile: Callable[[], None],
        undoing: bool,
        returned: Callable[[], None],
    ) -> None:
        self._passage = passage
        self._routers = routers
        self._arrived = arrived
        self._meanwhile = meanwhile
        self._undoing = undoing
        self._returned = returned
        self._state = ""
        self.outcome: Outcome | None = None

    @property
    def observer(self) -> WorkflowObserver:
        """What is told of the run."""
        return self

    def wrap_store(self, store: CheckpointStore) -> CheckpointStore:
        """Return the store as it is."""
        return store

    def wrap_task(self, state: str, task: object, call: TaskCall) -> TaskCall:
        """Return one attempt of a task, unless the run is to be kept from it."""
        passage = self._passage

        async def guided(context: RunContext, *values: Any) -> Any:
            visit = (state, context.visit)
            counts = state not in self._routers or visit == passage.wanted
            if counts and not passage.admits(visit):
                self._arrived(state, context)
                raise Kept
            result = await call(context, *values)
            if visit == passage.wanted:
                self._returned()
            return result

        return guided

    def on_state_enter(self, workflow_id: str | None, state: str) -> None:
        """A visit begins."""
        self._state = state

    def on_task_start(self, workflow_id: str | None, task: str) -> None:
        """A task is about to be run, outside of its time limits."""
        if not self._undoing and self._state == self._passage.wanted[0]:
            self._meanwhile()

    def on_rollback_start(self, workflow_id: str | None, state: str) -> None:
        """What was done is about to be undone."""
        if self._undoing:
            self._meanwhile()

    def on_run_end(self, workflow_id: str | None, outcome: Outcome | None) -> None:
        """The run is over, or left as it is."""
        self.outcome = outcome


@contextmanager
def guided(workflow: Workflow, guide: Guide) -> Iterator[None]:
    """Let a guide go with every run of a workflow that begins in this block."""
    plugin = _Guiding(workflow, guide)
    manager.register(plugin)
    try:
        yield
    finally:
        manager.unregister(plugin)


@final
class _Guiding:
    # It is registered after what counts the points of a life, and so stands around
    # that: a visit that the run is kept from has no points.
    def __init__(self, workflow: Workflow, guide: Guide) -> None:
        self._workflow = workflow
        self._guide = guide

    @hookimpl
    def cano_wrap_run(
        self, workflow: Workflow, workflow_id: str | None
    ) -> Guide | None:
        """Go with the runs of one workflow object."""
        return self._guide if workflow is self._workflow else None
