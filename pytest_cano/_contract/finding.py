"""The optional capability to look over all runs: `list_runs` and `prune`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import cast

from cano_core.checkpoints.store import CheckpointStore, ListsRuns, remembers_outcomes
from cano_core.errors import ConfigurationError

from .base import StoreChecks
from .calls import finish, holds, write
from .lines import Line, broken
from .odd import IDS
from .rows import RUN, row, rows

HOUR = timedelta(hours=1)


class ListChecks(StoreChecks):
    """`list_runs` and `prune`; each skipped for a store that does not have it."""

    def test_list_runs_gives_every_run_sorted(self, tmp_path: Path) -> None:
        """Unfinished and finished runs are listed, cleared and read ones are not."""

        async def check(store: CheckpointStore) -> None:
            self._need(store, "list_runs")
            lister = cast(ListsRuns, store)
            await _listed(lister, [], "in an empty store")
            await store.load_run("read only")
            await write(store, "nothing appended", [], Line.EMPTY)
            for workflow_id in reversed(IDS):
                await write(store, workflow_id, [row(0)], Line.OWN_RUN)
            await write(store, "cleared", [row(0)])
            await store.clear("cleared")
            await _listed(lister, [*IDS], "with rows only")
            if remembers_outcomes(store):
                for workflow_id in IDS[::3]:
                    await finish(lister, workflow_id, [row(1)])
                await _listed(lister, [*IDS], "with rows or outcomes")
                for workflow_id in IDS[::6]:
                    await store.clear(workflow_id)
                await _listed(lister, [*set(IDS) - set(IDS[::6])], "after clear")

        self._check(Line.LISTS, tmp_path, check)

    def test_prune_forgets_only_older_outcomes(self, tmp_path: Path) -> None:
        """Outcomes before the moment go, later ones stay; the moment may be anywhere.

        A pruned id is free again.
        """

        async def check(store: CheckpointStore) -> None:
            self._need(store, "prune", "finish", "outcome")
            lister = cast(ListsRuns, store)
            await finish(lister, "older", [row(0)])
            moment = await _a_moment_later()
            await _a_moment_later()
            await finish(lister, "newer", [row(0)])
            # The same moment on another clock on the wall.
            moment = moment.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
            for older_than, gone in (
                (moment - HOUR, []),
                (moment, ["older"]),
                (moment, []),
                (moment + HOUR, ["newer"]),
            ):
                count = await lister.prune(older_than)
                when = f"prune of what ended before {older_than.isoformat()}"
                if count != len(gone):
                    raise broken(Line.PRUNES, f"{when} gave {count!r}, not {len(gone)}")
                for workflow_id in gone:
                    if await lister.outcome(workflow_id) is not None:
                        raise broken(Line.PRUNES, f"{when} left {workflow_id!r}")
                    await write(store, workflow_id, [row(0)], Line.PRUNES)
                if "newer" not in gone and await lister.outcome("newer") is None:
                    raise broken(Line.PRUNES, f"{when} took a later outcome")

        self._check(Line.PRUNES, tmp_path, check)

    def test_prune_touches_no_log(self, tmp_path: Path) -> None:
        """A run without an outcome stays, however old it is."""

        async def check(store: CheckpointStore) -> None:
            self._need(store, "prune")
            lister = cast(ListsRuns, store)
            await write(store, RUN, rows(0, 2))
            await lister.prune(datetime.now(UTC) + 24 * HOUR)
            await holds(store, RUN, rows(0, 2), Line.PRUNES_NO_LOG, "after prune")
            await write(store, RUN, [row(2)], Line.PRUNES_NO_LOG)

        self._check(Line.PRUNES_NO_LOG, tmp_path, check)

    def test_prune_refuses_a_naive_datetime(self, tmp_path: Path) -> None:
        """Without a time zone nobody knows which moment is meant; nothing is lost."""

        async def check(store: CheckpointStore) -> None:
            self._need(store, "prune")
            lister = cast(ListsRuns, store)
            naive = datetime.now(UTC).replace(tzinfo=None) + 24 * HOUR
            try:
                await lister.prune(naive)
            except ConfigurationError:
                return
            except Exception as error:
                raise broken(
                    Line.PRUNE_AWARE,
                    f"prune({naive!r}) raised {error!r}, not ConfigurationError",
                ) from error
            raise broken(Line.PRUNE_AWARE, f"prune({naive!r}) was accepted")

        self._check(Line.PRUNE_AWARE, tmp_path, check)


async def _listed(store: ListsRuns, ids: list[str], when: str) -> None:
    __tracebackhide__ = True
    found = list(await store.list_runs())
    if found == sorted(ids):
        return
    if sorted(found) == sorted(ids):
        first = next(n for n, one in enumerate(sorted(ids)) if one != found[n])
        raise broken(
            Line.LISTS,
            f"{when}, {found[first]!r} came where {sorted(ids)[first]!r} belongs "
            "(the order is that of Python's sorted)",
        )
    missing = sorted(set(ids) - set(found))
    extra = sorted(set(found) - set(ids))
    double = sorted({one for one in found if found.count(one) > 1})
    raise broken(
        Line.LISTS, f"{when}: missing {missing}, extra {extra}, double {double}"
    )


async def _a_moment_later() -> datetime:
    """Wait until the clock has moved on, as far as a coarse store can tell."""
    start = datetime.now(UTC)
    while True:
        now = datetime.now(UTC)
        if now - start >= timedelta(milliseconds=5):
            return now
        await asyncio.sleep(0)
