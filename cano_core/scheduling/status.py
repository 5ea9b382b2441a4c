"""Where a flow stands, as `Scheduler.status` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import final


class FlowState(StrEnum):
    """What a flow is doing."""

    IDLE = "idle"
    """It has not run yet, or its last run was cancelled or undone."""
    RUNNING = "running"
    COMPLETED = "completed"
    """Its last run finished."""
    BACKING_OFF = "backing off"
    """Its last run failed; it may run again from `FlowStatus.next_eligible`."""
    TRIPPED = "tripped"
    """It failed too often and waits for `Scheduler.reset`."""


@final
@dataclass(frozen=True, slots=True)
class FlowStatus:
    """Where a flow stands at one moment.

    Counts are those of this scheduler: a new one begins at 0.

    Attributes:
        flow_id: the flow.
        state: what it is doing.
        run_count: runs that were begun or gone on with.
        skipped_count: ticks that came while the flow was running, backing off or
            tripped, and were skipped.
        last_run: when the last of these runs began; None before the first.
        workflow_id: the id of that run.
        failure_streak: failures since the last success.
        next_eligible: before this moment its ticks are skipped; None if they are not.
        last_error: what the last failed run raised; None after a success.
        unfinished: ids of its runs that were begun, and are neither finished nor
            rolled back. They are gone on with before anything new begins.
    """

    flow_id: str
    state: FlowState
    run_count: int = 0
    skipped_count: int = 0
    last_run: datetime | None = None
    workflow_id: str | None = None
    failure_streak: int = 0
    next_eligible: datetime | None = None
    last_error: Exception | None = None
    unfinished: tuple[str, ...] = ()
