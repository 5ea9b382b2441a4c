"""The layer between SQLite and its files that takes down what SQLite does to them.

Everything is passed on to the system's own layer, syncs excepted: nobody pulls the
plug of this machine, so taking them down is enough, and many times faster. Shared
memory (``-shm``) passes by: a power loss leaves nothing of it.
"""

from __future__ import annotations

import os
from typing import Final, Protocol, final

import apsw

from .operations import Create, Delete, Sync, SyncNames, Truncate, Write
from .recorder import Recorder

NAME: Final = "pytest-cano-powerloss"

_JOURNALS: Final = (
    apsw.SQLITE_OPEN_MAIN_JOURNAL
    | apsw.SQLITE_OPEN_SUPER_JOURNAL
    | apsw.SQLITE_OPEN_WAL
)
_RECORDED: Final = apsw.SQLITE_OPEN_MAIN_DB | _JOURNALS


class Recorded(Protocol):
    """Something whose files are recorded."""

    recorder: Recorder
    """What takes it down; another one, once another process has gone on with it."""


_recorded: Final[dict[str, Recorded]] = {}


def begin(whose: Recorded) -> None:
    """Record what is opened in its directory from now on."""
    _recorded[whose.recorder.directory] = whose


def end(whose: Recorded) -> None:
    """Record nothing more of what is opened there; what is open stays recorded."""
    _recorded.pop(whose.recorder.directory, None)


def recorded(path: str) -> Recorded | None:
    """Return whose recorder a file is to be recorded by, if it is."""
    directory = os.path.dirname(os.path.realpath(path))
    while directory not in _recorded:
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return _recorded[directory]


@final
class RecordingVFS(apsw.VFS):
    """The system's layer, with files that are recorded."""

    def __init__(self) -> None:
        super().__init__(NAME, "")

    def xOpen(
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Open a file; temporary ones, and those elsewhere, as ever."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        whose = recorded(path) if path and flags[0] & _RECORDED else None
        if path is None or whose is None:
            return apsw.VFSFile("", name, flags)
        return RecordedFile(whose, name, path, flags)

    def xDelete(self, path: str, sync: bool) -> None:
        """Remove a file."""
        super().xDelete(path, False)
        whose = recorded(path)
        if whose is not None and (name := whose.recorder.name(path)):
            whose.recorder.record(Delete(name))
            if sync:
                whose.recorder.record(SyncNames.around(name))


@final
class RecordedFile(apsw.VFSFile):
    """A file of which everything is taken down that is done to it."""

    def __init__(
        self,
        whose: Recorded,
        name: str | apsw.URIFilename | None,
        path: str,
        flags: list[int],
    ) -> None:
        self._whose = whose
        self._outages = whose.recorder.outages
        self._name = whose.recorder.name(path) or path
        # As SQLite does on Unix: who makes a journal syncs its directory with it.
        self._syncs_names = bool(
            flags[0] & _JOURNALS and flags[0] & apsw.SQLITE_OPEN_CREATE
        )
        existed = os.path.exists(path)
        super().__init__("", name, flags)
        if existed:
            # Not by opening it once more: closing that would drop SQLite's locks.
            size = super().xFileSize()
            content = super().xRead(size, 0) if size else b""
            whose.recorder.found(self._name, content)
        else:
            whose.recorder.record(Create(self._name))

    def _recorder(self) -> Recorder:
        """Return what takes down what is done now.

        Raises:
            apsw.IOError: it is left over from before a power loss, and another file
                has taken its place.
        """
        recorder = self._whose.recorder
        if recorder.outages != self._outages:
            raise apsw.IOError(f"{self._name}: this file ended with a power loss")
        return recorder

    def xRead(self, amount: int, offset: int) -> bytes:
        """Read, as long as it is there."""
        self._recorder()
        return super().xRead(amount, offset)

    def xLock(self, level: int) -> None:
        """Lock, as long as it is there."""
        self._recorder()
        super().xLock(level)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write; durable once it is synced."""
        recorder = self._recorder()
        super().xWrite(data, offset)
        recorder.record(Write(self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        """Cut or grow; durable once it is synced."""
        recorder = self._recorder()
        super().xTruncate(size)
        recorder.record(Truncate(self._name, size))

    def xSync(self, flags: int) -> None:
        """Take down that it is durable."""
        recorder = self._recorder()
        recorder.record(Sync(self._name))
        if self._syncs_names:
            self._syncs_names = False
            recorder.record(SyncNames.around(self._name))

    def xDeviceCharacteristics(self) -> int:
        """Promise what every disk keeps, whatever this one here could do."""
        return super().xDeviceCharacteristics() & apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE


VFS: Final = RecordingVFS()
"""Registered once, for a connection must not outlive it."""
