"""Runs workflows again and again: after a delay, by the clock, or when asked to.

Needs the extra ``scheduler`` (APScheduler), which keeps the times. What becomes of a
tick (one run at a time, back-off, going on after a crash) is in `cano_core.scheduling`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Self, final

from .errors import ConfigurationError, FlowError, SchedulerStopError
from .health import Health, HealthStatus
from .scheduling import timing_module
from .scheduling.backoff import Backoff
from .scheduling.flow import Flow
from .scheduling.history import histories
from .scheduling.plan import Plan, check_backoff, check_plans
from .scheduling.status import FlowState, FlowStatus
from .states import State
from .wording import described
from .workflow import Workflow

if TYPE_CHECKING:
    from .scheduling.clock import Clock

_COOPERATIVE = 0.8
"""The part of a stop's time limit in which runs may end by themselves."""


@final
class Scheduler:
    """Runs flows: workflows that are run more than once.

    Each has its own times::

        scheduler = Scheduler()
        scheduler.every("mail", fetch_mail, "Fetch", fixed_delay=30)
        scheduler.cron("report", report, "Collect", "0 30 2 * * mon-fri")
        async with scheduler:
            await scheduler.wait()

    Each tick of a flow is a run with an id of its own. One flow runs once at a time; a
    tick that comes meanwhile is skipped. A run that a crash, a failure or a stop has
    interrupted is gone on with before a new one of the same flow begins.

    Of the flows in one store there must be one scheduler at a time. All calls belong
    into the thread of the event loop that `start` was awaited in. A scheduler starts
    once.

    Args:
        backoff: what follows a failed run, for flows that have no policy of their own.

    Raises:
        ConfigurationError: APScheduler is not installed, or the policy is none.
    """

    def __init__(self, *, backoff: Backoff | None = None) -> None:
        self._timings = timing_module()
        self._backoff = check_backoff(backoff or Backoff())
        self._flows: dict[str, Flow] = {}
        self._clock: Clock | None = None
        self._started = False
        self._stopped = asyncio.Event()
        self._crash: BaseException | None = None

    # Definition

    def every(
        self,
        flow_id: str,
        workflow: Workflow,
        start: State,
        *,
        fixed_delay: float | None = None,
        fixed_rate: float | None = None,
        data: Callable[[], Any] | None = None,
        backoff: Backoff | None = None,
    ) -> Scheduler:
        """Run a workflow again and again, for the first time at once.

        Args:
            flow_id: names the flow, and begins the id of each of its runs.
            workflow: what to run.
            start: the first state of each run.
            fixed_delay: seconds from the end of one run to the start of the next.
            fixed_rate: seconds from one tick to the next, by the clock; ticks that
                come while the flow runs are skipped.
            data: called for the data of each run, if the workflow carries any.
            backoff: what follows a failed run.

        Returns:
            The scheduler, for chaining.

        Raises:
            ConfigurationError: the id is taken or can't be used, there is not one of
                the two lengths of time, or the scheduler has been started.
        """
        return self._add(
            Plan(
                flow_id=flow_id,
                workflow=workflow,
                start=start,
                timing=self._timings.interval(fixed_delay, fixed_rate),
                data=data,
                backoff=backoff or self._backoff,
            )
        )

    def cron(
        self,
        flow_id: str,
        workflow: Workflow,
        start: State,
        expression: str,
        *,
        timezone: str | tzinfo = "UTC",
        data: Callable[[], Any] | None = None,
        backoff: Backoff | None = None,
    ) -> Scheduler:
        """Run a workflow whenever a cron expression matches.

        Args:
            flow_id: names the flow, and begins the id of each of its runs.
            workflow: what to run.
            start: the first state of each run.
            expression: ``second minute hour day month weekday``; a year may follow,
                and the second be left out. Weekdays are names; a day of the month and
                a weekday must both match.
            timezone: the zone that the expression is meant in.
            data: called for the data of each run, if the workflow carries any.
            backoff: what follows a failed run.

        Returns:
            The scheduler, for chaining.

        Raises:
            ConfigurationError: the id is taken or can't be used, the expression or
                the zone can't be understood, or the scheduler has been started.
        """
        return self._add(
            Plan(
                flow_id=flow_id,
                workflow=workflow,
                start=start,
                timing=self._timings.cron(expression, timezone),
                data=data,
                backoff=backoff or self._backoff,
            )
        )

    def manual(
        self,
        flow_id: str,
        workflow: Workflow,
        start: State,
        *,
        data: Callable[[], Any] | None = None,
        backoff: Backoff | None = None,
    ) -> Scheduler:
        """Run a workflow when `trigger` is called, and only then.

        Arguments, result and errors are those that `every` has, too.
        """
        return self._add(
            Plan(
                flow_id=flow_id,
                workflow=workflow,
                start=start,
                timing=self._timings.Manual(),
                data=data,
                backoff=backoff or self._backoff,
            )
        )

    # Its life

    async def start(self) -> None:
        """Check all flows, go on with their unfinished runs, and let the ticks come.

        Raises:
            ConfigurationError: a flow's definition is wrong, or its store can't list
                its runs; all problems are told at once, and nothing ran. Or the
                scheduler has been started before.
            CheckpointStoreError: a store failed; nothing ran.
        """
        if self._started:
            raise ConfigurationError(
                "this scheduler has been started before; make a new one"
            )
        plans = [flow.plan for flow in self._flows.values()]
        check_plans(plans)
        self._started = True
        try:
            known = await histories(plans)
        except BaseException:
            self._started = False
            raise
        if self._stopped.is_set():
            return
        self._clock = clock = self._timings.Clock()
        clock.start()
        for flow_id, flow in self._flows.items():
            flow.launch(clock, known[flow_id])

    async def stop(self, timeout: float = 30.0) -> None:
        """Begin nothing more, stop what runs, and wait for its end.

        Runs are asked to stop by their `Cancellation`, without rollback: those with a
        log stay resumable. Where that has not helped after four fifths of the time,
        their asyncio tasks are cancelled. A second call waits for what is left.

        Args:
            timeout: seconds after which this returns in any case.

        Raises:
            ConfigurationError: this is no length of time.
            SchedulerStopError: names the flows whose runs still did not end.
            BaseException: what ended the scheduler before, see `wait`.
        """
        limit: Any = timeout
        if not (isinstance(limit, int | float) and limit >= 0):
            raise ConfigurationError(f"stop(timeout={timeout!r}) must be seconds")
        self._started = True
        self._close()
        try:
            stuck = await self._ended(timeout)
        finally:
            self._stopped.set()
        if stuck:
            raise SchedulerStopError(
                f"after {timeout:g} seconds these flows still run, although their runs "
                f"were cancelled: {', '.join(map(repr, stuck))}; a task in them does "
                "not let itself be cancelled. They were abandoned",
                flows=stuck,
            )
        self._raise_crash()

    async def wait(self) -> None:
        """Wait until the scheduler has been stopped.

        Raises:
            BaseException: what came out of a run and was no `Exception`; it has ended
                the scheduler.
        """
        await self._stopped.wait()
        self._raise_crash()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        await self.stop()

    # Flows

    def trigger(self, flow_id: str) -> str:
        """Begin a run of a flow now, whatever its timing and its back-off say.

        The flow's unfinished runs come first; should one of them fail, the new run
        begins when it has been gone on with.

        Returns:
            The workflow id of the new run, as soon as it is accepted.

        Raises:
            FlowError: the flow is unknown, running or tripped, or the scheduler is
                not running.
        """
        return self._flow(flow_id).trigger()

    def cancel(self, flow_id: str, *, rollback: bool = False) -> bool:
        """Stop the present run of a flow; the flow itself goes on.

        Args:
            flow_id: the flow.
            rollback: undo what the run has done. Otherwise a run with a log stays
                unfinished, and the flow's next tick or trigger goes on with it first.

        Returns:
            Whether there was a run to stop, begun or only accepted.

        Raises:
            FlowError: the flow is unknown, or the scheduler is not running.
        """
        return self._flow(flow_id).cancel(rollback=rollback)

    def reset(self, flow_id: str) -> None:
        """Forget a flow's failures, and let it run again.

        What it has left unfinished is gone on with at once; new runs come with the
        next tick.

        Raises:
            FlowError: the flow is unknown, or the scheduler is not running.
        """
        self._flow(flow_id).reset()

    def status(self, flow_id: str) -> FlowStatus:
        """Say where a flow stands.

        Raises:
            FlowError: the flow is unknown.
        """
        return self._flow(flow_id).status

    def statuses(self) -> dict[str, FlowStatus]:
        """Say where every flow stands, by id, in the order of registration."""
        return {flow_id: flow.status for flow_id, flow in self._flows.items()}

    def health(self) -> dict[str, HealthStatus]:
        """Say how every flow is, and why.

        Returns:
            By flow id: unhealthy if it has tripped, degraded if its last finished or
            failed run has failed, healthy otherwise.
        """
        return {flow_id: _health(each) for flow_id, each in self.statuses().items()}

    async def settled(self, flow_id: str) -> FlowStatus:
        """Wait until a flow is not running, and say where it stands.

        Raises:
            FlowError: the flow is unknown.
            BaseException: what ended the scheduler, see `wait`.
        """
        flow = self._flow(flow_id)
        await flow.at_rest()
        self._raise_crash()
        return flow.status

    # Inside

    def _add(self, plan: Plan) -> Scheduler:
        if self._started:
            raise ConfigurationError(
                f"flow {plan.flow_id!r} comes too late: the scheduler has been started"
            )
        if plan.flow_id in self._flows:
            raise ConfigurationError(f"there is a flow {plan.flow_id!r} already")
        self._flows[plan.flow_id] = Flow(plan, self._crashed)
        return self

    def _flow(self, flow_id: str) -> Flow:
        try:
            return self._flows[flow_id]
        except KeyError:
            known = ", ".join(map(repr, self._flows)) or "there are none"
            raise FlowError(
                f"there is no flow {flow_id!r} ({known})",
                flow_id=flow_id,
                reason="unknown",
            ) from None

    def _close(self) -> None:
        if self._clock is not None:
            self._clock.stop()
        for flow in self._flows.values():
            flow.close()

    async def _ended(self, timeout: float) -> list[str]:
        """Wait for the end of every run; return the flows whose runs did not."""
        tasks = {
            flow.task: flow_id
            for flow_id, flow in self._flows.items()
            # A task of a run may be what stops the scheduler.
            if flow.task is not None and flow.task is not asyncio.current_task()
        }
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout * _COOPERATIVE)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=timeout * (1 - _COOPERATIVE))
        return [flow_id for task, flow_id in tasks.items() if not task.done()]

    def _crashed(self, crash: BaseException) -> None:
        self._crash = crash
        self._close()
        self._stopped.set()

    def _raise_crash(self) -> None:
        if self._crash is not None:
            raise self._crash


def _health(status: FlowStatus) -> HealthStatus:
    error = status.last_error
    if error is None:
        return HealthStatus(Health.HEALTHY)
    tripped = status.state is FlowState.TRIPPED
    return HealthStatus(
        Health.UNHEALTHY if tripped else Health.DEGRADED, described(error)
    )
