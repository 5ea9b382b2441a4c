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
from .rows import RUN, compare, listing, row, rows


class LoopChecks(StoreChecks):
    """Cancelled appends, and one object in several event loops in turn."""

    def test_a_cancelled_append_has_settled(self, tmp_path: Path) -> None:
        """An append is cancelled, ever later, until it has returned before that.

        When the CancelledError arrives, its rows are all there or not there at all,
        nothing of it comes later, and the log goes on.
        """

        async def check(store: CheckpointStore) -> None:
            for attempt in count():
                turns = int(1.5**attempt) - 1
                before = await store.load_run(RUN)
                batch = rows(len(before), len(before) + 3, f"cancelled {turns}")
                append = asyncio.ensure_future(store.append(RUN, *batch))
                for _ in range(turns):
                    await asyncio.sleep(0)
                in_time = append.cancel()
                await asyncio.wait([append])
                if not append.cancelled():
                    append.result()
                after = await store.load_run(RUN)
                when = f"an append was cancelled after {turns} turns of the loop"
                written = len(after) > len(before) or not append.cancelled()
                compare(
                    after, [*before, *(batch if written else [])], Line.ATOMIC, when
                )
                await goes_on(store, len(after), when)
                if not in_time:
                    break
            if self.shared:
                log = await store.load_run(RUN)
                async with self._opened(tmp_path) as other:
                    await holds(other, RUN, log, Line.CANCELLED, "in a second object")

        async def goes_on(store: CheckpointStore, length: int, when: str) -> None:
            try:
                await store.append(RUN, row(length))
            except RunConflictError as error:
                raise broken(
                    Line.CANCELLED,
                    f"{when}; then the log had {length} rows, yet row {length} was "
                    "refused: the cancelled append was still on its way",
                ) from error
            log = await store.load_run(RUN)
            if [one.sequence for one in log] != list(range(length + 1)):
                raise broken(
                    Line.CANCELLED,
                    f"{when}; then the log had {length} rows, and with one more it "
                    f"held {listing(log)}",
                )

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
