"""That runs are strangers to each other, and that `clear` forgets exactly one."""

from __future__ import annotations

from pathlib import Path

from cano_core.checkpoints.store import CheckpointStore

from .base import StoreChecks
from .calls import holds, refuses, write
from .lines import Line
from .odd import IDS
from .rows import RUN, compare, row, rows


class RunChecks(StoreChecks):
    """Isolation between runs, and `clear`."""

    def test_every_id_names_a_run_of_its_own(self, tmp_path: Path) -> None:
        """Ids that differ in case, spaces, accents, patterns or length are different.

        So are the ones that look like SQL, a path or a number.
        """

        async def check(store: CheckpointStore) -> None:
            for workflow_id in IDS:
                found = await store.load_run(workflow_id)
                compare(found, [], Line.OWN_RUN, f"{workflow_id!r} is new, yet for it")
                log = [row(0, f"task of {workflow_id}")]
                await write(store, workflow_id, log, Line.OWN_RUN)
            for workflow_id in IDS:
                found = await store.load_run(workflow_id)
                compare(
                    found,
                    [row(0, f"task of {workflow_id}")],
                    Line.OWN_RUN,
                    f"among the runs {workflow_id!r}",
                    foreign=Line.OWN_RUN,
                )

        self._check(Line.OWN_RUN, tmp_path, check)

    def test_clear_touches_no_other_run(self, tmp_path: Path) -> None:
        """However alike their ids are, the other runs keep their rows."""
        cleared, kept = IDS[::2], IDS[1::2]

        async def check(store: CheckpointStore) -> None:
            for workflow_id in IDS:
                log = [row(0, f"task of {workflow_id}")]
                await write(store, workflow_id, log, Line.OWN_RUN)
            for workflow_id in cleared:
                await store.clear(workflow_id)
                await holds(
                    store,
                    workflow_id,
                    [],
                    Line.CLEARS,
                    f"after clear of {workflow_id!r}",
                )
            for workflow_id in kept:
                found = await store.load_run(workflow_id)
                log = [row(0, f"task of {workflow_id}")]
                when = f"other runs were cleared, and of {workflow_id!r}"
                compare(found, log, Line.CLEARS_ONLY, when)

        self._check(Line.CLEARS_ONLY, tmp_path, check)

    def test_clear_frees_the_id(self, tmp_path: Path) -> None:
        """After `clear` the log is empty, and begins at 0 again.

        Who still believes in the old log gets a conflict.
        """

        async def check(store: CheckpointStore) -> None:
            for _ in range(2):
                await write(store, RUN, rows(0, 3), Line.CLEARS)
                await store.clear(RUN)
                await holds(store, RUN, [], Line.CLEARS, "after clear")
                await refuses(store, RUN, [row(3)], Line.STARTS_AT_ZERO)
            await write(store, RUN, [row(0, "afresh")], Line.CLEARS)
            await holds(
                store, RUN, [row(0, "afresh")], Line.CLEARS, "begun again after clear"
            )

        self._check(Line.CLEARS, tmp_path, check)

    def test_clear_of_an_unknown_id_is_fine(self, tmp_path: Path) -> None:
        """Clearing nothing, or twice, is no error and makes no run."""

        async def check(store: CheckpointStore) -> None:
            await write(store, "order-2", [row(0)])
            await store.clear(RUN)
            await store.clear(RUN)
            await holds(store, RUN, [], Line.CLEARS_UNKNOWN, "after clear")
            await holds(
                store, "order-2", [row(0)], Line.CLEARS_ONLY, "after another's clear"
            )

        self._check(Line.CLEARS_UNKNOWN, tmp_path, check)
