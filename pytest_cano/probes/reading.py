"""What a probe has seen: entries by name, with one text form."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self, final

from ..description import Describer
from ..sqlite_files import files_of

_BETWEEN = "\t"
"""Stands between an entry's name and its value; no description has one."""


@final
@dataclass(frozen=True, slots=True)
class Look:
    """What a probe needs to know of the life that has ended.

    Attributes:
        describer: writes values as texts.
        disk: the world's, which is elsewhere in every world.
        own_files: paths of what belongs to checkpoint stores, whose bytes differ
            from run to run: of databases, and of directories.
    """

    describer: Describer
    disk: str = ""
    own_files: tuple[str, ...] = ()

    def is_own(self, path: str) -> bool:
        """Say whether a path belongs to a checkpoint store."""
        return any(
            path in files_of(own) or _is_in(path, own)
            for own in self.own_files
            # A store that has the whole disk does not say which files are its own.
            if not (self.disk and (self.disk == own or _is_in(self.disk, own)))
        )

    def place(self, path: str) -> str:
        """Write a path so that it is the same in every world."""
        inside = self.disk and path.startswith(self.disk)
        return f"DISK{path.removeprefix(self.disk)}" if inside else path


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """What was seen.

    Attributes:
        entries: the value of everything that is there, by its name, in an order
            that is the same for the same things; what is looked at as a whole has an
            empty name.
    """

    entries: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, entries: Iterable[tuple[str, str]]) -> Self:
        """Make a reading of entries whose texts may hold anything."""
        seen = Counter[str]()
        lines = []
        for name, value in entries:
            seen[name] += 1
            number = f" #{seen[name]}" if seen[name] > 1 else ""
            lines.append((_line(name + number), _line(value)))
        return cls(tuple(lines))

    @property
    def text(self) -> str:
        """The reading as one text, which has a tab, as no other observation has."""
        lines = [f"{name}{_BETWEEN}{value}" for name, value in self.entries]
        return "\n".join(lines) or _BETWEEN

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read the text of a reading; None if it is the text of something else."""
        if _BETWEEN not in text:
            return None
        if text == _BETWEEN:
            return cls(())
        lines = (line.partition(_BETWEEN) for line in text.split("\n"))
        return cls(tuple((name, value) for name, _, value in lines))


@dataclass(frozen=True, slots=True)
class Change:
    """One entry in which two readings differ; None where it is not there."""

    entry: str
    before: str | None
    after: str | None


def changes(before: Reading, after: Reading) -> Iterator[Change]:
    """Give every entry in which two readings differ; what is missing comes last."""
    old, new = dict(before.entries), dict(after.entries)
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            yield Change(name, old.get(name), new.get(name))


def digest_of(data: bytes) -> str:
    """Return ``sha256`` and the beginning of a digest."""
    return f"sha256 {hashlib.sha256(data).hexdigest()[:12]}"


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Say whether one of the patterns means a name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_in(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip(os.sep) + os.sep)


def _line(text: str) -> str:
    """Write a text so that it is one line without a tab."""
    if text.isprintable():
        return text
    return text.encode("unicode_escape", "backslashreplace").decode("ascii")
