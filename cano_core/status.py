"""Where a run stands, as far as its log and its outcome tell (law 6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import final

from .checkpoints.row import CheckpointRow, Outcome, OutcomeStatus, RowKind


class RunPhase(StrEnum):
    """What can be said of a run."""

    NEVER_STARTED = "never started"
    INTERRUPTED = "interrupted"
    ROLLING_BACK = "rolling back"
    FINISHED = "finished"
    ROLLED_BACK = "rolled back"
    UNKNOWN = "never started, or ended and forgotten by its store"


@final
@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where a run stands.

    A run that is alive somewhere at this moment looks interrupted: the log does not
    know who is reading it.

    Attributes:
        phase: what can be said of it.
        state: label of the state it is in, failed in or ended in; None where there is
            none.
        rows: number of rows in its log.
    """

    phase: RunPhase
    state: str | None = None
    rows: int = 0


_ENDED = {
    OutcomeStatus.FINISHED: RunPhase.FINISHED,
    OutcomeStatus.ROLLED_BACK: RunPhase.ROLLED_BACK,
}


def status_of(
    rows: Sequence[CheckpointRow],
    outcome: Outcome | None,
    *,
    exits: Collection[str],
    remembered: bool,
) -> RunStatus:
    """Read a run's status.

    Args:
        rows: its log, ascending.
        outcome: its outcome, if there is one.
        exits: labels of exit states.
        remembered: whether the store would have kept an outcome.
    """
    if rows:
        count = rows[-1].sequence + 1  # what a store gives may be the tail alone
        for row in reversed(rows):
            if row.kind == RowKind.ROLLBACK:
                return RunStatus(RunPhase.ROLLING_BACK, row.state, count)
        state = rows[-1].state
        ended = rows[-1].kind == RowKind.STATE_ENTRY and state in exits
        phase = RunPhase.FINISHED if ended else RunPhase.INTERRUPTED
        return RunStatus(phase, state, count)
    if outcome is not None:
        return RunStatus(_ENDED[outcome.status], outcome.state)
    return RunStatus(RunPhase.NEVER_STARTED if remembered else RunPhase.UNKNOWN)
