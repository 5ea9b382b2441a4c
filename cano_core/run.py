"""One run: the loop, and everything that only this run knows."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, final

from .checkpoints.row import Outcome, RowKind
from .codec import Codec
from .errors import ConfigurationError
from .handlers import Handler
from .log import RunLog, to_its_end
from .memo import encode_memo
from .replay import PATH_LENGTH, Position
from .states import State
from .wording import described, shown

Tell: TypeAlias = Callable[..., None]
"""Tells every observer: ``tell(hook, *arguments)``."""


@final
class Visit:
    """The n-th time that a run is in a state.

    Attributes:
        handler: what the run does there.
        number: n, from 1.
        resumes: how many times this visit was resumed.
        memos: encoded results of its finished `RunContext.once` calls, by name.
    """

    __slots__ = ("handler", "memos", "number", "resumes")

    def __init__(self, handler: Handler, number: int) -> None:
        self.handler = handler
        self.number = number
        self.resumes = 0
        self.memos: dict[str, bytes] = {}


@final
class Run:
    """One execution of a workflow, from a fresh start or from a log's position.

    Args:
        table: the handler of every state.
        workflow_id: the run's id, or None.
        version: the workflow's version.
        tell: tells the observers; None if there are none.
        log: where rows go; None for a run without a store.
        codec: reads and writes the run's data; None if it carries none.
        snapshot: the data as of the next entry row, encoded.

    Attributes:
        halt: once set, what the run stops with at the next boundary.
        visit: the visit that the run is in; None before the first.
        exit: the exit state, once reached.
        outcome: the run's outcome, once reached.
        path: labels entered, the last thousand.
    """

    def __init__(
        self,
        *,
        table: Mapping[State, Handler],
        workflow_id: str | None,
        version: int,
        tell: Tell | None,
        log: RunLog | None,
        codec: Codec[Any] | None,
        snapshot: bytes | None,
    ) -> None:
        self.table = table
        self.workflow_id = workflow_id
        self.version = version
        self.tell = tell
        self.log = log
        self.snapshot = snapshot
        self.halt: BaseException | None = None
        self.visit: Visit | None = None
        self.exit: State | None = None
        self.outcome: Outcome | None = None
        self.path: deque[str] = deque(maxlen=PATH_LENGTH)
        self._codec = codec
        self._visits: dict[str, int] = {}
        self._made_up_id: str | None = None
        self._re_entry: Position | None = None

    @property
    def id(self) -> str:
        """The workflow id, made up if the run was given none."""
        if self.workflow_id is not None:
            return self.workflow_id
        if self._made_up_id is None:
            self._made_up_id = str(uuid.uuid4())
        return self._made_up_id

    @property
    def described(self) -> str:
        """The run as messages name it."""
        return "a run without id" if self.workflow_id is None else f"run {self.id!r}"

    @property
    def described_path(self) -> str:
        """The path as messages show it: its last twenty labels."""
        shown = list(self.path)[-20:]
        dots = "… > " if len(self.path) > len(shown) else ""
        return dots + " > ".join(shown)

    def re_enter(self, position: Position) -> None:
        """Take over from a log: the next visit is the one it ended in."""
        self.path = position.path
        self.path.pop()
        self._visits = dict(position.visits)
        self._visits[position.label] -= 1
        self._re_entry = position
        self.snapshot = position.payload

    async def drive(self, handler: Handler) -> State:
        """Run from a state to an exit state, and return it."""
        following: Handler | None = handler
        while following is not None:
            following = await following.execute(self)
        if self.exit is None:
            raise ConfigurationError(f"{self.described} ended without an exit state")
        return self.exit

    def begin(self, handler: Handler) -> Visit:
        """Begin a visit, or go on with the one of the log; no row is written."""
        label = handler.label
        self.path.append(label)
        number = self._visits.get(label, 0) + 1
        self._visits[label] = number
        self.visit = visit = Visit(handler, number)
        position = self._re_entry
        if position is not None:
            self._re_entry = None
            visit.memos = position.memos
            # The row by which this process claimed the run came after the position.
            visit.resumes = position.resumes + 1
        if self.tell is not None:
            self.tell("on_state_enter", self.workflow_id, label)
        return visit

    async def record_entry(self, handler: Handler) -> None:
        """Write a state's entry row."""
        if self.log is not None:
            await self.log.append(
                RowKind.STATE_ENTRY, handler.label, handler.name, self.snapshot
            )

    async def record_memo(self, visit: Visit, name: str, result: bytes) -> bytes:
        """Make the result of a `RunContext.once` call durable.

        Returns:
            The recorded result: an earlier one, if a call that another attempt left
            behind has come back first.

        Raises:
            ConfigurationError: the run has left the visit, so it is too late.
            RunConflictError: somebody else owns the run.
            CheckpointStoreError: the store failed.
        """
        if self.log is None:
            return visit.memos.setdefault(name, result)
        return await to_its_end(self._write_memo(self.log, visit, name, result))

    async def _write_memo(
        self, log: RunLog, visit: Visit, name: str, result: bytes
    ) -> bytes:
        async with log.lock:
            if self.halt is not None:
                raise self.halt
            label = visit.handler.label
            if visit is not self.visit:
                raise ConfigurationError(
                    f"run.once({name!r}) in state {label!r} of {self.described} came "
                    "back after the run had left it and is not recorded; await the "
                    "call before the task returns"
                )
            if name not in visit.memos:
                try:
                    await log.write(
                        RowKind.MEMO,
                        label,
                        visit.handler.name,
                        encode_memo(name, result),
                    )
                except BaseException as error:
                    # Whatever the task makes of this exception, the run must not go
                    # on: the call has happened, and perhaps the log does not know.
                    self.halt = error
                    raise
                visit.memos[name] = result
            return visit.memos[name]

    def decode_data(self) -> Any:
        """Return the run's data, afresh, as of the entry of the present state.

        Raises:
            ConfigurationError: the workflow carries none.
        """
        if self._codec is None or self.snapshot is None:
            raise ConfigurationError(
                f"{self.described} carries no data: make the workflow with "
                "Workflow(data=YourType) and start it with data="
            )
        return self._codec.decode(self.snapshot)

    def encode_data(self, value: object) -> bytes:
        """Return the bytes that the next entry row stores for a value.

        Raises:
            ConfigurationError: the workflow carries no data, or this can't be stored.
        """
        if self._codec is None:
            raise ConfigurationError(
                f"{self.described} carries no data: make the workflow with "
                "Workflow(data=YourType)"
            )
        return encode_checked(self._codec, value, self.described)


def encode_checked(codec: Codec[Any], value: object, where: str) -> bytes:
    """Encode a run's data, and see that it can be read back.

    Raises:
        ConfigurationError: it can't.
    """
    try:
        payload = codec.encode(value)
        codec.decode(payload)
    except Exception as error:
        raise ConfigurationError(
            f"{where}: data {shown(value)} can't be stored: {described(error)}"
        ) from error
    return payload
