"""What a flow has done so far, and whether it may run again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import final

from .backoff import Backoff
from .status import FlowState, FlowStatus

logger = logging.getLogger("cano_core")


@final
class Record:
    """The counts and the state of one flow.

    Args:
        flow_id: the flow.
        backoff: what follows a failure.

    Attributes:
        state: what the flow is doing between its turns.
        next_eligible: before this moment its ticks are skipped; None if they are not.
    """

    def __init__(self, flow_id: str, backoff: Backoff) -> None:
        self.state = FlowState.IDLE
        self.next_eligible: datetime | None = None
        self._flow_id = flow_id
        self._backoff = backoff
        self._runs = 0
        self._skipped = 0
        self._last_run: datetime | None = None
        self._run_id: str | None = None
        self._streak = 0
        self._last_error: Exception | None = None

    def may_run(self, now: datetime, *, running: bool) -> bool:
        """Tell whether a tick is welcome; one that is not is counted as skipped."""
        waiting = self.next_eligible is not None and now < self.next_eligible
        if running or waiting or self.state is FlowState.TRIPPED:
            self._skipped += 1
            return False
        return True

    def began(self, run_id: str) -> None:
        """A run has begun, or is gone on with."""
        self._run_id = run_id
        self._runs += 1
        self._last_run = datetime.now(UTC)

    def succeeded(self) -> None:
        """The last run has finished."""
        self._streak = 0
        self.next_eligible = self._last_error = None

    def failed(self, error: Exception) -> None:
        """The last run has failed, which is logged: nobody is waiting for it."""
        self._streak += 1
        self._last_error = error
        if self._backoff.trips(self._streak):
            self.state, self.next_eligible = FlowState.TRIPPED, None
            then = f"it has tripped, and reset({self._flow_id!r}) lets it run again"
        else:
            seconds = self._backoff.delay(self._streak)
            self.state = FlowState.BACKING_OFF
            self.next_eligible = datetime.now(UTC) + timedelta(seconds=seconds)
            then = f"it waits for {seconds:.3g} seconds"
        logger.error(
            "flow %r: run %r failed (%d in a row); %s",
            self._flow_id,
            self._run_id,
            self._streak,
            then,
            exc_info=error,
        )

    def reset(self) -> bool:
        """Forget all failures; return whether they had kept the flow from running."""
        self._streak = 0
        self.next_eligible = self._last_error = None
        held = self.state in (FlowState.BACKING_OFF, FlowState.TRIPPED)
        if held:
            self.state = FlowState.IDLE
        return held

    def status(self, *, running: bool, unfinished: tuple[str, ...]) -> FlowStatus:
        """Return all of this as a value."""
        return FlowStatus(
            flow_id=self._flow_id,
            state=FlowState.RUNNING if running else self.state,
            run_count=self._runs,
            skipped_count=self._skipped,
            last_run=self._last_run,
            workflow_id=self._run_id,
            failure_streak=self._streak,
            next_eligible=self.next_eligible,
            last_error=self._last_error,
            unfinished=unfinished,
        )
