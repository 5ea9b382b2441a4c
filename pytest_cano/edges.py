"""A task, or the compensation of one, between the moments at its edges."""

from __future__ import annotations

import asyncio
import contextlib
from types import CodeType
from typing import TYPE_CHECKING, Any, final

from cano_core.extension import TaskCall
from cano_core.wording import described

from .frames import FRAME, SESSION, TaskFrame, code_of
from .life import Life
from .lifetime import until_crash
from .runbook import RunRecord
from .strands import own_strand

if TYPE_CHECKING:
    from cano_core.context import RunContext

    from .injection import RunSession


class Edges:
    """One attempt of what a state does, with what is counted around it."""

    __slots__ = ("_call", "_code", "_session", "_state")

    def __init__(
        self, session: RunSession, state: str, code: CodeType | None, call: TaskCall
    ) -> None:
        self._session = session
        self._state = state
        self._code = code
        self._call = call

    @property
    def _life(self) -> Life:
        return self._session.life

    @property
    def _record(self) -> RunRecord:
        return self._session.record

    def _begin(self, frame: TaskFrame) -> None:
        """Begin a run of the task, with its first attempt."""
        frame.begin(self._session.number, self._record.log.number)

    async def _begins(self, frame: TaskFrame, moment: str) -> None:
        """Meet the moment right before the first attempt."""
        task = asyncio.current_task()
        if task is not None:
            self._life.drivers[self._record.run] = task
        try:
            await self._life.arrived(frame.point(moment))
        except Exception:
            # It failed before it did anything, and may be tried again.
            self._begin(frame)
            frame.runs[-1] = "interrupted"
            raise

    async def _ends(self, frame: TaskFrame, moment: str) -> None:
        """Meet the moment right after an attempt that has returned."""
        try:
            await self._life.arrived(frame.point(moment))
        except Exception as error:
            # It was to fail there, and may be tried again.
            frame.error, frame.runs[-1] = described(error), "interrupted"
            raise

    async def _run(
        self, frame: TaskFrame, context: RunContext, *values: Any, what: str
    ) -> Any:
        """Make the attempt within its frame."""
        life = self._life
        frame.code = self._code
        token, session = FRAME.set(frame), SESSION.set(self._session.number)
        try:
            attempt = self._call(context, *values)
            if life.driven:
                from .detail import in_detail

                attempt = in_detail(frame, attempt)
            if life.disturbed or life.world.schedule:
                attempt = until_crash(life, attempt)
            with own_strand():
                result = await attempt
        except BaseException as error:
            frame.error = described(error) if isinstance(error, Exception) else ""
            frame.runs[-1] = "crashed" if life.crashed else "interrupted"
            raise
        finally:
            # An abandoned coroutine may be closed in another context.
            with contextlib.suppress(ValueError):
                FRAME.reset(token)
                SESSION.reset(session)
        if life.over:
            at = life.crashed_at
            if at is not None and frame.holds(at):
                life.note(f"{what} went on after its crash at {at}")
            raise life.crash()
        frame.runs[-1] = "returned"
        return result


@final
class TaskEdges(Edges):
    """One attempt of a state's task, between its ``start`` and its ``end``.

    A split, or whatever else a state's task is made of, is one task.
    """

    __slots__ = ()

    def __init__(
        self, session: RunSession, state: str, task: object, call: TaskCall
    ) -> None:
        super().__init__(session, state, code_of(task), call)

    async def __call__(self, context: RunContext, *values: Any) -> Any:
        """Make the attempt."""
        life, record = self._life, self._record
        what = f"the task of {self._state}"
        life.require_alive(what)
        frame = life.frame(record.run, self._state, context.visit)
        if context.attempt == 1:
            has_row = record.has_row(self._state, context.visit)
            if not has_row or record.workflow_id is None:
                life.went(record.run, self._state)
            life.counted(f"{self._state} was entered")
            if has_row:
                await self._begins(frame, "start")
            self._begin(frame)
        result = await self._run(frame, context, *values, what=what)
        await self._ends(frame, "end")
        return result


@final
class UndoEdges(Edges):
    """One attempt of a state's compensation, between ``undo`` and ``undone``."""

    __slots__ = ()

    def __init__(
        self, session: RunSession, state: str, task: object, call: TaskCall
    ) -> None:
        undo = getattr(task, "compensate", None)
        super().__init__(session, state, None if undo is None else code_of(undo), call)

    async def __call__(self, context: RunContext, *values: Any) -> Any:
        """Make the attempt."""
        life, record = self._life, self._record
        what = f"the compensation of {self._state}"
        life.require_alive(what)
        frame = life.frame(record.run, self._state, context.visit, undoing=True)
        if context.attempt == 1:
            await self._begins(frame, "undo")
            self._begin(frame)
        result = await self._run(frame, context, *values, what=what)
        await self._ends(frame, "undone")
        return result
