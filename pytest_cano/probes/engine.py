"""Looking at whatever database SQLAlchemy can reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, final

from .reading import Look, Reading, matches
from .tables import Table

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


@final
class SQLAlchemyProbe:
    """Looks at the tables of a database, as SQLAlchemy reflects them.

    Args:
        engine: an engine, or the URL of a database.
        ignore: patterns of tables, or of columns as ``table.column``, that are left
            out: ``alembic_version``, ``*.created_at``.
        schema: the schema whose tables are looked at; the default one otherwise.
    """

    def __init__(
        self,
        engine: Engine | str,
        *,
        ignore: Sequence[str] = (),
        schema: str | None = None,
    ) -> None:
        if _is("AsyncEngine", engine):
            raise TypeError(
                f"{engine!r} is async, and can't be read where a life has ended; give "
                "a sync engine on the same database, or its URL"
            )
        self._engine = engine
        self._ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        self._schema = schema

    @classmethod
    def of(cls, looked_at: Any) -> Self | None:
        """Return the probe of an engine."""
        if _is("Engine", looked_at) or _is("AsyncEngine", looked_at):
            return cls(looked_at)
        return None

    def read(self, look: Look) -> Reading:
        """Say what is in its tables."""
        try:
            from sqlalchemy import create_engine
            from sqlalchemy.pool import NullPool
        except ImportError as error:
            raise ImportError(
                "SQLAlchemyProbe needs SQLAlchemy, which the extra 'sqlalchemy' "
                "installs: pip install 'pytest-cano[sqlalchemy]'"
            ) from error
        engine = self._engine
        if isinstance(engine, str):
            engine = create_engine(engine, poolclass=NullPool)
        with engine.connect() as connection:
            return Reading.of([*self._entries(connection, look)])

    def _entries(self, connection: Connection, look: Look) -> Iterator[tuple[str, str]]:
        from sqlalchemy import MetaData, select

        known = MetaData()
        known.reflect(connection, schema=self._schema)
        tables = [
            table
            for _, table in sorted(known.tables.items())
            if not matches(table.name, self._ignore)
        ]
        for table in tables:
            columns = ", ".join(f"{each.name} {each.type}" for each in table.columns)
            yield f"table {table.name}", columns
        for table in tables:
            rows = Table(
                table.name,
                [column.name for column in table.columns],
                [column.name for column in table.primary_key],
                connection.execute(select(table)),
            )
            yield from rows.entries(look.describer, self._ignore)


def _is(name: str, value: object) -> bool:
    """Say of which of SQLAlchemy's classes a value is, without importing it."""
    return any(
        cls.__name__ == name and cls.__module__.partition(".")[0] == "sqlalchemy"
        for cls in type(value).__mro__
    )
