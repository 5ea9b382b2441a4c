"""One scheduled workflow: its turns, one at a time.

In a turn a flow goes on with its unfinished runs, oldest first, and then begins the
run that a tick or a trigger wants; the turn ends at the first failure. What is wanted
is reserved in one step, without an await, so from then on there is a `Cancellation`
that stops it, whether or not anything runs already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, final

from ..cancellation import Cancellation
from ..errors import (
    FlowError,
    RolledBackError,
    RunCancelledError,
    RunConflictError,
    RunExistsError,
    WorkflowTimeoutError,
)
from ..status import RunPhase
from .history import History
from .plan import Plan
from .record import Record
from .status import FlowState, FlowStatus
from .ticks import TICK, is_unfinished, tick_id

if TYPE_CHECKING:
    from .clock import Clock

logger = logging.getLogger("cano_core")


@final
class Flow:
    """A flow that has been registered.

    Args:
        plan: what it was registered with.
        crashed: told of what came out of a run and is no `Exception`.

    Attributes:
        plan: what it was registered with.
        task: runs the present turn; None between turns.
    """

    def __init__(self, plan: Plan, crashed: Callable[[BaseException], None]) -> None:
        self.plan = plan
        self.task: asyncio.Task[None] | None = None
        self._id = plan.flow_id
        # No flow is called so: an id has no control characters.
        self._retry_name = f"{plan.flow_id}\nretry"
        self._crashed = crashed
        self._record = Record(plan.flow_id, plan.backoff)
        self._clock: Clock | None = None
        self._cancellation = Cancellation()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._newest: datetime | None = None
        self._wanted: str | None = None
        self._unfinished: list[str] = []

    @property
    def status(self) -> FlowStatus:
        """Where it stands."""
        return self._record.status(
            running=self.task is not None, unfinished=tuple(self._unfinished)
        )

    async def at_rest(self) -> None:
        """Wait until no turn is under way."""
        await self._at_rest.wait()

    def launch(self, clock: Clock, history: History) -> None:
        """Ask the clock for ticks; begin at once with what is unfinished or due."""
        self._clock = clock
        self._newest = history.newest
        self._unfinished.extend(history.unfinished)
        now = datetime.now(UTC)
        self.plan.timing.begin(clock, self._id, self._due, now)
        if self.plan.timing.at_once and not self._unfinished:
            self._want(now)
        if self._has_something_left:
            self._take_turn(clock)

    def close(self) -> None:
        """Begin nothing more, and ask the present turn to stop."""
        self._clock = None
        self._cancellation.cancel()

    # What others ask of it

    def trigger(self) -> str:
        """Reserve a turn for a run that is wanted now, and return the run's id.

        Raises:
            FlowError: it runs already, is tripped, or the scheduler is not running.
        """
        clock = self._running_clock()
        if self.task is not None:
            raise FlowError(
                f"flow {self._id!r} is running already, and runs only once at a time; "
                f"settled({self._id!r}) waits for its end",
                flow_id=self._id,
                reason="running",
            )
        if self._record.state is FlowState.TRIPPED:
            raise FlowError(
                f"flow {self._id!r} has tripped: it failed too often; "
                f"reset({self._id!r}) lets it run again",
                flow_id=self._id,
                reason="tripped",
            )
        wanted = self._want(datetime.now(UTC))
        self._take_turn(clock)
        return wanted

    def cancel(self, *, rollback: bool) -> bool:
        """Stop the present turn; return whether there was one.

        Raises:
            FlowError: the scheduler is not running.
        """
        self._running_clock()
        if self.task is None:
            return False
        self._wanted = None
        self._cancellation.cancel(rollback=rollback)
        return True

    def reset(self) -> None:
        """Forget all failures, and go on.

        Raises:
            FlowError: the scheduler is not running.
        """
        clock = self._running_clock()
        if self._record.reset() and self.task is None:
            if self._has_something_left:
                self._take_turn(clock)
            else:
                self._ask_for_next(clock)

    # When its turns come

    def _due(self, moment: datetime) -> None:
        """A tick has come."""
        if self._clock is None:
            return
        if self._record.may_run(datetime.now(UTC), running=self.task is not None):
            self._want(moment)
            self._take_turn(self._clock)
        elif self.task is None:
            # A clock that was set back; who counts from the end of runs asks again.
            self._ask_for_next(self._clock)

    def _retry(self, _moment: datetime) -> None:
        """The back-off of something that is left is over."""
        if self._clock is not None and self.task is None:
            self._take_turn(self._clock)

    def _want(self, moment: datetime) -> str:
        if self._wanted is None:
            # The machine's clock may have been set back.
            if self._newest is not None:
                moment = max(moment, self._newest + TICK)
            self._newest = moment
            self._wanted = tick_id(self._id, moment)
        return self._wanted

    @property
    def _has_something_left(self) -> bool:
        return bool(self._unfinished) or self._wanted is not None

    def _take_turn(self, clock: Clock) -> None:
        clock.forget(self._retry_name)
        self._cancellation = Cancellation()
        self._record.state = FlowState.IDLE
        self._at_rest.clear()
        self.task = asyncio.create_task(self._turn(), name=f"cano flow {self._id!r}")
        self.task.add_done_callback(self._task_ended)

    def _end_turn(self) -> None:
        self.task = None
        self._at_rest.set()
        if self._clock is not None:
            self._ask_for_next(self._clock)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if self.task is task:
            # It was cancelled before its first step.
            self._end_turn()
        if not task.cancelled():
            # What was no Exception is told already; asyncio need not report it.
            task.exception()

    def _ask_for_next(self, clock: Clock) -> None:
        state, eligible = self._record.state, self._record.next_eligible
        if state is FlowState.BACKING_OFF and eligible and self._has_something_left:
            clock.once(self._retry_name, eligible, self._retry)
        elif state is not FlowState.TRIPPED:
            earliest = eligible or datetime.now(UTC)
            self.plan.timing.ended(clock, self._id, self._due, earliest)

    def _running_clock(self) -> Clock:
        if self._clock is None:
            raise FlowError(
                f"flow {self._id!r}: the scheduler has not been started, or has been "
                "stopped",
                flow_id=self._id,
                reason="stopped",
            )
        return self._clock

    # What happens in a turn

    async def _turn(self) -> None:
        # All in one step with what follows a run: nobody can come in between.
        try:
            if await self._run_all():
                self._record.state = FlowState.COMPLETED
        except asyncio.CancelledError:
            raise
        except RunCancelledError:
            pass
        except Exception as error:  # noqa: BLE001 -- whatever a run may raise
            self._record.failed(error)
        except BaseException as crash:
            self._crashed(crash)
            raise
        finally:
            self._end_turn()

    async def _run_all(self) -> bool:
        """Run what is unfinished, and what is wanted; return whether it finished."""
        finished = False
        for run_id in tuple(self._unfinished):
            finished = await self._go_on(run_id)
        wanted, self._wanted = self._wanted, None
        if wanted is not None and not self._cancellation.requested:
            finished = await self._begin(wanted)
        return finished

    async def _go_on(self, run_id: str) -> bool:
        """Go on with a run; return whether it finished."""
        workflow, cancellation = self.plan.workflow, self._cancellation
        if not is_unfinished(await workflow.status(run_id)):
            self._unfinished.remove(run_id)
            return False
        if cancellation.requested and not cancellation.rollback:
            return False
        self._record.began(run_id)
        try:
            await workflow.resume_from(run_id, cancel=cancellation)
        except RolledBackError:
            # Its failure was counted when it happened. Now it is undone, and over.
            self._unfinished.remove(run_id)
            return False
        except WorkflowTimeoutError as error:
            # No process will ever have more time for it; the next runs have theirs.
            logger.error("flow %r gives up run %r: %s", self._id, run_id, error)
            self._unfinished.remove(run_id)
            return False
        except Exception as error:
            await self._keep_or_drop(run_id, error)
            raise
        self._unfinished.remove(run_id)
        self._record.succeeded()
        return True

    async def _begin(self, run_id: str) -> bool:
        """Begin a run; return whether it finished."""
        workflow, make_data = self.plan.workflow, self.plan.data
        self._record.began(run_id)
        if self.plan.store is not None:
            self._unfinished.append(run_id)
        try:
            await workflow.orchestrate(
                self.plan.start,
                workflow_id=run_id,
                data=None if make_data is None else make_data(),
                cancel=self._cancellation,
            )
        except RunExistsError:
            logger.info("flow %r: another process has run %r", self._id, run_id)
            self._unfinished.remove(run_id)
            return False
        except Exception as error:
            await self._keep_or_drop(run_id, error)
            raise
        if self.plan.store is not None:
            self._unfinished.remove(run_id)
        self._record.succeeded()
        return True

    async def _keep_or_drop(self, run_id: str, error: Exception) -> None:
        """See whether to go on with a run that has failed or was stopped."""
        if self.plan.store is None:
            return
        if isinstance(error, RunConflictError | WorkflowTimeoutError):
            # Another process goes on with it, or nobody can: its time is over.
            self._unfinished.remove(run_id)
            return
        try:
            status = await self.plan.workflow.status(run_id)
        except Exception:
            logger.exception(
                "flow %r: its store can't say whether run %r is unfinished",
                self._id,
                run_id,
            )
            return
        if is_unfinished(status):
            return
        self._unfinished.remove(run_id)
        never = status.phase is RunPhase.NEVER_STARTED
        if never and not self._cancellation.requested:
            # It did not come as far as its first row. What was accepted is run.
            self._wanted = run_id
