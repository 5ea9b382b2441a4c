"""Which checkpoint files this process has open.

A process that closes a file loses all locks that it has on it, whoever took them: so
nobody but SQLite, which knows that, may open and close a file that is in use here.
Otherwise another process would believe that it has the file for itself, and remove
the WAL that is still being written.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

_lock: Final = threading.Lock()
_opened: Final[Counter[str]] = Counter()


def enter(path: str, look: Callable[[], None]) -> str:
    """Take note that a file is about to be opened.

    Args:
        path: the file, which need not exist.
        look: looks at the file itself, and raises if it is not to be opened; called
            only if it is not open yet.

    Returns:
        What `leave` takes.
    """
    place = os.path.realpath(path)
    with _lock:
        if not _opened[place]:
            look()
        _opened[place] += 1
    return place


def leave(place: str) -> None:
    """Take note that it was closed."""
    with _lock:
        _opened[place] -= 1
        if not _opened[place]:
            del _opened[place]
