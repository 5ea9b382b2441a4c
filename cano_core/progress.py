"""What a log knows of a visit beyond its entry: memos, cursors, finished branches.

A visit may have parts: the branches of a split, the steps of a stepped task, the
items of a batch. Each part has memos, and an idempotency key, of its own; a branch
may itself have parts. A part is named by the path to it: ``"2/7"`` is item 7 of the
batch in branch 2; the visit as a whole is the part ``""``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, final

import msgspec

from .checkpoints.row import RowKind

BETWEEN = "\x1f"
"""Stands between a part and a name; neither can have it."""

STARTED = BETWEEN + "started"
"""The engine's own memo of when a run began, in seconds since the epoch."""

JOINED = BETWEEN + "joined"
"""The engine's own memo of what a split gave to the state after it."""


@final
@dataclass(slots=True)
class Progress:
    """What a visit need not do again.

    Attributes:
        memos: encoded results of finished `RunContext.once` calls, by `memo_key`.
        cursors: the last cursor of each part, encoded, and its number.
        branches: encoded results of finished parts.
        within: the keys of the memos of each part's own parts, so that forgetting
            the steps of one branch does not cost a look at all the others.
    """

    memos: dict[str, bytes] = field(default_factory=dict)
    cursors: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    branches: dict[str, bytes] = field(default_factory=dict)
    within: dict[str, set[str]] = field(default_factory=dict)

    def remember(self, key: str, result: bytes) -> None:
        """Keep a memo."""
        self.memos[key] = result
        for part, _ in _steps_around(key):
            self.within.setdefault(part, set()).add(key)

    def forget_steps(self, whole: str, number: int) -> None:
        """Drop the memos of a part's steps before one; nobody asks for them again.

        Not only those of the last one: a log that was read from its tail has memos
        of steps whose own cursors are left out.
        """
        for key in list(self.within.get(whole, ())):
            around = dict(_steps_around(key))
            step = around[whole]
            if step.isdecimal() and int(step) < number:
                del self.memos[key]
                for part in around:
                    self.within[part].discard(key)


def _steps_around(key: str) -> Iterator[tuple[str, str]]:
    """Give each part that the part of a memo is within, and which of its steps."""
    path, between, _ = key.partition(BETWEEN)
    end = -1
    while between and path:
        start, end = end + 1, path.find("/", end + 1)
        yield path[: max(start - 1, 0)], path[start:] if end < 0 else path[start:end]
        if end < 0:
            return


def memo_key(part: str, name: str) -> str:
    """Return what the memo of a part is recorded as."""
    return f"{part}{BETWEEN}{name}" if part else name


def part_of(part: str, index: int | str) -> str:
    """Return the name of a part within a part."""
    return f"{part}/{index}" if part else str(index)


@final
@dataclass(frozen=True, slots=True)
class Memo:
    """A finished call.

    Attributes:
        key: names it within the visit, see `memo_key`.
        result: what it returned, encoded.
    """

    kind: ClassVar = RowKind.MEMO
    key: str
    result: bytes

    def owner(self, task: str) -> str:
        """Return the row's task."""
        return task

    def encode(self) -> bytes:
        """Return the row's payload."""
        return msgspec.msgpack.encode((self.key, self.result))

    @classmethod
    def decode(cls, payload: bytes | None) -> Memo:
        """Read a payload.

        Raises:
            msgspec.MsgspecError: these bytes are no memo.
        """
        return cls(*_KEYED.decode(payload or b""))

    def known(self, progress: Progress) -> bool:
        """Tell whether the visit has come so far already."""
        return self.key in progress.memos

    def apply(self, progress: Progress) -> None:
        """Take a visit's progress further."""
        progress.remember(self.key, self.result)


@final
@dataclass(frozen=True, slots=True)
class Branch:
    """A finished part.

    Attributes:
        part: which.
        result: what it returned, encoded.
    """

    kind: ClassVar = RowKind.BRANCH
    part: str
    result: bytes

    def owner(self, task: str) -> str:
        """Return the row's task."""
        return task

    def encode(self) -> bytes:
        """Return the row's payload."""
        return msgspec.msgpack.encode((self.part, self.result))

    @classmethod
    def decode(cls, payload: bytes | None) -> Branch:
        """Read a payload.

        Raises:
            msgspec.MsgspecError: these bytes are no result of a part.
        """
        return cls(*_KEYED.decode(payload or b""))

    def known(self, progress: Progress) -> bool:
        """Tell whether the visit has come so far already."""
        return self.part in progress.branches

    def apply(self, progress: Progress) -> None:
        """Take a visit's progress further."""
        progress.branches[self.part] = self.result


@final
@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a part has come.

    Attributes:
        part: which.
        number: how many steps, waits or items are concluded, this one included.
        payload: the cursor, encoded.
        data: the run's data from here on, encoded; None if it is as before.
    """

    kind: ClassVar = RowKind.STEP_CURSOR
    part: str
    number: int
    payload: bytes
    data: bytes | None = None

    def owner(self, task: str) -> str:
        """Return the row's task, with the part, and whether it has data.

        So a store can tell which cursors a later one makes superfluous: those with
        the same. The last one with data stays needed when others have followed.
        """
        owner = f"{task}[{self.part}]" if self.part else task
        return owner if self.data is None else f"{owner}+data"

    def encode(self) -> bytes:
        """Return the row's payload."""
        return msgspec.msgpack.encode((self.part, self.number, self.payload, self.data))

    @classmethod
    def decode(cls, payload: bytes | None) -> Cursor:
        """Read a payload.

        Raises:
            msgspec.MsgspecError: these bytes are no cursor.
        """
        return cls(*_CURSOR.decode(payload or b""))

    def known(self, progress: Progress) -> bool:
        """Tell whether the visit has come so far already."""
        return self.number <= progress.cursors.get(self.part, (0,))[0]

    def apply(self, progress: Progress) -> None:
        """Take a visit's progress further."""
        progress.forget_steps(self.part, self.number)
        progress.cursors[self.part] = (self.number, self.payload)


Advance: TypeAlias = Memo | Branch | Cursor
"""One row that takes a visit further."""


@final
@dataclass(frozen=True, slots=True)
class Completion:
    """What a compensatable task has left.

    Attributes:
        following: label of the next state.
        output: what `compensate` is to be given, encoded.
        data: the run's data from here on, encoded.
    """

    following: str
    output: bytes
    data: bytes | None

    def encode(self) -> bytes:
        """Return the payload of a COMPENSATION_COMPLETION row."""
        return msgspec.msgpack.encode((self.following, self.output, self.data))

    @classmethod
    def decode(cls, payload: bytes | None) -> Completion:
        """Read a payload.

        Raises:
            msgspec.MsgspecError: these bytes are no completion.
        """
        return cls(*_COMPLETION.decode(payload or b""))


def encode_number(number: float) -> bytes:
    """Return the payload of a COMPENSATED row, or of a moment."""
    return msgspec.msgpack.encode(number)


def decode_sequence(payload: bytes | None) -> int:
    """Return the sequence of the entry that a COMPENSATED row undoes.

    Raises:
        msgspec.MsgspecError: these bytes are no sequence.
    """
    return _SEQUENCE.decode(payload or b"")


def decode_moment(payload: bytes) -> float:
    """Return a moment, in seconds since the epoch.

    Raises:
        msgspec.MsgspecError: these bytes are none.
    """
    return _MOMENT.decode(payload)


_KEYED = msgspec.msgpack.Decoder(tuple[str, bytes])
_CURSOR = msgspec.msgpack.Decoder(tuple[str, int, bytes, bytes | None])
_COMPLETION = msgspec.msgpack.Decoder(tuple[str, bytes, bytes | None])
_SEQUENCE = msgspec.msgpack.Decoder(int)
_MOMENT = msgspec.msgpack.Decoder(float)
