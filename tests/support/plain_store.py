"""A correct store in pieces that are easily broken, and the register of broken ones."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from cano_core import CheckpointRow, ConfigurationError, Outcome, RunConflictError
from pytest_cano._contract.lines import Line

Store = TypeVar("Store")


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken store, and what the contract has to say of it."""

    store: Callable[[], Any]
    lines: frozenset[Line]
    needs: tuple[str, ...]


BROKEN: dict[str, Broken] = {}


def breaks(*lines: Line, needs: Sequence[str] = ()) -> Callable[[Store], Store]:
    """Register a store with the lines it breaks.

    `needs` are slow tests that are to be run, which others can do without.
    """

    def register(store: Any) -> Any:
        BROKEN[store.__name__] = Broken(store, frozenset(lines), tuple(needs))
        return store

    return register


class PlainStore:
    """A correct store in memory, in pieces that are easily broken."""

    def __init__(self) -> None:
        self.logs: dict[str, list[CheckpointRow]] = {}
        self.ends: dict[str, tuple[Outcome, datetime]] = {}

    def key(self, workflow_id: str) -> str:
        return workflow_id

    def stored(self, row: CheckpointRow) -> CheckpointRow:
        return row

    def legal(self, length: int, rows: Sequence[CheckpointRow]) -> bool:
        wanted = range(length, length + len(rows))
        return [row.sequence for row in rows] == list(wanted)

    def legal_end(self, key: str, rows: Sequence[CheckpointRow]) -> bool:
        log = self.logs.get(key, [])
        return PlainStore.legal(self, len(log), rows) and bool(rows or log)

    def takes_rows(self, key: str) -> bool:
        return key not in self.ends

    def write(self, key: str, rows: Sequence[CheckpointRow]) -> None:
        self.logs.setdefault(key, []).extend(map(self.stored, rows))

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        await asyncio.sleep(0)
        key = self.key(workflow_id)
        if rows:
            length = len(self.logs.get(key, []))
            if not (self.takes_rows(key) and self.legal(length, rows)):
                raise RunConflictError(workflow_id, rows[0].sequence)
            self.write(key, rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        await asyncio.sleep(0)
        return list(self.logs.get(self.key(workflow_id), ()))

    async def clear(self, workflow_id: str) -> None:
        await asyncio.sleep(0)
        self.logs.pop(self.key(workflow_id), None)
        self.ends.pop(self.key(workflow_id), None)

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        await asyncio.sleep(0)
        key = self.key(workflow_id)
        if key in self.ends or not self.legal_end(key, rows):
            raise RunConflictError(workflow_id, len(self.logs.get(key, [])))
        await self.end(key, outcome)

    async def end(self, key: str, outcome: Outcome) -> None:
        self.logs.pop(key, None)
        self.ends[key] = outcome, datetime.now(UTC)

    async def outcome(self, workflow_id: str) -> Outcome | None:
        await asyncio.sleep(0)
        return self.ends.get(self.key(workflow_id), (None,))[0]

    async def list_runs(self) -> Sequence[str]:
        return sorted({*self.logs, *self.ends})

    async def prune(self, older_than: datetime) -> int:
        if older_than.tzinfo is None:
            raise ConfigurationError("naive")
        old = [key for key, (_, ended) in self.ends.items() if ended < older_than]
        for key in old:
            del self.ends[key]
        return len(old)
