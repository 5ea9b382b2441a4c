"""Reading a log: where its run stands, and whether the log keeps its own rules.

Pure: rows in, a `Position` out. Nothing here touches a store or runs a task.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, final

import msgspec

from .checkpoints.row import CheckpointRow, RowKind
from .errors import CorruptLogError, VersionMismatchError
from .failure import Failure, decode_failure
from .progress import (
    STARTED,
    Branch,
    Completion,
    Cursor,
    Memo,
    Progress,
    decode_moment,
    decode_sequence,
)
from .saga import Completed

T = TypeVar("T")

PATH_LENGTH = 1000
"""How many labels of a run's path are kept; a loop may go on for ever."""


@final
@dataclass(slots=True)
class Position:
    """Where a log ends.

    Attributes:
        label: the state of the last visit.
        entry: sequence of that visit's entry row.
        rows: number of rows in the log.
        data: the run's data from here on, encoded.
        resumes: RESUME rows of that visit.
        visits: entries of each label so far.
        path: labels entered, the last thousand.
        progress: what that visit need not do again.
        standing: what that visit has left, if it is over and no other has begun.
        completed: what a rollback has, or would have, to undo; by entry row.
        failure: what is being rolled back; None if nothing is.
        undoing: memos of that rollback.
        undone: sequences of the entries that it has undone.
        started: when the run began, in seconds since the epoch, if it is recorded.
    """

    label: str
    entry: int
    rows: int
    data: bytes | None
    resumes: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    path: deque[str] = field(default_factory=lambda: deque(maxlen=PATH_LENGTH))
    progress: Progress = field(default_factory=Progress)
    standing: Completion | None = None
    completed: dict[int, Completed] = field(default_factory=dict)
    failure: Failure | None = None
    undoing: Progress = field(default_factory=Progress)
    undone: set[int] = field(default_factory=set)
    started: float | None = None

    @property
    def to_undo(self) -> list[Completed]:
        """What a rollback has still to undo, in order of completion."""
        return [
            each for entry, each in self.completed.items() if entry not in self.undone
        ]


def check_versions(
    workflow_id: str,
    rows: Sequence[CheckpointRow],
    version: int,
    accepted: Collection[int],
) -> None:
    """Refuse a log in which any row's version is not accepted.

    Cursors that are left out of a tail need no look: a run comes to another version
    only by a resume, whose RESUME row is never left out.

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
    tail: bool = False,
) -> Position:
    """Say where a log's run stands.

    Args:
        workflow_id: the run, for messages.
        rows: its log, ascending, not empty.
        states: labels of all states.
        exits: labels of the exit states among them.
        tail: whether cursors may be left out before a later one.

    Raises:
        CorruptLogError: the log breaks its rules; names the offending row.
    """
    position = Position("", -1, rows[-1].sequence + 1, None)
    cursors = [row.sequence for row in rows if row.kind == RowKind.STEP_CURSOR]
    # What is left out of a tail is not its first row, and a cursor stands behind it.
    left_out = range(1, cursors[-1]) if tail and cursors else ()
    expected = 0
    for row in rows:
        if row.sequence != expected and not (
            row.sequence > expected and expected in left_out
        ):
            raise CorruptLogError(
                workflow_id,
                row.sequence,
                f"row {expected} is missing: the log has a gap before this"
                if row.sequence > expected
                else "the sequence is there twice",
            )
        try:
            _read(position, row, states, exits)
        except _Wrong as wrong:
            raise CorruptLogError(workflow_id, row.sequence, str(wrong)) from wrong
        expected = row.sequence + 1
    return position


class _Wrong(ValueError):
    """What is wrong with a row."""


def _read(
    position: Position,
    row: CheckpointRow,
    states: Collection[str],
    exits: Collection[str],
) -> None:
    try:
        kind = RowKind(row.kind)  # a user's store may give plain numbers
    except ValueError:
        raise _Wrong(f"{row.kind!r} is no kind of row") from None
    if position.label in exits:
        raise _Wrong(f"nothing may follow the exit state {position.label!r}")
    if row.state not in states:
        raise _Wrong(
            f"the workflow has no state {row.state!r}; register it again, or under its "
            "new name, to go on with this run"
        )
    if not position.visits and kind is not RowKind.STATE_ENTRY:
        raise _Wrong(f"the log begins with a {kind.name} row")
    if position.failure is not None:
        legal, phase = _IN_A_ROLLBACK, "in a rollback"
    elif position.standing is not None:
        legal, phase = _AFTER_A_VISIT, "after a completed visit"
    else:
        legal, phase = _WITHIN_A_VISIT, "within a visit"
    if kind not in legal:
        raise _Wrong(f"a {kind.name} row can't stand {phase}")
    if kind in _OF_THE_VISIT and (
        row.state != position.label and position.failure is None
    ):
        raise _Wrong(
            f"a {kind.name} row of state {row.state!r} stands in a visit of "
            f"{position.label!r}"
        )
    legal[kind](position, row)


def _enter(position: Position, row: CheckpointRow) -> None:
    position.label = row.state
    position.entry = row.sequence
    position.data = row.payload
    position.resumes = 0
    position.visits[row.state] += 1
    position.path.append(row.state)
    position.progress = Progress()
    position.standing = None


def _resume(position: Position, row: CheckpointRow) -> None:
    position.resumes += 1


def _memo(position: Position, row: CheckpointRow) -> None:
    memo = _decoded(Memo.decode, row, "memo")
    if memo.key == STARTED:
        position.started = _decoded(lambda _: decode_moment(memo.result), row, "moment")
    elif position.standing is not None and position.failure is None:
        raise _Wrong("a memo stands after the visit it belongs to")
    progress = position.progress if position.failure is None else position.undoing
    if memo.known(progress):
        raise _Wrong(f"a second memo {memo.key!r} in one visit")
    memo.apply(progress)


def _cursor(position: Position, row: CheckpointRow) -> None:
    cursor = _decoded(Cursor.decode, row, "cursor")
    if cursor.known(position.progress):
        raise _Wrong(f"a second cursor {cursor.number} in one visit")
    cursor.apply(position.progress)
    if cursor.data is not None:
        position.data = cursor.data


def _branch(position: Position, row: CheckpointRow) -> None:
    branch = _decoded(Branch.decode, row, "result of a branch")
    if branch.known(position.progress):
        raise _Wrong(f"a second result of branch {branch.part!r} in one visit")
    branch.apply(position.progress)


def _complete(position: Position, row: CheckpointRow) -> None:
    completion = _decoded(Completion.decode, row, "completion")
    position.standing = completion
    position.data = completion.data
    position.completed[position.entry] = Completed(
        position.label,
        position.visits[position.label],
        position.entry,
        completion.output,
    )


def _roll_back(position: Position, row: CheckpointRow) -> None:
    failure = _decoded(decode_failure, row, "failure")
    if failure.state != row.state:
        raise _Wrong(f"its failure is one of another state, {failure.state!r}")
    position.failure = failure


def _compensated(position: Position, row: CheckpointRow) -> None:
    entry = _decoded(decode_sequence, row, "sequence")
    completed = position.completed.get(entry)
    if completed is None or completed.label != row.state:
        raise _Wrong(f"no visit of {row.state!r} began in row {entry}")
    if entry in position.undone:
        raise _Wrong(f"the visit of {row.state!r} of row {entry} was undone twice")
    position.undone.add(entry)


def _decoded(decode: Callable[[bytes | None], T], row: CheckpointRow, what: str) -> T:
    try:
        return decode(row.payload)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _Wrong(f"its payload is no {what}: {error}") from error


_Rules = dict[RowKind, Callable[[Position, CheckpointRow], None]]

_WITHIN_A_VISIT: _Rules = {
    RowKind.STATE_ENTRY: _enter,
    RowKind.RESUME: _resume,
    RowKind.MEMO: _memo,
    RowKind.STEP_CURSOR: _cursor,
    RowKind.BRANCH: _branch,
    RowKind.COMPENSATION_COMPLETION: _complete,
    RowKind.ROLLBACK: _roll_back,
}
_AFTER_A_VISIT: _Rules = {
    RowKind.STATE_ENTRY: _enter,
    RowKind.RESUME: _resume,
    RowKind.MEMO: _memo,
    RowKind.ROLLBACK: _roll_back,
}
_IN_A_ROLLBACK: _Rules = {
    RowKind.RESUME: _resume,
    RowKind.MEMO: _memo,
    RowKind.COMPENSATED: _compensated,
}
_OF_THE_VISIT = frozenset(_WITHIN_A_VISIT) - {RowKind.STATE_ENTRY, RowKind.ROLLBACK}
