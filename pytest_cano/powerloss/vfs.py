"""The layer between SQLite and its files that takes down what SQLite does to them.

Everything is passed on to the system's own layer, syncs excepted: nobody pulls the
plug of this machine, so taking them down is enough, and many times faster. Shared
memory (``-shm``) passes by: a power loss leaves nothing of it.
"""

from __future__ import annotations

import os
from typing import Final, final

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


@final
class Recording:
    """What the files of one directory are told to, for one life.

    Attributes:
        recorder: takes it down.
        severed: whether other files have taken the place of those that are open.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.severed = False

    def require_connected(self) -> None:
        """Refuse whatever a dead life's connection still wants.

        Raises:
            apsw.IOError: its files are gone.
        """
        if self.severed:
            raise apsw.IOError("these files ended with a power loss")


_recordings: Final[dict[str, Recording]] = {}


def begin(recorder: Recorder) -> None:
    """Record what is opened in that directory from now on."""
    _recordings[recorder.directory] = Recording(recorder)


def end(recorder: Recorder) -> None:
    """Record nothing there any more, and cut off what is still open there."""
    recording = _recordings.pop(recorder.directory, None)
    if recording is not None:
        recording.severed = True


def recorded(path: str) -> Recording | None:
    """Return what a file is to be recorded by, if it is."""
    directory = os.path.dirname(os.path.realpath(path))
    while directory not in _recordings:
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return _recordings[directory]


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
        recording = recorded(path) if path and flags[0] & _RECORDED else None
        if path is None or recording is None:
            return apsw.VFSFile("", name, flags)
        return RecordedFile(recording, name, path, flags)

    def xDelete(self, path: str, sync: bool) -> None:
        """Remove a file."""
        super().xDelete(path, False)
        recording = recorded(path)
        if recording is not None and (name := recording.recorder.name(path)):
            recording.recorder.record(Delete(name))
            if sync:
                recording.recorder.record(SyncNames.around(name))


@final
class RecordedFile(apsw.VFSFile):
    """A file of which everything is taken down that is done to it."""

    def __init__(
        self,
        recording: Recording,
        name: str | apsw.URIFilename | None,
        path: str,
        flags: list[int],
    ) -> None:
        self._recording = recording
        self._recorder = recording.recorder
        self._name = recording.recorder.name(path) or path
        # As SQLite does on Unix: who makes a journal syncs its directory with it.
        self._syncs_names = bool(
            flags[0] & _JOURNALS and flags[0] & apsw.SQLITE_OPEN_CREATE
        )
        existed = os.path.exists(path)
        super().__init__("", name, flags)
        if existed:
            # Not by opening it once more: closing that would drop SQLite's locks.
            size = super().xFileSize()
            self._recorder.found(self._name, super().xRead(size, 0) if size else b"")
        else:
            self._recorder.record(Create(self._name))

    def xRead(self, amount: int, offset: int) -> bytes:
        """Read, as long as it is there."""
        self._recording.require_connected()
        return super().xRead(amount, offset)

    def xLock(self, level: int) -> None:
        """Lock, as long as it is there."""
        self._recording.require_connected()
        super().xLock(level)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write; durable once it is synced."""
        self._recording.require_connected()
        super().xWrite(data, offset)
        self._recorder.record(Write(self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        """Cut or grow; durable once it is synced."""
        self._recording.require_connected()
        super().xTruncate(size)
        self._recorder.record(Truncate(self._name, size))

    def xSync(self, flags: int) -> None:
        """Take down that it is durable."""
        self._recording.require_connected()
        self._recorder.record(Sync(self._name))
        if self._syncs_names:
            self._syncs_names = False
            self._recorder.record(SyncNames.around(self._name))

    def xDeviceCharacteristics(self) -> int:
        """Promise what every disk keeps, whatever this one here could do."""
        return super().xDeviceCharacteristics() & apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE


VFS: Final = RecordingVFS()
"""Registered once, for a connection must not outlive it."""
