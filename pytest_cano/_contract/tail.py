"""The optional capability to read only what a resumed run needs: `load_tail`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from cano_core.checkpoints.row import CheckpointRow, RowKind
from cano_core.checkpoints.store import CheckpointStore

from ..log_reader import without_superfluous
from .base import StoreChecks
from .calls import write
from .lines import Line
from .rows import DONE, RUN, compare, row

TailCheck: TypeAlias = Callable[[Any], Awaitable[None]]

_KINDS = (
    *(RowKind.STATE_ENTRY, RowKind.STEP_CURSOR, RowKind.STEP_CURSOR),
    *(RowKind.MEMO, RowKind.STEP_CURSOR, RowKind.BRANCH, RowKind.RESUME),
)


class TailChecks(StoreChecks):
    """What `load_tail` may leave out; skipped for a store that has none."""

    def test_a_tail_is_a_log_without_replaced_cursors(self, tmp_path: Path) -> None:
        """Cursors of several tasks, among rows of other kinds, from many appends.

        Of each task the last cursor is there, and every row that is no cursor.
        """

        async def check(store: Any) -> None:
            log: list[CheckpointRow] = []
            await _gives(store, RUN, log, "in an empty store")
            await write(store, "order-2", _rows(0, 9))
            for stop in (1, 2, 3, 9, 10, 24, 25, 60):
                batch = _rows(len(log), stop)
                await write(store, RUN, batch)
                log += batch
                await _gives(store, RUN, log, f"after {stop} rows")
            await _gives(store, "order-2", _rows(0, 9), "beside another run")
            await store.clear(RUN)
            await _gives(store, RUN, [], "after clear")

        self._check_tail(tmp_path, check)

    def test_a_tail_of_a_finished_run_is_empty(self, tmp_path: Path) -> None:
        """`finish` has replaced the log."""

        async def check(store: Any) -> None:
            self._need(store, "finish", "outcome")
            await write(store, RUN, _rows(0, 9))
            await store.finish(RUN, [row(9)], DONE)
            await _gives(store, RUN, [], "after finish")

        self._check_tail(tmp_path, check)

    def _check_tail(self, directory: Path, check: TailCheck) -> None:
        __tracebackhide__ = True

        async def with_tail(store: CheckpointStore) -> None:
            self._need(store, "load_tail")
            await check(store)

        self._check(Line.TAIL, directory, with_tail)


def _rows(start: int, stop: int) -> list[CheckpointRow]:
    """Return rows of all kinds; every third cursor is of another task."""
    return [
        CheckpointRow(
            sequence,
            "Pack",
            "pack[1]" if sequence % 3 == 0 else "pack",
            _KINDS[sequence % len(_KINDS)],
            f"payload {sequence}".encode(),
            1,
        )
        for sequence in range(start, stop)
    ]


async def _gives(
    store: Any, workflow_id: str, log: Sequence[CheckpointRow], when: str
) -> None:
    __tracebackhide__ = True
    found = await store.load_tail(workflow_id)
    expected = without_superfluous(log, kept=found)
    compare(found, expected, Line.TAIL, when, foreign=Line.TAIL, call="load_tail")
