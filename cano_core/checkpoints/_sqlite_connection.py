"""How a checkpoint file is connected to, and what is needed of a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from ..extension import manager


class Cursor(Protocol):
    """What a statement gives: rows, or how many it has changed."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What is used of a `sqlite3.Connection` in autocommit mode.

    Whatever goes wrong is raised as an exception of `sqlite3`, with its error code.
    """

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is under way."""

    def execute(self, statement: str, values: Any = ..., /) -> Cursor:
        """Do one statement."""

    def executemany(self, statement: str, values: Iterable[Any], /) -> object:
        """Do one statement with one set of values after another."""

    def close(self) -> None:
        """Close it."""


def connect(path: str) -> Connection:
    """Connect to a file, the way that an outside package wants if there is one."""
    connection: Connection | None = manager.hook.cano_connect(path=path)
    if connection is not None:
        return connection
    return sqlite3.connect(
        path, timeout=0, isolation_level=None, check_same_thread=False
    )
