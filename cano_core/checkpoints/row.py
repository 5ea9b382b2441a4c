"""What a checkpoint log is made of: rows, and the outcome that replaces them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import final


class RowKind(IntEnum):
    """What a row records. The numbers are stored and never change."""

    STATE_ENTRY = 0
    """A state was entered; written before its task runs. Payload: the run's data."""
    COMPENSATION_COMPLETION = 1
    """A compensatable task has succeeded. Payload: next state, output and data."""
    STEP_CURSOR = 2
    """A step or window is done. Payload: the cursor, its part and number, and data."""
    RESUME = 3
    """A resumer claimed the run. State: the one it re-enters."""
    BRANCH = 4
    """A split's branch, or a batch's item, has succeeded. Payload: its result."""
    ROLLBACK = 5
    """Compensation begins. State: the one that failed. Payload: the failure."""
    COMPENSATED = 6
    """A visit is undone. State: its own. Payload: sequence of its entry row."""
    MEMO = 7
    """A `RunContext.once` call has returned. Payload: its name and result."""


@final
@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One immutable row of a run's log.

    Attributes:
        sequence: position in the log, dense from 0.
        state: label of the state that the row belongs to.
        task: name of that state's task; empty for an exit state.
        kind: what the row records.
        payload: encoded bytes, or None. Empty bytes and None are different.
        version: version of the workflow that wrote the row.
    """

    sequence: int
    state: str
    task: str
    kind: RowKind
    payload: bytes | None = None
    version: int = 0


class OutcomeStatus(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    ROLLED_BACK = "rolled back"


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of a run once its log is gone.

    Attributes:
        status: how the run ended.
        state: label of the exit state, or of the state that failed.
        payload: the run's data at its end (or the failure), encoded, or None.
        version: version of the workflow that ended the run.
    """

    status: OutcomeStatus
    state: str
    payload: bytes | None = None
    version: int = 0
