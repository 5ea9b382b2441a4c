"""A compact asyncio engine for finite-state workflows that survive a crash.

Before each state's task runs, one row goes to an append-only log; after a crash the
run goes on from its last row::

    from cano_core import SQLiteCheckpointStore, Workflow

    workflow = Workflow(checkpoint_store=SQLiteCheckpointStore("orders.db"))
    workflow.register("Charge", charge).register("Ship", ship).add_exit_state("Done")
    await workflow.start_or_resume("Charge", workflow_id="order-1")

What is here, by what it is for::

    define and run      Workflow, State, TaskConfig, Retry, RunContext, Codec, Graph
    more than one call  PollTask, TimerTask, BatchTask, SteppedTask, StreamTask, and
                        what their methods take and return
    beside each other   JoinConfig, JoinStrategy, SplitResult
    undo                Workflow.register_with_compensation, Failure, NotUndone
    guard               CircuitBreaker, RateLimiter, WindowedRateLimiter,
                        MultiRateLimiter, Cancellation
    keep                MemoryCheckpointStore, SQLiteCheckpointStore, CheckpointStore
    repeat              Scheduler (extra ``scheduler``)
    see                 WorkflowObserver, RecordingObserver, LoggingObserver, Health,
                        RunStatus, Outcome; cano_core.otel (extra ``otel``)
    errors              CanoError, and the tree in cano_core.errors

`docs/engine.md` is where to begin. Knows nothing of testing. PYTEST_DONT_REWRITE
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .cancellation import Cancellation
from .checkpoints.memory import MemoryCheckpointStore
from .checkpoints.row import CheckpointRow, Outcome, OutcomeStatus, RowKind
from .checkpoints.store import (
    CheckpointStore,
    ListsRuns,
    ReadsTail,
    RemembersOutcomes,
    reads_tail,
    remembers_outcomes,
)
from .circuit import CircuitBreaker, CircuitState, Permit
from .codec import Codec
from .context import RunContext
from .errors import (
    BranchCancelledError,
    CanoError,
    CheckpointStoreError,
    CircuitOpenError,
    CompensationFailedError,
    ConfigurationError,
    CorruptLogError,
    FlowError,
    RateLimitedError,
    ResourceError,
    RetryExhaustedError,
    RolledBackError,
    RunCancelledError,
    RunConflictError,
    RunExistsError,
    RunFailedError,
    RunNotFoundError,
    SchedulerStopError,
    TaskFailedError,
    VersionMismatchError,
    WorkflowTimeoutError,
)
from .failure import Failure, NotUndone
from .graph import Graph
from .health import Health, HealthReport, HealthStatus
from .join import JoinConfig, JoinStrategy, SplitResult
from .logging_observer import LoggingObserver
from .observers import Event, RecordingObserver, WorkflowObserver
from .policy import Retry, TaskConfig
from .states import State
from .status import RunPhase, RunStatus
from .tasks.batch import BatchTask, ItemDone, ItemFailed, ItemResult
from .tasks.poll import Pending, PollTask, Ready
from .tasks.stepped import Done, More, SteppedTask
from .tasks.stream import Count, Every, StreamTask
from .tasks.streaming import CloseReason, Stop
from .tasks.timer import TimerTask
from .workflow import Workflow

if TYPE_CHECKING:
    from .checkpoints.sqlite import SQLiteCheckpointStore
    from .limits import (
        Limiter,
        LimiterStatus,
        RateLimiter,
        Reservation,
        WindowedRateLimiter,
    )
    from .scheduler import Scheduler
    from .scheduling.backoff import Backoff
    from .scheduling.status import FlowState, FlowStatus
    from .tiers import MultiRateLimiter, Tier

__all__ = [
    "Backoff",
    "BatchTask",
    "BranchCancelledError",
    "Cancellation",
    "CanoError",
    "CheckpointRow",
    "CheckpointStore",
    "CheckpointStoreError",
    "CircuitBreaker",
    "CircuitOpenError",
    "CircuitState",
    "CloseReason",
    "Codec",
    "CompensationFailedError",
    "ConfigurationError",
    "CorruptLogError",
    "Count",
    "Done",
    "Event",
    "Every",
    "Failure",
    "FlowError",
    "FlowState",
    "FlowStatus",
    "Graph",
    "Health",
    "HealthReport",
    "HealthStatus",
    "ItemDone",
    "ItemFailed",
    "ItemResult",
    "JoinConfig",
    "JoinStrategy",
    "Limiter",
    "LimiterStatus",
    "ListsRuns",
    "LoggingObserver",
    "MemoryCheckpointStore",
    "More",
    "MultiRateLimiter",
    "NotUndone",
    "Outcome",
    "OutcomeStatus",
    "Pending",
    "Permit",
    "PollTask",
    "RateLimitedError",
    "RateLimiter",
    "ReadsTail",
    "Ready",
    "RecordingObserver",
    "RemembersOutcomes",
    "Reservation",
    "ResourceError",
    "Retry",
    "RetryExhaustedError",
    "RolledBackError",
    "RowKind",
    "RunCancelledError",
    "RunConflictError",
    "RunContext",
    "RunExistsError",
    "RunFailedError",
    "RunNotFoundError",
    "RunPhase",
    "RunStatus",
    "SQLiteCheckpointStore",
    "Scheduler",
    "SchedulerStopError",
    "SplitResult",
    "State",
    "SteppedTask",
    "Stop",
    "StreamTask",
    "TaskConfig",
    "TaskFailedError",
    "Tier",
    "TimerTask",
    "VersionMismatchError",
    "WindowedRateLimiter",
    "Workflow",
    "WorkflowObserver",
    "WorkflowTimeoutError",
    "reads_tail",
    "remembers_outcomes",
]


_LAZY = {
    # sqlite3 is loaded by those who use it.
    "SQLiteCheckpointStore": ".checkpoints.sqlite",
    "Limiter": ".limits",
    "LimiterStatus": ".limits",
    "RateLimiter": ".limits",
    "Reservation": ".limits",
    "WindowedRateLimiter": ".limits",
    "MultiRateLimiter": ".tiers",
    "Tier": ".tiers",
    "Scheduler": ".scheduler",
    "Backoff": ".scheduling.backoff",
    "FlowState": ".scheduling.status",
    "FlowStatus": ".scheduling.status",
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
