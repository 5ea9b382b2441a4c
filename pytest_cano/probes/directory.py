"""Looking at whatever a path leads to: a directory tree, a file, a database."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self, final

from ..sqlite_files import files_of
from .reading import Look, Reading, matches
from .sqlite import SQLiteProbe, is_sqlite

_DIRECTORY: Final = "a directory"


@final
class DirectoryProbe:
    """Looks at the names, kinds and contents of all that is below a directory.

    Contents are compared by their digests, those of SQLite databases table by table,
    for their bytes differ where nothing else does. Symbolic links are compared by what
    they say, and not followed. The files of checkpoint stores are left out.

    Args:
        path: the directory; a file or a SQLite database is looked at, too, and what
            is not there is seen as such.
        ignore: patterns of names, or of paths below the directory, that are left out
            with all that is below them: ``*.tmp``, ``cache/*``.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, ignore: Sequence[str] = ()
    ) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self._ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)

    @classmethod
    def of(cls, looked_at: object) -> Self | None:
        """Return the probe of a path."""
        return cls(looked_at) if isinstance(looked_at, Path) else None

    def read(self, look: Look) -> Reading:
        """Say what is there."""
        return Reading.of(self._entries(look))

    def _entries(self, look: Look) -> Iterator[tuple[str, str]]:
        path = os.path.realpath(self._path)
        if is_sqlite(path):
            yield from SQLiteProbe(path).read(look).entries
            return
        kind = _kind(path, look)
        yield "", kind
        if kind == _DIRECTORY:
            yield from self._below(path, "", look)

    def _below(
        self, directory: str, prefix: str, look: Look
    ) -> Iterator[tuple[str, str]]:
        names = [
            name
            for name in sorted(os.listdir(directory))
            if not matches(name, self._ignore)
            and not matches(prefix + name, self._ignore)
            and not look.is_own(os.path.join(directory, name))
        ]
        databases = {
            name
            for name in names
            if not os.path.islink(path := os.path.join(directory, name))
            and is_sqlite(path)
        }
        beside = {file for name in databases for file in files_of(name)}
        for name in names:
            path, relative = os.path.join(directory, name), prefix + name
            if name in databases:
                yield relative, "a SQLite database"
                for entry, value in SQLiteProbe(path).read(look).entries:
                    yield f"{relative}: {entry}", value
            elif name not in beside:
                kind = _kind(path, look)
                yield relative, kind
                if kind == _DIRECTORY:
                    yield from self._below(path, f"{relative}/", look)


def _kind(path: str, look: Look) -> str:
    """Say what a path leads to: its kind, and of a file its contents."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return f"a link to {look.place(os.readlink(path))}"
        if stat.S_ISDIR(mode):
            return _DIRECTORY
        if not stat.S_ISREG(mode):
            return "neither file nor directory"
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
            size = file.tell()
        return f"a file of {size} byte{'s' * (size != 1)}, sha256 {digest}"
    except FileNotFoundError:
        return "not there"
