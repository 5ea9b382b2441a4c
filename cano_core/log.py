"""One run's place in its log: the next sequence, and how rows get there.

Every append of a run goes through here, one at a time. A store's own trouble becomes
`CheckpointStoreError`; a conflict stays a `RunConflictError`; neither is ever a task's
failure.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar, final

from .checkpoints.row import CheckpointRow, Outcome, RowKind
from .checkpoints.store import CheckpointStore, reads_tail, remembers_outcomes
from .deadline import Deadline
from .errors import CheckpointStoreError, ConfigurationError, RunConflictError
from .wording import described

T = TypeVar("T")

_Unnumbered: TypeAlias = tuple[str, str, RowKind, bytes | None]
"""State, task, kind and payload of a row that has no sequence yet."""


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await something that must not be left half-done; a cancellation waits for it."""
    return await settled(asyncio.create_task(work))


async def settled(future: asyncio.Future[T]) -> T:
    """Await what is under way without cancelling it; a cancellation waits for it."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # seen, or asyncio would report it as never retrieved
        raise


@final
class RunLog:
    """The log of one run, as its owner sees it.

    Args:
        store: where it is kept.
        workflow_id: the run.
        version: the workflow's version, for new rows.
        tell: tells the observers of each row that became durable; None without any.
        timeout: seconds that one call of the store may take; None for no limit.

    Attributes:
        lock: held while rows are written; whoever must look at something first
            takes it, and calls `hold` and `write_held`.
        next_sequence: number of rows in the log.
    """

    def __init__(
        self,
        store: CheckpointStore,
        workflow_id: str,
        version: int,
        tell: Callable[..., None] | None,
        timeout: float | None,
    ) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._version = version
        self._tell = tell
        self._timeout = timeout
        self._deadline = Deadline(timeout)
        self._held: list[_Unnumbered] = []
        self._under_way = 0
        self.lock = asyncio.Lock()
        self.next_sequence = 0

    @property
    def loads_tail(self) -> bool:
        """Whether `load` leaves out cursors that later ones make superfluous."""
        return reads_tail(self._store)

    @property
    def end(self) -> int:
        """The sequence of the next row, those that are held or being written aside."""
        return self.next_sequence + self._under_way + len(self._held)

    async def load(self) -> list[CheckpointRow]:
        """Read what a resumed run needs of the log, ascending."""
        if reads_tail(self._store):
            what, read = "load_tail", self._store.load_tail
        else:
            what, read = "load_run", self._store.load_run
        rows = await self._alone(what, read)
        try:
            return sorted(rows, key=lambda row: row.sequence)
        except (AttributeError, TypeError) as error:
            raise self._failed(what, described(error)) from error

    async def outcome(self) -> Outcome | None:
        """Read the outcome; None if there is none, or the store remembers none."""
        if not remembers_outcomes(self._store):
            return None
        return await self._alone("outcome", self._store.outcome)

    async def append(
        self, kind: RowKind, state: str, task: str, payload: bytes | None = None
    ) -> None:
        """Add one row to the end of the log, and those that are held before it.

        Raises:
            RunConflictError: the log has gone on without this run.
            CheckpointStoreError: the store failed.
        """
        async with self.lock:
            self.hold(kind, state, task, payload)
            # As `write_held` does, whose coroutine would cost every step of a run.
            await self._guard("append", self._store.append, *self._numbered())
            self._advance()

    def hold(self, kind: RowKind, state: str, task: str, payload: bytes | None) -> None:
        """Let a row wait for the next one: both become durable in one step."""
        self._held.append((state, task, kind, payload))

    async def flush(self) -> None:
        """Write the rows that are held, if there are any.

        Raises:
            RunConflictError: the log has gone on without this run.
            CheckpointStoreError: the store failed.
        """
        async with self.lock:
            if self._held:
                await self.write_held()

    async def write_held(self) -> None:
        """Do what `flush` does, while the caller holds the lock."""
        rows = self._numbered()
        await self._guard("append", self._store.append, *rows)
        self._advance()

    async def finish(self, outcome: Outcome, *, exit_row: bool) -> None:
        """Record that the run has ended, and let go of its log.

        Args:
            outcome: what is left of the run.
            exit_row: whether the log still needs the entry row of the exit state.
        """
        async with self.lock:
            if exit_row:
                self.hold(RowKind.STATE_ENTRY, outcome.state, "", outcome.payload)
            rows = self._numbered()
            if remembers_outcomes(self._store):
                await self._alone("finish", self._store.finish, rows, outcome)
                self._advance()
                return
            if rows:
                await self._guard("append", self._store.append, *rows)
                self._advance()
            await self._alone("clear", self._store.clear)

    def close(self) -> None:
        """Let go of what is only of use while the run goes on."""
        self._deadline.close()

    def _numbered(self) -> list[CheckpointRow]:
        """Take the rows that are held; who holds one from now on waits for the next."""
        held, self._held = self._held, []
        self._under_way = len(held)
        sequence, version = self.next_sequence, self._version
        if len(held) == 1:
            return [CheckpointRow(sequence, *held[0], version)]
        return [
            CheckpointRow(each, *row, version)
            for each, row in enumerate(held, sequence)
        ]

    def _advance(self) -> None:
        first = self.next_sequence
        self.next_sequence = end = first + self._under_way
        self._under_way = 0
        if self._tell is not None:
            for sequence in range(first, end):
                self._tell("on_checkpoint", self._workflow_id, sequence)

    async def _alone(
        self, what: str, operation: Callable[..., Awaitable[T]], *arguments: Any
    ) -> T:
        """Guard an operation that no other follows soon."""
        try:
            return await self._guard(what, operation, *arguments)
        finally:
            self.close()

    async def _guard(
        self, what: str, operation: Callable[..., Awaitable[T]], *arguments: Any
    ) -> T:
        try:
            with self._deadline:
                return await operation(self._workflow_id, *arguments)
        except (RunConflictError, CheckpointStoreError, ConfigurationError):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody has cancelled the run: something inside the store gave up.
            raise self._failed(what, described(error), *arguments) from error
        except Exception as error:
            problem = (
                f"no answer within {self._timeout} seconds"
                if self._deadline.expired
                else described(error)
            )
            raise self._failed(what, problem, *arguments) from error

    def _failed(
        self, what: str, problem: str, *arguments: object
    ) -> CheckpointStoreError:
        for each in arguments:
            if isinstance(each, CheckpointRow):
                kind = RowKind(each.kind).name
                what = f"append of row {each.sequence} ({kind}, state {each.state!r})"
            elif isinstance(each, Outcome):
                what = f"{what} at state {each.state!r}"
        return CheckpointStoreError(
            f"run {self._workflow_id!r}: {what} failed in "
            f"{type(self._store).__name__}: {problem}; the run stopped and can be "
            "resumed"
        )
