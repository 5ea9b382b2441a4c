"""How a run begins, goes on from its log, and is let go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, final, is_typeddict

import msgspec

from .cancellation import Cancellation
from .checkpoints.row import Outcome, OutcomeStatus, RowKind
from .checkpoints.store import CheckpointStore
from .codec import Codec
from .definition import Definition
from .errors import ConfigurationError, CorruptLogError, RolledBackError
from .extension import run_wrappers
from .failure import Failure, decode_failure
from .handlers import ExitHandler, Handler
from .interruption import Interruption
from .log import RunLog
from .observers import ObserverGroup, with_observers_of
from .progress import STARTED, Memo, encode_number
from .replay import Position, check_versions, replay
from .resources import ResourceScope
from .rollback import undo_all
from .run import Run, encode_checked
from .states import State, check_workflow_id
from .wording import described, shown

if TYPE_CHECKING:
    from .workflow import Workflow


@final
@dataclass(frozen=True, slots=True)
class Launcher:
    """Everything that the runs of one frozen workflow have in common.

    Attributes:
        workflow: for the plugins that are asked how to wrap a run.
        definition: what its states do.
        scope: its resources.
        store: where logs are kept, or None.
        observers: who is told, or None.
        total_timeout: seconds that a run may take, or None.
        compensation_timeout: seconds that a rollback may take, or None.
        store_timeout: seconds that one call of the store may take, or None.
        version: written into every row.
        accepts_versions: versions of older rows that are accepted.
        data_type: the declared type of a run's data, or None.
        codec: reads and writes it, or None.
    """

    workflow: Workflow
    definition: Definition
    scope: ResourceScope
    store: CheckpointStore | None
    total_timeout: float | None
    compensation_timeout: float | None
    store_timeout: float | None
    observers: ObserverGroup | None
    version: int
    accepts_versions: frozenset[int]
    data_type: Any
    codec: Codec[Any] | None

    def first_snapshot(self, data: object) -> bytes | None:
        """Encode the data that a fresh run starts with.

        Raises:
            ConfigurationError: it is missing, of another type, or can't be stored.
        """
        if self.codec is None:
            if data is not None:
                raise ConfigurationError(
                    f"data {shown(data)} was given to a workflow that carries none: "
                    "make it with Workflow(data=YourType)"
                )
            return None
        wanted = getattr(self.data_type, "__name__", repr(self.data_type))
        if data is None:
            raise ConfigurationError(
                f"this workflow carries {wanted}: start it with data={wanted}(...)"
            )
        # A TypedDict can't be asked; decoding what was encoded looks into it.
        if (
            isinstance(self.data_type, type)
            and not is_typeddict(self.data_type)
            and not isinstance(data, self.data_type)
        ):
            raise ConfigurationError(f"data {shown(data)} is no {wanted}")
        return encode_checked(self.codec, data, "a fresh run")

    def new_run(
        self,
        workflow_id: str | None,
        snapshot: bytes | None,
        cancel: Cancellation | None,
    ) -> Run:
        """Make a run that has not begun, wrapped as the plugins want it.

        Raises:
            ConfigurationError: the id, or what may cancel it, can't be used.
        """
        if cancel is not None and not isinstance(cancel, Cancellation):
            raise ConfigurationError(
                f"cancel={shown(cancel)} is no Cancellation: give cancel=Cancellation()"
            )
        if workflow_id is not None:
            check_workflow_id(workflow_id)
        table = self.definition.table
        store = self.store
        wrappers = run_wrappers(self.workflow, workflow_id)
        for wrapper in wrappers:
            table = {
                state: handler.wrapped(wrapper) for state, handler in table.items()
            }
            if store is not None:
                store = wrapper.wrap_store(store)
        observers = with_observers_of(wrappers, self.observers)
        tell = observers.tell if observers is not None else None
        log = None
        if store is not None and workflow_id is not None:
            log = RunLog(store, workflow_id, self.version, tell, self.store_timeout)
        return Run(
            table=table,
            workflow_id=workflow_id,
            version=self.version,
            tell=tell,
            log=log,
            codec=self.codec,
            snapshot=snapshot,
            interruption=(
                None
                if self.total_timeout is None and cancel is None
                else Interruption(self.total_timeout, cancel)
            ),
            compensation_timeout=self.compensation_timeout,
        )

    async def continued(self, run: Run, workflow_id: str) -> State | None:
        """Go on with a run that has a log or an outcome; None if it has neither."""
        log = run.log
        if log is None:
            return None
        rows = await log.load()
        if not rows:
            outcome = await log.outcome()
            return None if outcome is None else _ended_at(self.definition, run, outcome)
        check_versions(workflow_id, rows, self.version, self.accepts_versions)
        position = replay(
            workflow_id,
            rows,
            states=self.definition.by_label.keys(),
            exits=self.definition.graph.exits,
            tail=log.loads_tail,
        )
        self._check_data(workflow_id, position)
        log.next_sequence = position.rows
        run.take_over(position)
        if position.failure is not None:
            return await self._rolled_back(run, log, position, position.failure)
        return await self._gone_on(run, log, position)

    async def _gone_on(self, run: Run, log: RunLog, position: Position) -> State:
        """Go on forwards: with the state of the last visit, or with the one after."""
        standing = position.standing
        label = position.label if standing is None else standing.following
        known = self.definition.by_label.get(label)
        if known is None:
            raise CorruptLogError(
                run.id,
                position.rows - 1,
                f"the workflow has no state {label!r}, which is to follow; register it "
                "again, or under its new name, to go on with this run",
            )
        handler = run.table[known.state]
        if standing is None:
            run.re_enter(position)
            if isinstance(handler, ExitHandler):
                await handler.conclude(run, row=False)
                return handler.state
        await self._claim(run, log, position, position.label)
        return await self.drive(run, handler, resumed_after=position.rows - 1)

    async def _rolled_back(
        self, run: Run, log: RunLog, position: Position, failure: Failure
    ) -> NoReturn:
        """Go on backwards.

        Raises:
            RolledBackError: everything is undone.
            CompensationFailedError: not everything is.
        """
        await self._claim(run, log, position, failure.state)
        async with self._alive(run, position.rows - 1):
            await undo_all(run, failure)
        raise RolledBackError(run.id, failure)

    async def _claim(
        self, run: Run, log: RunLog, position: Position, label: str
    ) -> None:
        """Write the row by which this process takes the run over."""
        name = self.definition.by_label[label].name
        log.hold(RowKind.RESUME, label, name, None)
        stop = run.interruption
        if stop is not None and position.started is not None:
            stop.started = position.started
        elif stop is not None and stop.limit is not None and position.failure is None:
            began = Memo(STARTED, encode_number(stop.started))
            log.hold(RowKind.MEMO, label, name, began.encode())
        # Where nothing is left to do, the row by which the run ends claims it.
        if position.failure is None or position.to_undo:
            await log.flush()

    def _check_data(self, workflow_id: str, position: Position) -> None:
        if self.codec is None:
            return
        try:
            if position.data is None:
                raise ValueError("the row has none")
            self.codec.decode(position.data)
        except Exception as error:
            raise CorruptLogError(
                workflow_id,
                position.entry,
                f"its data can't be read as {self.data_type!r}: {described(error)}; if "
                "the type has changed, raise the workflow's version",
            ) from error

    async def drive(
        self, run: Run, handler: Handler, *, resumed_after: int | None = None
    ) -> State:
        """Run to an exit state, with the resources set up.

        Args:
            run: the run.
            handler: where it begins or re-enters.
            resumed_after: sequence of the last row that the run was resumed after.
        """
        async with self._alive(run, resumed_after, before=handler.label):
            return await run.drive(run.table[handler.state])

    @asynccontextmanager
    async def _alive(
        self, run: Run, resumed_after: int | None, *, before: str | None = None
    ) -> AsyncIterator[None]:
        """Set the resources up for a run, and tell of its beginning and its end.

        Args:
            run: the run.
            resumed_after: sequence of the last row that the run was resumed after.
            before: the state that a stop keeps it from; None if nothing may stop it.
        """
        tell = run.tell
        if tell is not None:
            tell("on_run_start", run.workflow_id)
            if resumed_after is not None:
                tell("on_resume", run.workflow_id, resumed_after)
        try:
            if run.interruption is None or before is None:
                lease = await self.scope.acquire()
            else:
                setting_up = self.scope.acquire()
                lease = await run.interruption.within(run, before, setting_up)
            try:
                yield
            finally:
                await self.scope.release(lease)
        finally:
            if run.log is not None:
                run.log.close()
            if tell is not None:
                tell("on_run_end", run.workflow_id, run.outcome)


def _ended_at(definition: Definition, run: Run, outcome: Outcome) -> State:
    if outcome.status is OutcomeStatus.ROLLED_BACK:
        raise RolledBackError(run.id, _failure_in(outcome))
    handler = definition.by_label.get(outcome.state)
    if not isinstance(handler, ExitHandler):
        raise ConfigurationError(
            f"{run.described} finished at {outcome.state!r}, which is no exit state of "
            "this workflow any more; add it again"
        )
    return handler.state


def _failure_in(outcome: Outcome) -> Failure:
    try:
        return decode_failure(outcome.payload)
    except msgspec.MsgspecError:
        return Failure(outcome.state, "an unknown error", "not recorded", ())
