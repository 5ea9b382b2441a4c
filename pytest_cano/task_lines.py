"""Which lines of the tasks ran undisturbed, which after a crash, and which never."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

_SETS: Final = ("statements", "baseline", "crashed", "resumed")


@final
@dataclass(frozen=True, slots=True)
class FileLines:
    """The lines of the tasks in one file.

    A statement that stands on several lines is its first one; what coverage.py is told
    to leave out (``# pragma: no cover``) is not there.

    Attributes:
        statements: all of them.
        baseline: those that ran in an undisturbed run.
        crashed: those that ran in a first life, up to its crash.
        resumed: those that ran in a life after the first.
    """

    statements: frozenset[int] = frozenset()
    baseline: frozenset[int] = frozenset()
    crashed: frozenset[int] = frozenset()
    resumed: frozenset[int] = frozenset()

    @property
    def undisturbed(self) -> frozenset[int]:
        """Those that ran undisturbed, and in no life after a crash."""
        return self.baseline - self.resumed

    @property
    def never(self) -> frozenset[int]:
        """Those that nothing has come to."""
        return self.statements - self.baseline - self.crashed - self.resumed

    def ranges(self, lines: Iterable[int]) -> Sequence[tuple[int, int]]:
        """Return lines as first and last ones, where no other statement is between."""
        ranges: list[tuple[int, int]] = []
        chosen, follows = frozenset(lines), False
        for line in sorted(self.statements):
            if line in chosen:
                first = ranges.pop()[0] if follows else line
                ranges.append((first, line))
            follows = line in chosen
        return ranges

    def merged(self, other: FileLines) -> FileLines:
        """Return what both of them say of the same file."""
        return FileLines(
            *(getattr(self, name) | getattr(other, name) for name in _SETS)
        )


@final
@dataclass(frozen=True, slots=True)
class TaskLines:
    """The lines of all tasks, by file.

    Attributes:
        files: by the path that reports show.
    """

    files: Mapping[str, FileLines] = field(default_factory=dict)

    @property
    def baseline(self) -> int:
        """How many lines ran undisturbed."""
        return sum(len(each.baseline) for each in self.files.values())

    @property
    def resumed_too(self) -> int:
        """How many of them ran after a crash as well."""
        return self.baseline - sum(
            len(each.undisturbed) for each in self.files.values()
        )

    @property
    def undisturbed(self) -> Sequence[str]:
        """Lines that only an undisturbed run came to: ``shop.py:12-13``."""
        return [
            *_told(
                {path: (each, each.undisturbed) for path, each in self.files.items()}
            )
        ]

    @property
    def never(self) -> Sequence[str]:
        """Lines that nothing has come to, such as those for a recovery alone."""
        return [*_told({path: (each, each.never) for path, each in self.files.items()})]

    def merged(self, other: TaskLines) -> TaskLines:
        """Return what both of them say."""
        files = dict(self.files)
        for path, lines in other.files.items():
            files[path] = files[path].merged(lines) if path in files else lines
        return TaskLines(files)

    def as_builtins(self) -> dict[str, Any]:
        """Return it as lists of numbers, for it may go to another process."""
        return {
            path: {name: sorted(getattr(lines, name)) for name in _SETS}
            for path, lines in self.files.items()
        }

    @classmethod
    def of_builtins(cls, told: Mapping[str, Any]) -> TaskLines:
        """Read what `as_builtins` has returned."""
        return cls(
            {
                path: FileLines(**{name: frozenset(lines[name]) for name in _SETS})
                for path, lines in told.items()
            }
        )


def merged(told: Iterable[TaskLines | None]) -> TaskLines | None:
    """Put together what several tests tell; None if none of them was measured."""
    found: TaskLines | None = None
    for lines in told:
        if lines is not None:
            found = lines if found is None else found.merged(lines)
    return found


def _told(files: Mapping[str, tuple[FileLines, frozenset[int]]]) -> Iterable[str]:
    for path, (lines, chosen) in sorted(files.items()):
        for first, last in lines.ranges(chosen):
            yield f"{path}:{first}" if first == last else f"{path}:{first}-{last}"
