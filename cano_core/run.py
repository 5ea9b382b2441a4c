"""One run: the loop, and everything that only this run knows."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, final

from .checkpoints.row import Outcome, RowKind
from .codec import Codec
from .comparing import came_back
from .errors import ConfigurationError, RunFailedError
from .handlers import Handler
from .interruption import Interruption
from .log import RunLog
from .progress import STARTED, Advance, Cursor, Memo, Progress, encode_number
from .recording import Recorder
from .replay import PATH_LENGTH, Position
from .rollback import roll_back
from .saga import Completed, Unwritable
from .states import State
from .wording import described, shown

TRANSITIONS_A_TURN = 256
"""After how many transitions the event loop is given a turn."""

Tell: TypeAlias = Callable[..., None]
"""Tells every observer: ``tell(hook, *arguments)``."""


@final
class Visit:
    """The n-th time that a run is in a state.

    Attributes:
        handler: what the run does there.
        number: n, from 1.
        entry: sequence of its entry row; None if it has none.
        resumes: how many times this visit was resumed.
    """

    __slots__ = ("_progress", "entry", "handler", "number", "resumes")

    def __init__(self, handler: Handler, number: int) -> None:
        self.handler = handler
        self.number = number
        self.entry: int | None = None
        self.resumes = 0
        self._progress: Progress | None = None

    @property
    def progress(self) -> Progress:
        """What it need not do again; most visits never ask."""
        if self._progress is None:
            self._progress = Progress()
        return self._progress

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self._progress = progress

    @property
    def has_memos(self) -> bool:
        """Whether it began with memos, or has any by now."""
        return self._progress is not None and bool(self._progress.memos)


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
        interruption: what may stop it from outside; None if nothing does.
        compensation_timeout: seconds that a rollback may take, or None.

    Attributes:
        recorded: the data as the log has it; differs from ``snapshot`` after a task
            that changed it, until the next state has a row.
        halt: once set, what the run stops with at the next boundary.
        visit: the visit that the run is in; None before the first, and between two.
        exit: the exit state, once reached.
        outcome: the run's outcome, once reached.
        path: labels entered, the last thousand.
        completed: what a rollback has to undo, in order of completion.
        handed: the engine's own memos for the next visit.
        unwritable: what was done last, if no row can keep its output.
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
        interruption: Interruption | None = None,
        compensation_timeout: float | None = None,
    ) -> None:
        self.table = table
        self.workflow_id = workflow_id
        self.version = version
        self.tell = tell
        self.log = log
        self.snapshot = snapshot
        self.recorded = snapshot
        self.interruption = interruption
        self.compensation_timeout = compensation_timeout
        self.halt: BaseException | None = None
        self.visit: Visit | None = None
        self.exit: State | None = None
        self.outcome: Outcome | None = None
        self.path: deque[str] = deque(maxlen=PATH_LENGTH)
        self.completed: list[Completed] = []
        self.handed: dict[str, bytes] = {}
        self.unwritable: Unwritable | None = None
        self._recorder = None if log is None else Recorder(self, log)
        self._undoing = Progress()
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

    @property
    def resume_hint(self) -> str:
        """How an interrupted run goes on, as messages say it; empty if it can't."""
        if self.log is None or not self.log.next_sequence:
            return ""
        visit = self.visit
        then = "runs this state again"
        if visit is not None and visit.entry is None:
            then = "goes on from the state before this router"
        return f"; resume_from({self.workflow_id!r}) {then}"

    def take_over(self, position: Position) -> None:
        """Take over from a log: where it ended, and what is still to be undone."""
        self.path = position.path
        self._visits = dict(position.visits)
        self.completed = position.to_undo
        self.snapshot = self.recorded = position.data
        self._undoing = position.undoing

    def re_enter(self, position: Position) -> None:
        """Let the next visit be the one that the log ended in."""
        self._visits[position.label] -= 1
        self._re_entry = position

    async def drive(self, handler: Handler) -> State:
        """Run from a state to an exit state, and return it; or undo what was done."""
        following: Handler | None = handler
        turns = TRANSITIONS_A_TURN
        try:
            while following is not None:
                following = await following.execute(self)
                turns -= 1
                if not turns:
                    turns = TRANSITIONS_A_TURN
                    # Tasks that never wait would keep the loop, and every stop, away.
                    await asyncio.sleep(0)
        except RunFailedError as failure:
            await roll_back(self, failure)
            raise
        if self.exit is None:
            raise ConfigurationError(f"{self.described} ended without an exit state")
        return self.exit

    def begin(self, handler: Handler) -> Visit:
        """Begin a visit, or go on with the one of the log; no row is written."""
        label = handler.label
        number = self._visits.get(label, 0) + 1
        self._visits[label] = number
        self.visit = visit = Visit(handler, number)
        position = self._re_entry
        if position is not None:
            self._re_entry = None
            visit.entry = position.entry
            visit.progress = position.progress
            # The row by which this process claimed the run came after the position.
            visit.resumes = position.resumes + 1
        else:
            self.path.append(label)
            if self.handed:
                visit.progress.memos, self.handed = self.handed, {}
        if self.tell is not None:
            self.tell("on_state_enter", self.workflow_id, label)
        return visit

    def revisit(self, handler: Handler, completed: Completed) -> Visit:
        """Come back to a completed visit, to undo it."""
        self.visit = visit = Visit(handler, completed.number)
        visit.entry = completed.entry
        visit.progress = self._undoing
        return visit

    async def record_entry(self, visit: Visit) -> None:
        """Write a visit's entry row, unless the log has it."""
        self.recorded = self.snapshot
        log = self.log
        if log is None or visit.resumes:
            return
        handler = visit.handler
        label, name = handler.label, handler.name
        visit.entry = log.end
        stop = self.interruption
        if stop is not None and stop.limit is not None and not visit.entry:
            visit.progress.memos[STARTED] = encode_number(stop.started)
        if visit.has_memos:
            log.hold(RowKind.STATE_ENTRY, label, name, self.snapshot)
            for key, result in visit.progress.memos.items():
                log.hold(RowKind.MEMO, label, name, Memo(key, result).encode())
            await log.flush()
        else:
            await log.append(RowKind.STATE_ENTRY, label, name, self.snapshot)

    async def record(
        self, visit: Visit, advance: Advance, what: str, *, here: bool = False
    ) -> None:
        """Make durable how far a visit has come, unless it is known.

        A cancellation waits until the row is written, for it may be that of one
        attempt, or of one branch, while the run goes on.

        Args:
            visit: the visit.
            advance: the new memo, cursor or branch.
            what: whose it is, for messages.
            here: write without waiting for that, which is faster, because whatever
                cancels this call ends the run and undoes nothing.

        Raises:
            ConfigurationError: the run has left the visit, so it is too late.
            RunConflictError: somebody else owns the run.
            CheckpointStoreError: the store failed.
        """
        if self._recorder is not None:
            await self._recorder.record(visit, advance, what, here=here)
        elif not advance.known(visit.progress):
            self.advance(visit, advance)

    def advance(self, visit: Visit, advance: Advance) -> None:
        """Take a visit further, and the run's data with it, as a replay does."""
        advance.apply(visit.progress)
        if isinstance(advance, Cursor) and advance.data is not None:
            self.snapshot = self.recorded = advance.data

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
        ConfigurationError: it can't, or would come back as something else.
    """
    try:
        payload = codec.encode(value)
        back = codec.decode(payload)
    except Exception as error:
        raise ConfigurationError(
            f"{where}: data {shown(value)} can't be stored: {described(error)}"
        ) from error
    if not came_back(value, back):
        raise ConfigurationError(
            f"{where}: data {shown(value)} would be read back as {shown(back)}; "
            "annotate the fields with what they hold"
        )
    return payload
