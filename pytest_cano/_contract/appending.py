"""What `append` takes, what it refuses, and that it is all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cano_core.checkpoints.row import CheckpointRow
from cano_core.checkpoints.store import CheckpointStore

from .base import StoreChecks
from .calls import holds, refuses, write
from .lines import Line, broken
from .rows import RUN, listing, row, rows


class AppendChecks(StoreChecks):
    """The rule of `append`, for one caller at a time."""

    def test_append_takes_rows_that_continue_the_log(self, tmp_path: Path) -> None:
        """Rows are taken one by one and in batches, each at the end of the log."""

        async def check(store: CheckpointStore) -> None:
            for start, stop in ((0, 1), (1, 2), (2, 5), (5, 6)):
                await write(store, RUN, rows(start, stop))
                await holds(
                    store, RUN, rows(0, stop), Line.APPEND, f"after {stop} rows"
                )

        self._check(Line.APPEND, tmp_path, check)

    def test_a_log_starts_at_sequence_0(self, tmp_path: Path) -> None:
        """Nothing but row 0 begins a log."""
        self._refused(tmp_path, Line.STARTS_AT_ZERO, [], [row(1)], rows(1, 3))

    def test_append_refuses_a_gap(self, tmp_path: Path) -> None:
        """A row that would leave a hole behind the log is refused."""
        self._refused(tmp_path, Line.GAP, rows(0, 2), [row(3)], rows(7, 9))

    def test_append_refuses_a_taken_sequence(self, tmp_path: Path) -> None:
        """A row in the place of an old one is refused, equal to it or not."""
        self._refused(
            tmp_path,
            Line.TAKEN,
            rows(0, 3),
            [row(2)],
            [row(2, "other")],
            [row(0, "other")],
            rows(1, 5, "other"),
        )

    def test_the_rows_of_one_append_follow_each_other(self, tmp_path: Path) -> None:
        """A batch that begins well but has a hole, a double or a step back is refused.

        Its good rows are not written either.
        """
        self._refused(
            tmp_path,
            Line.FOLLOWS,
            rows(0, 2),
            [row(2), row(4)],
            [row(2), row(3), row(3)],
            [row(2), row(1)],
            [row(2), row(3), row(4), row(6)],
        )

    def test_append_without_rows_changes_nothing(self, tmp_path: Path) -> None:
        """An empty append is no conflict, writes nothing and makes no run."""

        async def check(store: CheckpointStore) -> None:
            await write(store, RUN, [], Line.EMPTY)
            await holds(store, RUN, [], Line.EMPTY, "after an empty append")
            await write(store, RUN, rows(0, 2))
            await write(store, RUN, [], Line.EMPTY)
            await holds(store, RUN, rows(0, 2), Line.EMPTY, "after an empty append")

        self._check(Line.EMPTY, tmp_path, check)

    def test_a_reader_never_sees_a_part_of_an_append(self, tmp_path: Path) -> None:
        """While batches are written, every load gives whole batches."""
        batch, batches = 20, 10

        async def check(store: CheckpointStore) -> None:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(fill(store))
                tasks.create_task(read(store, writing))
                if self.shared:
                    async with self._opened(tmp_path) as other:
                        await read(other, writing)

        async def fill(store: CheckpointStore) -> None:
            for start in range(0, batch * batches, batch):
                await write(store, RUN, rows(start, start + batch))

        async def read(store: CheckpointStore, writing: asyncio.Task[None]) -> None:
            while not writing.done():
                found = await store.load_run(RUN)
                if len(found) % batch:
                    raise broken(
                        Line.ATOMIC,
                        f"while batches of {batch} rows were appended, "
                        f"a reader saw {listing(found)}",
                    )
                await asyncio.sleep(0)

        self._check(Line.ATOMIC, tmp_path, check)

    def _refused(
        self,
        directory: Path,
        line: Line,
        log: Sequence[CheckpointRow],
        *batches: Sequence[CheckpointRow],
    ) -> None:
        __tracebackhide__ = True

        async def check(store: CheckpointStore) -> None:
            if log:
                await write(store, RUN, log)
            for batch in batches:
                await refuses(store, RUN, batch, line)
            await write(store, RUN, [row(len(log), "next")])
            await holds(
                store,
                RUN,
                [*log, row(len(log), "next")],
                Line.APPEND,
                "after refused appends and a good one",
            )

        self._check(line, directory, check)
