"""The definition of a workflow, and the calls that start, resume and look at runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, final

from .arguments import (
    check_store,
    observers_in,
    resources_in,
    seconds_in,
    versions_in,
)
from .builder import WorkflowDefinition
from .cancellation import Cancellation
from .checkpoints.row import Outcome, OutcomeStatus
from .checkpoints.store import CheckpointStore, remembers_outcomes
from .codec import Codec, codec_for
from .errors import (
    ConfigurationError,
    RunConflictError,
    RunExistsError,
    RunNotFoundError,
)
from .health import HealthReport, health_of
from .launch import Launcher
from .log import RunLog
from .observers import WorkflowObserver
from .resources import ResourceScope
from .states import State, check_workflow_id, label_of
from .status import RunStatus, status_of
from .wording import described


@final
class Workflow(WorkflowDefinition):
    """A finite-state workflow whose runs survive a crash.

    Register a task for each state; the task returns the next state, until one of the
    exit states is reached. With a checkpoint store, a row is written before each
    task runs, and a run that was interrupted goes on from its last row.

    One object may run many times and concurrently. Its definition freezes at the
    first run.

    Args:
        resources: what tasks get by parameter name.
        checkpoint_store: where logs are kept; None for runs that need not survive.
        observers: told what runs do.
        version: written into every row.
        accepts_versions: versions of older rows that this definition can go on from.
        data: type of the one value that a run carries durably (a dataclass, msgspec
            Struct, pydantic model or standard type), or a `Codec`.
        total_timeout: seconds that a run may take from its first start, crashes and
            restarts included; None for no limit. A run that takes longer has failed.
        compensation_timeout: seconds that a rollback may take in one process; None
            for no limit.
        store_timeout: seconds that one call of the store may take before the run
            stops, resumable; None for no limit.
        resource_timeout: seconds that setting up one resource, or tearing it down,
            may take; None for no limit. A sync ``setup`` can't be cut short.

    Raises:
        ConfigurationError: an argument can't be used.
    """

    def __init__(
        self,
        *,
        resources: Mapping[str, object] | None = None,
        checkpoint_store: CheckpointStore | None = None,
        observers: Sequence[WorkflowObserver] = (),
        version: int = 0,
        accepts_versions: Collection[int] = (),
        data: Any = None,
        total_timeout: float | None = None,
        compensation_timeout: float | None = None,
        store_timeout: float | None = 60.0,
        resource_timeout: float | None = None,
    ) -> None:
        if checkpoint_store is not None:
            check_store(checkpoint_store)
        self._scope = ResourceScope(
            resources_in(resources), seconds_in("resource_timeout", resource_timeout)
        )
        self._store = checkpoint_store
        self._total_timeout = seconds_in("total_timeout", total_timeout)
        self._compensation_timeout = seconds_in(
            "compensation_timeout", compensation_timeout
        )
        self._store_timeout = seconds_in("store_timeout", store_timeout)
        self._observers = observers_in(observers)
        self._version = version
        self._accepts_versions = versions_in(version, accepts_versions)
        self._codec: Codec[Any] | None = None if data is None else codec_for(data)
        self._launcher: Launcher | None = None
        super().__init__(self._scope.values, data)

    # Runs

    async def orchestrate(
        self,
        start: State,
        *,
        workflow_id: str | None = None,
        data: Any = None,
        cancel: Cancellation | None = None,
    ) -> State:
        """Run from a state to an exit state.

        Args:
            start: the first state.
            workflow_id: names the run; needed with a checkpoint store.
            data: the run's first data, if the workflow carries any.
            cancel: who may ask the run to stop.

        Returns:
            The exit state.

        Raises:
            ConfigurationError: the definition or the call is wrong, and nothing ran;
                or a task returned no state of this workflow, or left data that can't
                be stored, and no row was written for it.
            RunExistsError: the id has a log or an outcome.
            TaskFailedError: a task failed for good. What the run had done is undone;
                if there was nothing to undo, it can be resumed.
            WorkflowTimeoutError: the total timeout is over; likewise.
            RunCancelledError: the run was asked to stop.
            CompensationFailedError: not everything could be undone.
            RunConflictError: another process has taken the run over.
            CheckpointStoreError: the store failed; the run can be resumed.
            ResourceError: a resource could not be set up; nothing ran.
        """
        launcher = self._ready()
        if self._store is not None and workflow_id is None:
            raise ConfigurationError(
                "a workflow with a checkpoint store needs a name for each run: "
                "orchestrate(..., workflow_id=...)"
            )
        first = launcher.definition.handler(start)
        run = launcher.new_run(workflow_id, launcher.first_snapshot(data), cancel)
        self._freeze(launcher)
        try:
            return await launcher.drive(run, first)
        except RunConflictError as conflict:
            if run.log is None or run.log.next_sequence:
                raise
            raise RunExistsError(
                f"run {workflow_id!r} exists already, interrupted or finished; "
                f"resume_from({workflow_id!r}) goes on with it, start_or_resume does "
                "what is right in either case, and the store's clear() frees the id"
            ) from conflict

    async def resume_from(
        self, workflow_id: str, *, cancel: Cancellation | None = None
    ) -> State:
        """Go on with an interrupted run, from the state that it was in.

        A run that was being rolled back is rolled back further.

        Args:
            workflow_id: the run.
            cancel: who may ask the run to stop.

        Returns:
            The exit state; at once if the run has finished.

        Raises:
            ConfigurationError: the workflow has no checkpoint store, or is not valid.
            RunNotFoundError: there is neither a log nor an outcome.
            VersionMismatchError: a row's version is not accepted.
            CorruptLogError: the log breaks its rules, or names an unknown state.
            RolledBackError: the run was rolled back.
            RunConflictError: another process has claimed the run.
            TaskFailedError, WorkflowTimeoutError, RunCancelledError,
                CompensationFailedError: as `orchestrate`.
            CheckpointStoreError: the store failed; the run can be resumed.
        """
        launcher = self._ready()
        self._need_store("resume_from")
        run = launcher.new_run(check_workflow_id(workflow_id), None, cancel)
        self._freeze(launcher)
        ended = await launcher.continued(run, workflow_id)
        if ended is not None:
            return ended
        raise RunNotFoundError(
            f"run {workflow_id!r} has neither a log nor an outcome in "
            f"{type(self._store).__name__}: it never started, or its store forgot it"
        )

    async def start_or_resume(
        self,
        start: State,
        *,
        workflow_id: str,
        data: Any = None,
        cancel: Cancellation | None = None,
    ) -> State:
        """Start a run, go on with it, or return how it ended: what a restart calls.

        With a store that does not remember outcomes, a finished run starts afresh.

        Returns:
            The exit state.

        Raises:
            CanoError: as `orchestrate` and `resume_from`, but never
                `RunExistsError` or `RunNotFoundError`.
        """
        launcher = self._ready()
        self._need_store("start_or_resume")
        first = launcher.definition.handler(start)
        snapshot = launcher.first_snapshot(data)
        run = launcher.new_run(check_workflow_id(workflow_id), None, cancel)
        self._freeze(launcher)
        ended = await launcher.continued(run, workflow_id)
        if ended is not None:
            return ended
        run.snapshot = snapshot
        return await launcher.drive(run, first)

    async def status(self, workflow_id: str) -> RunStatus:
        """Say where a run stands, without touching it.

        A store that does not remember outcomes can't tell a finished run from one
        that never started; the phase is then `RunPhase.UNKNOWN`.

        Raises:
            ConfigurationError: the workflow has no checkpoint store.
            CheckpointStoreError: the store failed.
        """
        store = self._need_store("status")
        log = self._log_to_read(store, workflow_id)
        rows = await log.load()
        return status_of(
            rows,
            None if rows else await log.outcome(),
            exits=frozenset(map(label_of, self._exits)),
            remembered=remembers_outcomes(store),
        )

    async def outcome(self, workflow_id: str) -> Outcome | None:
        """Return what the store remembers of a run that has ended; None if it has not.

        Raises:
            ConfigurationError: there is no store, or it remembers no outcomes.
            CheckpointStoreError: the store failed.
        """
        store = self._need_store("outcome")
        if not remembers_outcomes(store):
            raise ConfigurationError(
                f"{type(store).__name__} does not remember outcomes: it has no "
                "finish and outcome methods"
            )
        return await self._log_to_read(store, workflow_id).outcome()

    def data_of(self, outcome: Outcome) -> Any:
        """Return the data that a run ended with.

        Args:
            outcome: as `outcome` gives it, or an observer's ``on_run_end``.

        Raises:
            ConfigurationError: the run was rolled back or carried no data, or its
                data can't be read as this workflow's.
        """
        where = f"the run that ended at {outcome.state!r}"
        if outcome.status is not OutcomeStatus.FINISHED or outcome.payload is None:
            raise ConfigurationError(
                f"{where} has left no data (it is {outcome.status})"
            )
        if self._codec is None:
            raise ConfigurationError(
                f"{where} has data, but this workflow carries none: make it with "
                "Workflow(data=YourType)"
            )
        try:
            return self._codec.decode(outcome.payload)
        except Exception as error:
            raise ConfigurationError(
                f"the data of {where} can't be read: {described(error)}"
            ) from error

    @property
    def versions(self) -> frozenset[int]:
        """Versions of the rows that runs of this definition can go on from."""
        return self._accepts_versions | {self._version}

    @property
    def codec(self) -> Codec[Any] | None:
        """What reads and writes the data of runs; None where they carry none."""
        return self._codec

    async def check_health(self, *, timeout: float | None = 5.0) -> HealthReport:
        """Ask every resource that has a ``health`` method how it is.

        The resources are asked as they are, whether or not runs are going on; nothing
        is set up for it. See `cano_core.health`.

        Args:
            timeout: seconds that all of them have together; None for no limit.

        Raises:
            ConfigurationError: this is no timeout.
        """
        return await health_of(self._scope.current(), timeout)

    # Inside

    def _freeze(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._frozen = launcher.definition

    def _ready(self) -> Launcher:
        return self._launcher or Launcher(
            workflow=self,
            definition=self._defined(),
            scope=self._scope,
            store=self._store,
            total_timeout=self._total_timeout,
            compensation_timeout=self._compensation_timeout,
            store_timeout=self._store_timeout,
            observers=self._observers,
            version=self._version,
            accepts_versions=self._accepts_versions,
            data_type=self._data_type,
            codec=self._codec,
        )

    def _log_to_read(self, store: CheckpointStore, workflow_id: str) -> RunLog:
        return RunLog(
            store,
            check_workflow_id(workflow_id),
            self._version,
            None,
            self._store_timeout,
        )

    def _need_store(self, call: str) -> CheckpointStore:
        if self._store is None:
            raise ConfigurationError(
                f"{call} needs a log: make the workflow with "
                "Workflow(checkpoint_store=...)"
            )
        return self._store
