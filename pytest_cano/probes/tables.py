"""Tables as entries, however a database is reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from ..description import Describer
from .reading import digest_of, matches

MOST_ROWS: Final = 1000
"""Rows of a table that are entries of their own; of others there is a digest."""


@final
@dataclass(frozen=True, slots=True)
class Table:
    """One table, as it is.

    Attributes:
        name: its name.
        columns: names of its columns.
        key: names of those that are its primary key; empty if it has none.
        rows: its rows, in any order.
    """

    name: str
    columns: Sequence[str]
    key: Sequence[str]
    rows: Iterable[Sequence[Any]]

    def entries(
        self, describer: Describer, ignore: Sequence[str]
    ) -> Iterator[tuple[str, str]]:
        """Give each row by its key; equal rows without one are counted.

        Args:
            describer: writes values as texts.
            ignore: patterns of columns, as ``table.column``, that are left out.
        """
        shown = [
            (number, column)
            for number, column in enumerate(self.columns)
            if not matches(f"{self.name}.{column}", ignore)
        ]
        keyed = bool(self.key) and {*self.key} <= {column for _, column in shown}
        key = [each for each in shown if each[1] in self.key] if keyed else shown
        rest = [each for each in shown if each not in key]
        found = Counter(
            (_told(row, key, describer), _told(row, rest, describer))
            for row in self.rows
        )
        entries = []
        for (name, value), count in sorted(found.items()):
            entry = f"{self.name} ({name})"
            if keyed:
                # Keys that are NULL, or normalised, may be one text for several rows.
                entries += [(entry, value or "there")] * count
            else:
                entries.append((entry, _times(count)))
        yield from entries[:MOST_ROWS]
        if others := entries[MOST_ROWS:]:
            yield (
                f"{self.name}, {len(others)} more rows",
                digest_of(repr(others).encode()),
            )


def _told(
    row: Sequence[Any], columns: Sequence[tuple[int, str]], describer: Describer
) -> str:
    return ", ".join(
        f"{column}={describer.value(row[number])}" for number, column in columns
    )


def _times(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
