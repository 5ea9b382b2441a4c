"""Rows of a log as a saga leaves them, to seed stores with."""

from __future__ import annotations

import msgspec

from cano_core import CheckpointRow, Failure, RowKind
from cano_core.failure import encode_failure
from cano_core.progress import (
    STARTED,
    Branch,
    Completion,
    Cursor,
    Memo,
    encode_number,
)
from small_flow import row

COMPLETION = RowKind.COMPENSATION_COMPLETION
CURSOR, BRANCH = RowKind.STEP_CURSOR, RowKind.BRANCH
ROLLBACK, COMPENSATED = RowKind.ROLLBACK, RowKind.COMPENSATED


def completion(
    sequence: int,
    state: str,
    following: str,
    output: object = None,
    data: bytes | None = None,
) -> CheckpointRow:
    """What a compensatable task has left."""
    encoded = msgspec.msgpack.encode(output)
    payload = Completion(following, encoded, data).encode()
    return row(sequence, state, COMPLETION, payload)


def rollback(sequence: int, state: str, message: str = "boom") -> CheckpointRow:
    """The beginning of a rollback, after a state failed with a ValueError."""
    failure = Failure(state, "ValueError", message, (state,))
    return row(sequence, state, ROLLBACK, encode_failure(failure))


def compensated(sequence: int, state: str, entry: object) -> CheckpointRow:
    """A visit that was undone."""
    return row(sequence, state, COMPENSATED, msgspec.msgpack.encode(entry))


def cursor(sequence: int, state: str, number: int = 1) -> CheckpointRow:
    """A step that is done."""
    payload = Cursor("", number, msgspec.msgpack.encode(number)).encode()
    return row(sequence, state, CURSOR, payload)


def branch(sequence: int, state: str, part: str = "0") -> CheckpointRow:
    """A branch of a split that is done."""
    return row(sequence, state, BRANCH, Branch(part, b"\x01").encode())


def started(sequence: int, state: str, moment: float = 0.0) -> CheckpointRow:
    """The engine's own memo of when the run began."""
    payload = Memo(STARTED, encode_number(moment)).encode()
    return row(sequence, state, RowKind.MEMO, payload)
