"""Takes down what is done to a directory's files, until the power fails."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, final

from .disk import Disk, Files
from .operations import Operation


@final
class Recorder:
    """The disk below the stores of one directory, as they use it.

    At the power loss it is frozen: what is done afterwards, by a teardown or by a
    thread that was left over, is in no image. It can be pickled, for a process that
    goes on where another one was killed.

    Args:
        directory: what the files are named relative to.

    Attributes:
        directory: see above, as an absolute path.
        disk: what is durable and what is pending; as it was at the power loss, once
            that has come.
        frozen: whether the power has failed.
        outages: how often it has come back, with other files in place of the old ones.
        on_operation: called after every operation that is taken down.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = os.path.realpath(directory)
        self.disk = Disk()
        self.frozen = False
        self.outages = 0
        self.on_operation: Callable[[Operation], object] | None = None
        self._lock = threading.Lock()

    def record(self, *operations: Operation) -> None:
        """Take down what was done just now."""
        for operation in operations:
            with self._lock:
                if self.frozen:
                    return
                self.disk.apply(operation)
            if self.on_operation is not None:
                self.on_operation(operation)

    def found(self, name: str, content: bytes) -> None:
        """Take note of a file that is opened; others may have written to it."""
        with self._lock:
            if not self.frozen and self.disk.files.get(name) != content:
                self.disk.adopt(name, content)

    def freeze(self) -> None:
        """The power fails."""
        with self._lock:
            self.frozen = True

    def restart(self, files: Files) -> None:
        """The power is back, and this is what the disk has kept."""
        with self._lock:
            self.disk = Disk(files)
            self.outages += 1
            self.frozen = False

    def name(self, path: str) -> str | None:
        """Return the name of a file in the directory, or None for one elsewhere."""
        directory, base = os.path.split(path)
        inside = os.path.relpath(os.path.realpath(directory), self.directory)
        if inside == os.pardir or inside.startswith(os.pardir + os.sep):
            return None
        name = base if inside == os.curdir else os.path.join(inside, base)
        return name.replace(os.sep, "/")

    def __getstate__(self) -> dict[str, Any]:
        kept = self.__dict__.copy()
        return kept | {"_lock": None, "on_operation": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
