"""How a life is put around the runs that begin in it: wrapped stores and tasks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, final

from cano_core.checkpoints.row import CheckpointRow, Outcome, RowKind
from cano_core.checkpoints.store import CheckpointStore, remembers_outcomes
from cano_core.extension import RunWrapper, TaskCall, hookimpl, manager

from .bound_store import BoundStore, RememberingBoundStore, bound_store, unbound
from .frames import FRAME, code_of
from .life import HERE, Life
from .lifetime import until_crash
from .runbook import RunRecord
from .schedule import CrashPoint

if TYPE_CHECKING:
    from cano_core.context import RunContext
    from cano_core.workflow import Workflow

__all__ = ["bound_store", "injected", "listening"]

_living: Final[list[Life]] = []
"""The lives that are being lived, innermost last: a test may check a program."""

_listeners = 0
_lock = threading.Lock()


@contextmanager
def injected(life: Life) -> Iterator[None]:
    """Put a life around every run that begins in this block; then end it."""
    with listening():
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


_EXTENSION = LifeExtension()


@final
class RunSession:
    """One start or resumption of a run, in one life."""

    def __init__(self, life: Life, workflow: Workflow, workflow_id: str | None) -> None:
        self.life = life
        self._workflow = workflow
        self._workflow_id = workflow_id
        self._record: RunRecord | None = None

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
        kind = RememberingSessionStore if remembers_outcomes(store) else SessionStore
        return kind(store, self.life, self._record)

    def wrap_task(self, state: str, task: object, call: TaskCall) -> TaskCall:
        """Return one attempt of the task with its edges."""
        return TaskEdges(self, state, code_of(task), call)


@final
class TaskEdges:
    """One attempt of a state's task, between its ``start`` and its ``end``."""

    __slots__ = ("_call", "_code", "_session", "_state")

    def __init__(
        self, session: RunSession, state: str, code: CodeType | None, call: TaskCall
    ) -> None:
        self._session = session
        self._state = state
        self._code = code
        self._call = call

    async def __call__(self, context: RunContext, *values: Any) -> Any:
        """Make the attempt."""
        life, record = self._session.life, self._session.record
        life.require_alive(f"the task of {self._state}")
        frame = life.frame(record.run, self._state, context.visit)
        frame.code = self._code
        if context.attempt == 1:
            if record.workflow_id is None:
                life.went(record.run, self._state)
            life.entered(self._state)
            life.reached(frame.point("start"))
            frame.runs.append("crashed")
        token = FRAME.set(frame)
        try:
            attempt = self._call(context, *values)
            if life.fault is None:
                result = await attempt
            else:
                result = await until_crash(life, attempt)
        except BaseException:
            frame.runs[-1] = "crashed" if life.crashed else "interrupted"
            raise
        finally:
            # An abandoned coroutine may be closed in another context.
            with contextlib.suppress(ValueError):
                FRAME.reset(token)
        if life.over:
            at = life.crashed_at
            if at is not None and frame.holds(at):
                life.note(f"the task of {self._state} went on after its crash at {at}")
            raise life.crash()
        frame.runs[-1] = "returned"
        life.reached(frame.point("end"))
        if record.workflow_id is None:
            self._follow(record, result)
        return result

    def _follow(self, record: RunRecord, result: Any) -> None:
        label = getattr(result, "name", result)
        if label in record.graph.exits:
            record.storeless_exit = label
            self._session.life.went(record.run, label)


class SessionStore(BoundStore):
    """A bound store whose operations are the moments of one run."""

    def __init__(self, inner: CheckpointStore, life: Life, record: RunRecord) -> None:
        super().__init__(inner, life)
        self._record = record
        self._went = False

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows, with the moments before and after."""
        first = rows[0]
        if first.kind is RowKind.RESUME:
            visit = self._record.log.visit
            number = visit[1] if visit is not None else 1
            self._before(first.state, number)
        elif first.kind is RowKind.STATE_ENTRY and first.sequence == 0:
            self._before(first.state, 1)
        await super().append(workflow_id, *rows)
        for row in rows:
            self._after(row)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Read the log, and say so if it is not what it must be."""
        known = len(self._record.log.loads)
        rows = await super().load_run(workflow_id)
        for load in self._record.log.loads[known:]:
            self._life.note(
                f"run {workflow_id!r} was read back with {len(load.found)} rows where "
                f"{len(load.expected)} had been written"
            )
        return rows

    async def clear(self, workflow_id: str) -> None:
        """Let go of the log of a run that has ended."""
        exit_state = self._record.log.state
        await self._clear(workflow_id, at_exit=True)
        if exit_state is not None:
            self._concluded(exit_state)

    def _before(self, state: str, visit: int) -> None:
        self._life.require_alive(f"the start or resumption at {state}")
        self._life.reached(
            CrashPoint(state, "enter", visit=visit, run=self._record.run)
        )

    def _after(self, row: CheckpointRow) -> None:
        life, run = self._life, self._record.run
        if row.kind is RowKind.STATE_ENTRY:
            self._walk(row.state)
            if row.state in self._record.graph.exits:
                life.reached(CrashPoint(row.state, "recorded", run=run))
        elif row.kind is RowKind.RESUME:
            self._walk(row.state, resumed=True)
        elif row.kind is RowKind.MEMO:
            visit = self._record.log.visits[row.state]
            life.reached(life.frame(run, row.state, visit).next_memo())

    def _concluded(self, exit_state: str) -> None:
        if self._life.paths.get(self._record.run, [""])[-1] != exit_state:
            self._walk(exit_state, resumed=not self._went)
        self._life.reached(CrashPoint(exit_state, "cleared", run=self._record.run))

    def _walk(self, state: str, *, resumed: bool = False) -> None:
        self._went = True
        self._life.went(self._record.run, f"resumed at {state}" if resumed else state)


@final
class RememberingSessionStore(SessionStore, RememberingBoundStore):
    """The same for a store that remembers outcomes."""

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """End the run."""
        await super().finish(workflow_id, rows, outcome)
        self._concluded(outcome.state)

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""
        outcome = await super().outcome(workflow_id)
        if outcome is not None:
            self._life.went(self._record.run, f"had finished at {outcome.state}")
        elif self._record.log.outcome is not None:
            self._life.note(
                f"the store had forgotten that run {workflow_id!r} was finished; if "
                "the program clears finished runs itself, let it use cano_store"
            )
        return outcome
