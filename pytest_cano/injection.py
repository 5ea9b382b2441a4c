"""How a life is put around the runs that begin in it: wrapped stores and tasks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from cano_core.checkpoints.row import Outcome
from cano_core.checkpoints.store import CheckpointStore
from cano_core.extension import RunWrapper, TaskCall, hookimpl, manager
from cano_core.observers import WorkflowObserver

from .bound_store import bound_store, unbound
from .edges import TaskEdges, UndoEdges
from .kept_log import ending
from .life import HERE, Life
from .measured import measuring_life, saw_workflow
from .outage import powered
from .runbook import RunRecord
from .session_store import session_store

if TYPE_CHECKING:
    from cano_core.workflow import Workflow

__all__ = ["bound_store", "injected", "listening"]

_living: Final[list[Life]] = []
"""The lives that are being lived, innermost last: a test may check a program."""

_listeners = 0
_lock = threading.Lock()


@contextmanager
def injected(life: Life) -> Iterator[None]:
    """Put a life around every run that begins in this block; then end it."""
    with listening(), powered(life.world), measuring_life(life):
        _living.append(life)
        try:
            yield
        finally:
            _living.remove(life)
            life.end()


@contextmanager
def listening() -> Iterator[None]:
    """Be asked by the engine about every run; entered again, this costs nothing."""
    global _listeners
    with _lock:
        _listeners += 1
        if _listeners == 1:
            manager.register(_EXTENSION)
    try:
        yield
    finally:
        with _lock:
            _listeners -= 1
            if _listeners == 0:
                manager.unregister(_EXTENSION)


@final
class LifeExtension:
    """Gives each run to the life that it belongs to."""

    @hookimpl
    def cano_wrap_run(
        self, workflow: Workflow, workflow_id: str | None
    ) -> RunWrapper | None:
        """Wrap the run; what is left of an earlier life is refused in that life."""
        life = HERE.get()
        if life is None:
            life = next(reversed(_living), None)
        # A life that is not lived (a plain run, the machine around it) asks nothing.
        if life is None or not (life.over or life in _living):
            return None
        return RunSession(life, workflow, workflow_id)

    @hookimpl
    def cano_connect(self, path: str) -> None:
        """Take note of a store that has its file on the disk of a life."""
        for life in _living:
            if Path(path).is_relative_to(life.world.disk):
                life.world.on_sqlite = True


_EXTENSION = LifeExtension()


@final
class RunSession:
    """One start or resumption of a run, in one life.

    Attributes:
        number: its number among all of that run; 0 for a run without a store.
    """

    def __init__(self, life: Life, workflow: Workflow, workflow_id: str | None) -> None:
        self.life = life
        self._workflow = workflow
        self._workflow_id = workflow_id
        self._record: RunRecord | None = None
        self.number = 0
        saw_workflow(workflow)

    @property
    def record(self) -> RunRecord:
        """The run; one without a store is known from its first task on."""
        if self._record is None:
            self.life.storeless_runs += 1
            self._record = self.life.world.book.storeless(
                self.life.storeless_runs, self._workflow, self.life.number
            )
        return self._record

    def wrap_store(self, store: CheckpointStore) -> CheckpointStore:
        """Return the store as this session sees it."""
        if self._workflow_id is None:
            return store
        store = unbound(store, self.life)
        self._record = self.life.world.book.stored(
            self._workflow_id, self._workflow, store, self.life.number
        )
        self._record.sessions = self.number = self._record.sessions + 1
        return session_store(store, self.life, self._record, self.number)

    def wrap_task(self, state: str, task: object, call: TaskCall) -> TaskCall:
        """Return one attempt of the task with its edges."""
        return TaskEdges(self, state, task, call)

    def wrap_compensation(self, state: str, task: object, call: TaskCall) -> TaskCall:
        """Return one attempt of the task's compensation with its edges."""
        return UndoEdges(self, state, task, call)

    @property
    def observer(self) -> WorkflowObserver | None:
        """What sees the end of a run without a store; those with one tell it."""
        return None if self._record is not None else EndObserver(self)


@final
class EndObserver(WorkflowObserver):
    """Sees where a run ends that leaves no rows."""

    def __init__(self, session: RunSession) -> None:
        self._session = session

    def on_run_end(self, workflow_id: str | None, outcome: Outcome | None) -> None:
        """The run is over, in one way or another."""
        session = self._session
        if outcome is not None and session.life.alive:
            record = session.record
            record.storeless_exit = ending(outcome)
            session.life.went(record.run, record.storeless_exit)
