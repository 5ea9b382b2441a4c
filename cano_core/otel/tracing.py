"""The spans and metrics of one run.

The parent of a span is named when it begins, never found by what happens to be the
current one: runs, and the branches of a split, go on side by side. Only around an
attempt, a branch and a call of the store is a span made the current one, in the
asyncio task that makes or is it and until it ends, so no other one ever sees it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Token
from typing import Any, final

from opentelemetry.context import (
    Context,
    attach,
    create_key,
    detach,
    get_current,
    get_value,
    set_value,
)
from opentelemetry.metrics import Histogram
from opentelemetry.trace import Tracer

from ..binding import task_name
from ..checkpoints.row import Outcome, OutcomeStatus
from ..checkpoints.store import CheckpointStore
from ..errors import BranchCancelledError, RunCancelledError
from ..extension import TaskCall
from ..observers import WorkflowObserver
from .instruments import Instruments
from .operation import Operation, harmless, interrupt, record
from .store import traced_store

_RUN = create_key("cano-run")
_BRANCH = re.compile(r"\[\d+\]$")


@final
class RunTelemetry(WorkflowObserver):
    """Wraps and observes one run.

    Args:
        tracer: makes its spans.
        instruments: its metrics.
        workflow_id: its id, or None.

    Attributes:
        observer: itself, for the engine to tell what the run does.
        instruments: its metrics.
    """

    def __init__(
        self, tracer: Tracer, instruments: Instruments, workflow_id: str | None
    ) -> None:
        self.observer = self
        self.instruments = instruments
        self._tracer = tracer
        self._workflow_id = workflow_id
        self._run: Operation | None = None
        # A state, or the rollback.
        self._phase: Operation | None = None
        self._branches: dict[str, tuple[Operation, Context, Token[Context]]] = {}
        self._state = ""
        self._cancelled = False
        self._handled: BaseException | None = None

    # What the run is made to call

    def wrap_store(self, store: CheckpointStore) -> CheckpointStore:
        """Return the store with a span around each call."""
        return traced_store(store, self)

    def wrap_task(self, state: str, task: object, call: TaskCall) -> TaskCall:
        """Return the attempt with a span around it."""
        name = task_name(task)
        return self._wrapped(
            f"attempt {name}", self.instruments.attempt, state, name, call
        )

    def wrap_compensation(self, state: str, task: object, call: TaskCall) -> TaskCall:
        """Return the attempt to undo a visit with a span around it."""
        name = task_name(task)
        return self._wrapped(
            f"compensate {name}", self.instruments.compensation, state, name, call
        )

    def _wrapped(
        self, span: str, measure: Histogram, state: str, task: str, call: TaskCall
    ) -> TaskCall:
        attributes = {"cano.state.name": state, "cano.task.name": task}

        async def traced(context: Any, *values: Any) -> Any:
            details = {"cano.workflow.id": self._workflow_id} | {
                f"cano.{name}": value
                for name in ("attempt", "visit", "resumes")
                if isinstance(value := getattr(context, name, None), int)
            }
            return await self.spanned(
                span, measure, attributes, details, lambda: call(context, *values)
            )

        return traced

    async def spanned(
        self,
        name: str,
        measure: Histogram,
        attributes: Mapping[str, Any],
        details: Mapping[str, Any],
        work: Callable[[], Awaitable[Any]],
    ) -> Any:
        """Await something inside a span that is the current one meanwhile."""
        operation = self._begin(name, measure, attributes, details)
        if operation is None:
            return await work()
        inside = set_value(_RUN, self, operation.around())
        token = attach(inside)
        try:
            result = await work()
        except BaseException as error:
            self._end(operation, error)
            raise
        else:
            self._end(operation, None)
            return result
        finally:
            # An abandoned coroutine may be closed in another context.
            if get_current() is inside:
                detach(token)

    @harmless
    def _begin(
        self,
        name: str,
        measure: Histogram,
        attributes: Mapping[str, Any],
        details: Mapping[str, Any] | None = None,
    ) -> Operation:
        described = {
            key: value for key, value in (details or {}).items() if value is not None
        }
        return Operation(
            self._tracer, name, self._parent(), measure, attributes, described
        )

    @harmless
    def _end(self, operation: Operation, error: BaseException | None) -> None:
        operation.end_with(error)

    def _parent(self) -> Context:
        """Return what a new span of this run stands in.

        In an attempt that is whatever is current there; a task that runs another
        workflow has that one's spans in its own.
        """
        around = self._phase or self._run
        if around is None or get_value(_RUN) is self:
            return get_current()
        return around.around()

    # What the run tells

    def on_run_start(self, workflow_id: str | None) -> None:
        """Begin the span of the run."""
        # A caller may be in an "except" of its own.
        self._handled = sys.exception()
        self.instruments.active_runs.add(1)
        details = {"cano.workflow.id": workflow_id}
        self._run = self._begin("run", self.instruments.run, {}, details)

    def on_resume(self, workflow_id: str, sequence: int) -> None:
        """Say on the span of the run that it goes on after a row."""
        self.instruments.resumes.add(1)
        if self._run is not None:
            self._run.span.set_attribute("cano.run.resumed_after", sequence)

    def on_run_end(self, workflow_id: str | None, outcome: Outcome | None) -> None:
        """End what is still open, with the outcome or what was raised instead."""
        self.instruments.active_runs.add(-1)
        self._leave_phase()
        run, self._run = self._run, None
        if run is None:
            return
        # The engine tells of the end while the run's exception is on its way out.
        error = sys.exception()
        if error is self._handled:
            error = None
        if outcome is not None:
            finished = outcome.status is OutcomeStatus.FINISHED
            run.set("cano.outcome", "finished" if finished else "rolled_back")
        elif self._cancelled or not isinstance(error, Exception):
            run.set("cano.outcome", "interrupted")
        else:
            run.set("cano.outcome", "failed")
        if isinstance(error, Exception) and not isinstance(error, RunCancelledError):
            record(run.span, error)
            run.fail(error)
        elif error is not None:
            interrupt(run.span, error)
        run.end()

    def on_state_enter(self, workflow_id: str | None, state: str) -> None:
        """End the span of the state before, and begin this one's."""
        self._leave_phase()
        self._state = state
        self._phase = self._begin(
            f"state {state}",
            self.instruments.state,
            {"cano.state.name": state},
            {"cano.workflow.id": workflow_id},
        )

    def on_task_start(self, workflow_id: str | None, task: str) -> None:
        """Begin the span of a branch; any other task has its state's."""
        if not _BRANCH.search(task):
            return
        branch = self._begin(
            f"branch {_BRANCH.sub('', task)}",
            self.instruments.branch,
            {"cano.state.name": self._state, **_of(task)},
            {"cano.workflow.id": workflow_id, "cano.branch": task},
        )
        if branch is not None:
            # A branch is told of from its own asyncio task, from its start to its end.
            inside = set_value(_RUN, self, branch.around())
            self._branches[task] = branch, inside, attach(inside)

    def on_task_success(self, workflow_id: str | None, task: str) -> None:
        """Count it."""
        self._end_task(task, "success", None)

    def on_task_failure(
        self, workflow_id: str | None, task: str, error: Exception
    ) -> None:
        """Count it; a state whose task failed has failed, a branch is not the state."""
        if isinstance(error, BranchCancelledError):
            self._end_task(task, "cancelled", None)
        elif isinstance(error, RunCancelledError):
            self._end_task(task, "interrupted", None)
        else:
            self._end_task(task, "failure", error)
            if self._phase is not None and not _BRANCH.search(task):
                self._phase.fail(error)

    def _end_task(self, task: str, outcome: str, error: Exception | None) -> None:
        self.instruments.task.add(1, _of(task) | {"cano.outcome": outcome})
        if task not in self._branches:
            return
        branch, inside, token = self._branches.pop(task)
        if get_current() is inside:
            detach(token)
        branch.set("cano.outcome", outcome)
        if error is not None:
            record(branch.span, error)
            branch.fail(error)
        branch.end()

    def on_retry(self, workflow_id: str | None, task: str, attempt: int) -> None:
        """Count it."""
        self.instruments.retries.add(1, _of(task))

    def on_circuit_open(self, workflow_id: str | None, task: str) -> None:
        """Count it; there is no attempt that a span could stand for."""
        self.instruments.rejections.add(1, _of(task))
        if self._phase is not None:
            self._phase.span.add_event("cano.circuit_open", {"cano.task.name": task})

    def on_workflow_timeout(
        self, workflow_id: str | None, state: str, limit: float
    ) -> None:
        """Count it, as an event of the run."""
        self.instruments.run_timeouts.add(1)
        if self._run is not None:
            self._run.span.add_event(
                "cano.run_timeout", {"cano.state.name": state, "cano.limit": limit}
            )

    def on_cancelled(self, workflow_id: str | None, state: str) -> None:
        """Count it, as an event of the run."""
        self.instruments.cancellations.add(1)
        self._cancelled = True
        if self._run is not None:
            self._run.span.add_event("cano.cancelled", {"cano.state.name": state})

    def on_rollback_start(self, workflow_id: str | None, state: str) -> None:
        """End the span of the last state, and begin the rollback's."""
        self._leave_phase()
        self._phase = self._begin(
            "rollback",
            self.instruments.rollback,
            {},
            {"cano.state.name": state, "cano.workflow.id": workflow_id},
        )

    def on_compensation_failure(
        self, workflow_id: str | None, state: str, error: Exception
    ) -> None:
        """Say that the rollback failed."""
        if self._phase is not None:
            self._phase.fail(error)

    def on_rollback_end(self, workflow_id: str | None, complete: bool) -> None:
        """End the span of the rollback."""
        if self._phase is not None:
            self._phase.set("cano.rollback.complete", complete)
        self._leave_phase()

    def _leave_phase(self) -> None:
        # Whatever stopped the run before its branches were told of.
        for branch, _, _ in self._branches.values():
            branch.set("cano.outcome", "interrupted")
            branch.end()
        self._branches.clear()
        phase, self._phase = self._phase, None
        if phase is not None:
            phase.end()


def _of(task: str) -> dict[str, str]:
    """Return a task as metrics name it: all branches of a split as one."""
    return {"cano.task.name": _BRANCH.sub("", task)}
