"""Reading a log: where its run stands, and whether the log keeps its own rules.

Pure: rows in, a `Position` out. Nothing here touches a store or runs a task.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import final

import msgspec

from .checkpoints.row import CheckpointRow, RowKind
from .errors import CorruptLogError, VersionMismatchError
from .memo import decode_memo

PATH_LENGTH = 1000
"""How many labels of a run's path are kept; a loop may go on for ever."""


@final
@dataclass(slots=True)
class Position:
    """Where a log ends.

    Attributes:
        label: the state that the run is in.
        entry: sequence of the entry row of the present visit.
        rows: number of rows in the log.
        payload: the data as of that entry.
        resumes: RESUME rows of the present visit.
        visits: entries of each label so far.
        path: labels entered, the last thousand.
        memos: encoded results of the present visit's finished calls, by name.
    """

    label: str
    entry: int
    rows: int
    payload: bytes | None
    resumes: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    path: deque[str] = field(default_factory=lambda: deque(maxlen=PATH_LENGTH))
    memos: dict[str, bytes] = field(default_factory=dict)


def check_versions(
    workflow_id: str,
    rows: Sequence[CheckpointRow],
    version: int,
    accepted: Collection[int],
) -> None:
    """Refuse a log in which any row's version is not accepted.

    Raises:
        VersionMismatchError: names the first such row.
    """
    for row in rows:
        if row.version != version and row.version not in accepted:
            raise VersionMismatchError(workflow_id, row.sequence, row.version, version)


def replay(
    workflow_id: str,
    rows: Sequence[CheckpointRow],
    *,
    states: Collection[str],
    exits: Collection[str],
) -> Position:
    """Say where a log's run stands.

    Args:
        workflow_id: the run, for messages.
        rows: its log, ascending, not empty.
        states: labels of all states.
        exits: labels of the exit states among them.

    Raises:
        CorruptLogError: the log breaks its rules; names the offending row.
    """
    position = Position("", -1, len(rows), None)
    for expected, row in enumerate(rows):

        def corrupt(problem: str, row: CheckpointRow = row) -> CorruptLogError:
            return CorruptLogError(workflow_id, row.sequence, problem)

        if row.sequence != expected:
            raise corrupt(
                f"row {expected} is missing: the log has a gap before this"
                if row.sequence > expected
                else "the sequence is there twice"
            )
        if position.label in exits:
            raise corrupt(f"nothing may follow the exit state {position.label!r}")
        # Compared by value: a user's store may give plain numbers.
        if row.kind == RowKind.STATE_ENTRY:
            if row.state not in states:
                raise corrupt(
                    f"the workflow has no state {row.state!r}; register it again, or "
                    "under its new name, to go on with this run"
                )
            _enter(position, row)
        elif row.kind not in _WITHIN_A_VISIT:
            raise corrupt(
                f"a row of kind {getattr(row.kind, 'name', row.kind)} belongs to no "
                "state of this workflow"
            )
        elif not position.visits:
            raise corrupt(f"the log begins with a {RowKind(row.kind).name} row")
        elif row.state != position.label:
            raise corrupt(
                f"a {RowKind(row.kind).name} row of state {row.state!r} stands in a "
                f"visit of {position.label!r}"
            )
        else:
            _WITHIN_A_VISIT[row.kind](position, row, corrupt)
    return position


def _enter(position: Position, row: CheckpointRow) -> None:
    position.label = row.state
    position.entry = row.sequence
    position.payload = row.payload
    position.resumes = 0
    position.visits[row.state] += 1
    position.path.append(row.state)
    position.memos = {}


Problem = Callable[[str], CorruptLogError]


def _resume(position: Position, row: CheckpointRow, corrupt: Problem) -> None:
    position.resumes += 1


def _memo(position: Position, row: CheckpointRow, corrupt: Problem) -> None:
    try:
        name, result = decode_memo(row.payload or b"")
    except (msgspec.MsgspecError, ValueError) as error:
        raise corrupt(f"its payload is no memo: {error}") from error
    if name in position.memos:
        raise corrupt(f"a second memo {name!r} in one visit")
    position.memos[name] = result


_WITHIN_A_VISIT: dict[RowKind, Callable[[Position, CheckpointRow, Problem], None]] = {
    RowKind.RESUME: _resume,
    RowKind.MEMO: _memo,
}
