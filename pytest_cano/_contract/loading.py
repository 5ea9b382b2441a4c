"""That `load_run` gives back what was written: all of it, in order, unchanged."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cano_core.checkpoints.row import CheckpointRow
from cano_core.checkpoints.store import CheckpointStore

from .base import StoreChecks, close
from .calls import holds, write
from .lines import Line, checking
from .odd import example_settings, generated_logs, listed_log
from .rows import RUN, row, rows


class LoadChecks(StoreChecks):
    """What comes back, whatever the rows hold."""

    def test_an_unknown_id_has_no_rows(self, tmp_path: Path) -> None:
        """Loading what was never written gives nothing, beside other runs too."""

        async def check(store: CheckpointStore) -> None:
            await holds(store, RUN, [], Line.UNKNOWN, "in an empty store")
            await write(store, RUN, [row(0)])
            await holds(store, "nobody", [], Line.UNKNOWN, "beside another run")

        self._check(Line.UNKNOWN, tmp_path, check)

    def test_a_long_log_comes_back_in_order(self, tmp_path: Path) -> None:
        """A thousand rows, from one append and from many, come back ascending."""

        async def check(store: CheckpointStore) -> None:
            await write(store, RUN, rows(0, 1000))
            for sequence in range(1000, 1012):
                await write(store, RUN, [row(sequence)])
            await holds(store, RUN, rows(0, 1012), Line.LOAD, "after 13 appends")

        self._check(Line.LOAD, tmp_path, check)

    def test_no_payload_is_not_an_empty_payload(self, tmp_path: Path) -> None:
        """None comes back as None, and empty bytes as empty bytes."""
        log = [row(0, payload=None), row(1, payload=b""), row(2, payload=None)]

        async def check(store: CheckpointStore) -> None:
            await write(store, RUN, log)
            await holds(store, RUN, log, Line.LOAD, "after one append")

        self._check(Line.NO_PAYLOAD, tmp_path, check)

    def test_odd_rows_come_back_as_written(self, tmp_path: Path) -> None:
        """Every kind, control characters, all byte values, 5 MiB, other scripts."""
        log = listed_log()

        async def check(store: CheckpointStore) -> None:
            for one in log:
                await write(store, "one by one", [one])
            await write(store, "at once", log)
            for workflow_id in ("one by one", "at once"):
                await holds(
                    store, workflow_id, log, Line.LOAD, f"appended {workflow_id}"
                )

        self._check(Line.ROW, tmp_path, check)

    def test_generated_rows_come_back_as_written(self, tmp_path: Path) -> None:
        """Whatever rows Hypothesis makes up come back field by field."""
        from hypothesis import given

        with checking(Line.ROW), asyncio.Runner() as runner:
            store = runner.run(self._made(tmp_path))
            number = 0

            @example_settings(40)
            @given(log=generated_logs())
            def check(log: list[CheckpointRow]) -> None:
                nonlocal number
                number += 1
                runner.run(written(f"run {number}", log))

            async def written(workflow_id: str, log: list[CheckpointRow]) -> None:
                await write(store, workflow_id, log)
                await holds(store, workflow_id, log, Line.LOAD, "after one append")

            try:
                check()
            finally:
                runner.run(close(store))
