"""Looking at a SQLite database, without changing anything of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, final

from .reading import Look, Reading, matches
from .tables import Table

if TYPE_CHECKING:
    from cano_core.checkpoints.sqlite_readonly import ReadOnlyDatabase

_MAGIC: Final = b"SQLite format 3\0"


def is_sqlite(path: str | os.PathLike[str]) -> bool:
    """Say whether a path leads to a SQLite database."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@final
class SQLiteProbe:
    """Looks at the schema and the rows of a SQLite database, in no order.

    Args:
        path: the file; if there is none, that is what is seen.
        ignore: patterns of tables, or of columns as ``table.column``, that are left
            out: ``audit``, ``*.created_at``.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, ignore: Sequence[str] = ()
    ) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self._ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)

    def read(self, look: Look) -> Reading:
        """Say what is in it."""
        if not os.path.isfile(self._path) or not os.path.getsize(self._path):
            return Reading.of([("the database", "empty, or not there")])
        from cano_core.checkpoints.sqlite_readonly import ReadOnlyDatabase

        with ReadOnlyDatabase(self._path) as database:
            return Reading.of([*self._entries(database, look)])

    def _entries(
        self, database: ReadOnlyDatabase, look: Look
    ) -> Iterator[tuple[str, str]]:
        schema = database.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql NOT NULL "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
        ).fetchall()
        for kind, name, table, sql in schema:
            if not matches(table, self._ignore):
                yield f"{kind} {name}", " ".join(sql.split())
        for kind, name, table, sql in schema:
            is_virtual = sql.upper().startswith("CREATE VIRTUAL")
            if kind == "table" and not is_virtual and not matches(table, self._ignore):
                rows = _table(database, name)
                yield from rows.entries(look.describer, self._ignore)


def _table(database: ReadOnlyDatabase, name: str) -> Table:
    quoted = name.replace('"', '""')
    about = database.execute(f'PRAGMA table_info("{quoted}")').fetchall()
    key = [column for _, column, _, _, _, place in about if place]
    rows = database.execute(f'SELECT * FROM "{quoted}"')
    columns = [column for column, *_ in rows.description]
    return Table(name, columns, key, rows)
