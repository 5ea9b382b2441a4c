"""The store of one run in one life: its operations are moments of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, final

from cano_core.checkpoints.row import CheckpointRow, Outcome, OutcomeStatus, RowKind
from cano_core.checkpoints.store import CheckpointStore, remembers_outcomes

from .bound_store import BoundStore, RememberingBoundStore
from .faulty_store import FaultyStore
from .frames import FRAME, TaskFrame
from .kept_log import KeptLog
from .life import Life
from .log_reader import is_nested, is_own_memo
from .runbook import RunRecord
from .schedule import CrashPoint

_ADVANCES: Final = {
    RowKind.MEMO: "memo",
    RowKind.STEP_CURSOR: "cursor",
    RowKind.BRANCH: "branch",
}
"""Rows that take a visit further, and the moments right after them."""


def session_store(
    store: CheckpointStore, life: Life, record: RunRecord, session: int
) -> CheckpointStore:
    """Return a store as one run sees it in one life."""
    kind = RememberingSessionStore if remembers_outcomes(store) else SessionStore
    return kind(store, life, record, session)


class SessionStore(BoundStore):
    """A bound store whose operations are the moments of one run."""

    def __init__(
        self, inner: CheckpointStore, life: Life, record: RunRecord, session: int
    ) -> None:
        super().__init__(inner, life, session)
        self._inner = FaultyStore(self._inner, life, record.run)
        self._record = record
        self._went = False
        self._loaded = False

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        """Add rows, with the moments before and after."""
        await self._before(rows)
        await super().append(workflow_id, *rows)
        for row in rows:
            await self._after(row)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        """Read the log, and say so if it is not what it must be."""
        await self._loads()
        with self._noting_loads(workflow_id):
            return await super().load_run(workflow_id)

    async def _load_tail(self, workflow_id: str) -> Sequence[CheckpointRow]:
        await self._loads()
        with self._noting_loads(workflow_id):
            return await super()._load_tail(workflow_id)

    async def _loads(self) -> None:
        """See whether a log is about to be read that holds something."""
        visit = self._record.log.visit
        if visit is not None and not self._loaded:
            self._loaded = True
            await self._enter("load", *visit)

    @contextmanager
    def _noting_loads(self, workflow_id: str) -> Iterator[None]:
        known = len(self._record.log.loads)
        yield
        for load in self._record.log.loads[known:]:
            self._life.note(
                f"run {workflow_id!r} was read back with {len(load.found)} rows where "
                f"{len(load.expected)} had been written"
            )

    async def clear(self, workflow_id: str) -> None:
        """Let go of the log of a run that has ended."""
        visit = self._record.log.visit
        await self._clear(workflow_id, at_exit=True)
        if visit is not None:
            await self._concluded(visit[0])

    async def _before(self, rows: Sequence[CheckpointRow]) -> None:
        """See whether a run begins, or is taken over, with these rows."""
        first = rows[0] if rows else None
        if first is None:
            return
        if first.kind is RowKind.RESUME:
            visit = self._record.log.visit
            await self._enter("enter", first.state, 1 if visit is None else visit[1])
        elif first.kind is RowKind.STATE_ENTRY and first.sequence == 0:
            await self._enter("enter", first.state, 1)

    async def _enter(self, moment: str, state: str, visit: int) -> None:
        life, run = self._life, self._record.run
        life.require_alive(f"the start or resumption at {state}")
        task = asyncio.current_task()
        if task is not None:
            life.drivers[run] = task
        await life.arrived(CrashPoint(state, moment, visit=visit, run=run))

    async def _after(self, row: CheckpointRow) -> None:
        log = self._record.log
        if step := _step(log, row):
            self._walk(step)
        if row.kind is RowKind.RESUME:
            self._record.resumed()
        elif row.kind is RowKind.STATE_ENTRY:
            if row.state in self._record.graph.exits:
                await self._arrived(row.state, "recorded")
        elif row.kind is RowKind.COMPENSATED:
            if not log.undoing and log.visit is not None:
                await self._arrived(log.visit[0], "recorded")
        elif row.kind in _ADVANCES and not is_own_memo(row):
            if row.kind is RowKind.STEP_CURSOR:
                self._life.counted(f"a cursor of {row.state} was recorded")
            frame = self._frame(row.state)
            if row.kind is RowKind.BRANCH and self._of_an_item(row):
                frame.items += 1
            await self._life.arrived(frame.next(_ADVANCES[row.kind]))

    def _of_an_item(self, row: CheckpointRow) -> bool:
        """Say whether a result is that of an item, not of a branch of a split."""
        return self._record.graph.kinds.get(row.state) != "split" or is_nested(row)

    def _frame(self, state: str) -> TaskFrame:
        """Return the frame that a row belongs to."""
        life, run = self._life, self._record.run
        # A row is written for the code that is running; in a rollback that is of
        # another visit than the last one.
        frame = FRAME.get()
        if (
            frame is not None
            and frame.life is life
            and (frame.run, frame.state) == (run, state)
        ):
            return frame
        return life.frame(run, *(self._record.log.visit or (state, 1)))

    async def _concluded(self, state: str) -> None:
        log, path = self._record.log, self._life.paths.get(self._record.run, [""])
        if log.exit != state:
            self._walk("rolled back")
        elif path[-1] != state:
            self._walk(state if self._went else f"resumed at {state}")
        await self._arrived(state, "cleared")

    async def _arrived(self, state: str, moment: str) -> None:
        await self._life.arrived(CrashPoint(state, moment, run=self._record.run))

    def _walk(self, step: str) -> None:
        self._went = True
        self._life.went(self._record.run, step)


@final
class RememberingSessionStore(SessionStore, RememberingBoundStore):
    """The same for a store that remembers outcomes."""

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        """End the run."""
        await self._before(rows)
        steps = [_step(self._record.log, row) for row in rows]
        await super().finish(workflow_id, rows, outcome)
        for step in filter(None, steps):
            self._walk(step)
        await self._concluded(outcome.state)

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return the outcome, or None for a run that has none (yet)."""
        ended = self._record.log.outcome is not None
        outcome = await super().outcome(workflow_id)
        if outcome is not None:
            rolled_back = outcome.status == OutcomeStatus.ROLLED_BACK
            how = "had been rolled back from" if rolled_back else "had finished at"
            self._life.went(self._record.run, f"{how} {outcome.state}")
        elif ended and not self._record.log.forgotten:
            self._life.note(
                f"the store had forgotten that run {workflow_id!r} was finished; if "
                "the program clears finished runs itself, let it use cano_store"
            )
        return outcome


def _step(log: KeptLog, row: CheckpointRow) -> str:
    """Return where a row takes a run, as its way tells it; empty for nowhere."""
    if row.kind is RowKind.STATE_ENTRY:
        return row.state
    if row.kind is RowKind.RESUME:
        return _resumed(log, row.state)
    if row.kind is RowKind.ROLLBACK:
        return "rolling back"
    return f"{row.state} undone" if row.kind is RowKind.COMPENSATED else ""


def _resumed(log: KeptLog, state: str) -> str:
    if log.rolling_back:
        return "resumed rolling back"
    return f"resumed {'after' if log.over else 'at'} {state}"
