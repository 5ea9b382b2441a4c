"""Which files are a SQLite database: its own, and what SQLite keeps beside it."""

from __future__ import annotations

from typing import Final

BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite adds to the name of a file, for those that it keeps beside it."""


def files_of(path: str) -> tuple[str, ...]:
    """Return the path of a database, and those of all that may be beside it."""
    return (path, *(path + end for end in BESIDE))
