"""What is done to the files of a disk: one value for each system call that matters.

Files are named relative to the disk's directory, with slashes.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, final

if TYPE_CHECKING:
    from .disk import Disk


class Operation(Protocol):
    """Something that is done to a disk."""

    def happen(self, disk: Disk) -> None:
        """Do it."""


@final
@dataclass(frozen=True, slots=True)
class Write:
    """Bytes were written to a file; a hole before them is zeros."""

    file: str
    offset: int
    data: bytes

    def happen(self, disk: Disk) -> None:
        """Change the content, for the time being."""
        disk.change(self)

    def change(self, content: bytearray) -> None:
        """Do it to a file's content."""
        if self.data:
            content.extend(bytes(max(0, self.offset - len(content))))
            content[self.offset : self.offset + len(self.data)] = self.data

    def cut(self, size: int) -> Write:
        """Return the same write of which only that many bytes arrived."""
        return Write(self.file, self.offset, self.data[:size])

    def __str__(self) -> str:
        return f"{len(self.data)} bytes at {self.offset} of {self.file}"


@final
@dataclass(frozen=True, slots=True)
class Truncate:
    """A file was cut, or grown with zeros."""

    file: str
    size: int

    def happen(self, disk: Disk) -> None:
        """Change the content, for the time being."""
        disk.change(self)

    def change(self, content: bytearray) -> None:
        """Do it to a file's content."""
        del content[self.size :]
        content.extend(bytes(self.size - len(content)))

    def __str__(self) -> str:
        return f"the size {self.size} of {self.file}"


@final
@dataclass(frozen=True, slots=True)
class Create:
    """A file was made, empty."""

    file: str

    def happen(self, disk: Disk) -> None:
        """Give the name to a new file, for the time being."""
        disk.name(self, disk.new_file())

    def __str__(self) -> str:
        return f"the making of {self.file}"


@final
@dataclass(frozen=True, slots=True)
class Delete:
    """A file was removed."""

    file: str

    def happen(self, disk: Disk) -> None:
        """Take the name away, for the time being."""
        disk.name(self, None)

    def __str__(self) -> str:
        return f"the removal of {self.file}"


@final
@dataclass(frozen=True, slots=True)
class Sync:
    """A file's content was made durable; its name is in the hands of its directory."""

    file: str

    def happen(self, disk: Disk) -> None:
        """Make the content durable."""
        disk.sync(self.file)


@final
@dataclass(frozen=True, slots=True)
class SyncNames:
    """A directory was made durable: which files there are in it, not what they hold."""

    directory: str = ""

    def happen(self, disk: Disk) -> None:
        """Make the names durable."""
        disk.sync_names(self.directory)

    @classmethod
    def around(cls, file: str) -> SyncNames:
        """Return the sync of the directory that a file is in."""
        return cls(posixpath.dirname(file))


ContentChange: TypeAlias = Write | Truncate
NameChange: TypeAlias = Create | Delete
Change: TypeAlias = ContentChange | NameChange
"""What is lost with the power until a sync has made it durable."""
