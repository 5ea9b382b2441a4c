"""That a store fits asyncio: cancellation, and event loops that come and go."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path

from cano_core.checkpoints.store import CheckpointStore
from cano_core.errors import RunConflictError

from .base import StoreChecks, close
from .calls import holds
from .lines import Line, broken, checking
from .rows import RUN, compare, row, rows


class LoopChecks(StoreChecks):
    """Cancelled appends, and one object in several event loops in turn."""

    def test_a_cancelled_append_has_settled(self, tmp_path: Path) -> None:
        """Appends are cancelled, ever later, until they have returned before that.

        When the CancelledError arrives, its rows are all there or not there at all,
        nothing of it comes later, and the log goes on.
        """
        ids = [f"order-{number}" for number in range(5)]

        async def check(store: CheckpointStore) -> None:
            for attempt in count():
                turns = int(1.5 ** (attempt // 2)) - 1
                when = f"an append was cancelled after {turns} turns of the loop"
                lengths = [len(await store.load_run(one)) for one in ids]
                appends = [
                    asyncio.ensure_future(store.append(one, *rows(start, start + 3)))
                    for one, start in zip(ids, lengths, strict=True)
                ]
                for _ in range(turns):
                    await asyncio.sleep(0)
                in_time = [append.cancel() for append in appends]
                for _ in range(attempt % 3):
                    await asyncio.sleep(0)
                    for append in appends:
                        append.cancel()  # once more, while it settles
                await asyncio.wait(appends)
                for one, start, append in zip(ids, lengths, appends, strict=True):
                    await settled(store, one, start, append, when)
                if not any(in_time):
                    break
            if self.shared:
                async with self._opened(tmp_path) as other:
                    for one in ids:
                        log = await store.load_run(one)
                        await holds(
                            other, one, log, Line.CANCELLED, "in a second object"
                        )

        async def settled(
            store: CheckpointStore,
            workflow_id: str,
            start: int,
            append: asyncio.Future[None],
            when: str,
        ) -> None:
            if not append.cancelled():
                append.result()
            log = await store.load_run(workflow_id)
            written = len(log) > start or not append.cancelled()
            end = start + 3 if written else start
            compare(log, rows(0, end), Line.ATOMIC, when)
            try:
                await store.append(workflow_id, row(end))
            except RunConflictError as error:
                raise broken(
                    Line.CANCELLED,
                    f"{when}; then the log had {end} rows, yet row {end} was refused: "
                    "the cancelled append was still on its way",
                ) from error
            log = await store.load_run(workflow_id)
            compare(log, rows(0, end + 1), Line.CANCELLED, f"{when}; with one row more")

        self._check(Line.CANCELLED, tmp_path, check)

    def test_one_object_serves_several_event_loops(self, tmp_path: Path) -> None:
        """One loop ends, the next one goes on with the same object."""
        with checking(Line.LOOPS):
            store = self._run(self._made(tmp_path))
            for turn in range(3):
                log = rows(0, turn + 1)
                self._run(use(store, turn))
                self._run(
                    holds(store, RUN, log, Line.LOOPS, f"in event loop {2 * turn + 1}")
                )
            self._run(close(store))


async def use(store: CheckpointStore, turn: int) -> None:
    """Give the store several things to do at once, so that it needs its locks."""
    await asyncio.gather(
        store.append(RUN, row(turn)),
        *(store.append(f"{RUN}/{turn}/{number}", row(0)) for number in range(5)),
    )
