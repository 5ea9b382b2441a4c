"""A disk that tells what is durable on it from what is only pending.

A file's content and its name are made durable separately, as POSIX has it: by a sync
of the file, and by one of its directory. Which pending changes a power loss may take
is told by `pytest_cano.powerloss.images`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias, final

from .operations import Change, ContentChange, NameChange, Operation, Write

Files: TypeAlias = Mapping[str, bytes]
"""The content of every file, by its name."""


@final
@dataclass(frozen=True, slots=True)
class Loss:
    """Which of the pending changes a power loss takes.

    Attributes:
        lost: their positions among the pending ones.
        torn: position of a write that arrives only in part, or None.
        size: how many of its bytes arrive.
    """

    lost: Collection[int] = frozenset()
    torn: int | None = None
    size: int = 0


@final
class Disk:
    """Files as they are seen, as far as they are durable, and what is between.

    Args:
        files: what is there at first, all of it durable.

    Attributes:
        made: how many files there ever were; each has a number, for a name may be
            given to one file after another.
    """

    def __init__(self, files: Files | None = None) -> None:
        self._durable = _State({}, {})
        self._pending: list[_Pending] = []
        self._names: dict[str, int | None] = {}
        self.made = 0
        for name, content in (files or {}).items():
            self.adopt(name, content)

    def adopt(self, name: str, content: bytes) -> None:
        """Take a file as it is, as durable: whoever wrote it is not known."""
        self._settle(lambda each: each.operation.file == name)
        self._names[name] = self._durable.names[name] = self.new_file()
        self._durable.contents[self.made] = bytearray(content)

    @property
    def files(self) -> Files:
        """Every file as a program sees it."""
        return self.after(Loss())

    @property
    def pending(self) -> tuple[Change, ...]:
        """What was done and is not durable yet, in its order."""
        return tuple(each.operation for each in self._pending)

    def after(self, loss: Loss) -> Files:
        """Return the files that a power loss leaves."""
        state = self._durable.copy()
        for position, pending in enumerate(self._pending):
            if position == loss.torn:
                pending.cut(loss.size).change(state)
            elif position not in loss.lost:
                pending.change(state)
        return state.files()

    def apply(self, *operations: Operation) -> Self:
        """Do something to the files."""
        for operation in operations:
            operation.happen(self)
        return self

    def new_file(self) -> int:
        """Return the number of a new file."""
        self.made += 1
        return self.made

    def name(self, operation: NameChange, number: int | None) -> None:
        """Let a name lead to the file of that number, or to none, for now."""
        self._names[operation.file] = number
        self._pending.append(_Naming(number, operation))

    def change(self, operation: ContentChange) -> None:
        """Change the content of the file that is seen under a name, for now."""
        number = self._names.get(operation.file)
        if number is None:
            raise ValueError(f"{operation}: there is no such file")
        self._pending.append(_Filling(number, operation))

    def sync(self, file: str) -> None:
        """Make what the file holds durable."""
        number = self._names.get(file)
        self._settle(lambda each: isinstance(each, _Filling) and each.number == number)

    def sync_names(self, directory: str) -> None:
        """Make durable which files a directory has."""
        self._settle(
            lambda each: (
                isinstance(each, _Naming)
                and posixpath.dirname(each.operation.file) == directory
            )
        )
        self._forget_nameless()

    def _forget_nameless(self) -> None:
        """Forget files that no power loss can bring back, and what was done to them."""
        named: set[int | None] = {*self._durable.names.values()}
        named |= {each.number for each in self._pending if isinstance(each, _Naming)}
        self._pending = [
            each
            for each in self._pending
            if isinstance(each, _Naming) or each.number in named
        ]
        for number in self._durable.contents.keys() - named:
            del self._durable.contents[number]

    def _settle(self, settled: Callable[[_Pending], bool]) -> None:
        waiting: list[_Pending] = []
        for pending in self._pending:
            if settled(pending):
                pending.change(self._durable)
            else:
                waiting.append(pending)
        self._pending = waiting


@final
class _State:
    """The number of the file behind each name, and the content of each number."""

    def __init__(self, names: dict[str, int], contents: dict[int, bytearray]) -> None:
        self.names = names
        self.contents = contents

    def copy(self) -> _State:
        contents = {number: bytearray(it) for number, it in self.contents.items()}
        return _State(dict(self.names), contents)

    def files(self) -> dict[str, bytes]:
        return {
            name: bytes(self.contents.get(number, b""))
            for name, number in sorted(self.names.items())
        }


@final
@dataclass(frozen=True, slots=True)
class _Filling:
    """A change of what the file of that number holds."""

    number: int
    operation: ContentChange

    def change(self, state: _State) -> None:
        self.operation.change(state.contents.setdefault(self.number, bytearray()))

    def cut(self, size: int) -> _Filling:
        if isinstance(self.operation, Write):
            return _Filling(self.number, self.operation.cut(size))
        return self


@final
@dataclass(frozen=True, slots=True)
class _Naming:
    """A name that leads to the file of that number, or to none, from now on."""

    number: int | None
    operation: NameChange

    def change(self, state: _State) -> None:
        if self.number is None:
            state.names.pop(self.operation.file, None)
        else:
            state.names[self.operation.file] = self.number

    def cut(self, size: int) -> _Naming:
        """Return it whole: a name is changed at once, or not at all."""
        return self


_Pending: TypeAlias = _Filling | _Naming
