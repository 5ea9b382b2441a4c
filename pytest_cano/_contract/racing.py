"""That the log is a lock: among tasks, threads and processes."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from cano_core.checkpoints.store import CheckpointStore
from cano_core.errors import RunConflictError

from .base import StoreChecks
from .calls import holds, write
from .contention import contend, count_wins
from .lines import Line, broken, checking
from .process import store_process
from .rows import RUN, compare, row, rows


class RaceChecks(StoreChecks):
    """Several owners of one run at once, and several runs at once."""

    def test_of_racing_tasks_exactly_one_wins(self, tmp_path: Path) -> None:
        """Of many tasks that append the same sequence, one is acknowledged.

        The others get the conflict, and the log holds the winner's row.
        """
        racers = [f"racer {number}" for number in range(12)]

        async def check(store: CheckpointStore) -> None:
            for sequence in range(5):
                results = await asyncio.gather(
                    *(store.append(RUN, row(sequence, name)) for name in racers),
                    return_exceptions=True,
                )
                count(sequence, results)
                log = await store.load_run(RUN)
                acknowledged = racers[results.index(None)]
                compare(
                    log[sequence:],
                    [row(sequence, acknowledged)],
                    Line.ONE_WINS,
                    f"{acknowledged} has won row {sequence}",
                    foreign=Line.ONE_WINS,
                )

        def count(sequence: int, results: list[BaseException | None]) -> None:
            for result in results:
                if result is not None and not isinstance(result, RunConflictError):
                    raise broken(
                        Line.CONFLICT,
                        f"the loser of a race for row {sequence} got {result!r}",
                    ) from result
            if results.count(None) != 1:
                raise broken(
                    Line.ONE_WINS,
                    f"{len(results)} tasks appended row {sequence} at once, "
                    f"{results.count(None)} were acknowledged",
                )

        self._check(Line.ONE_WINS, tmp_path, check)

    def test_tasks_that_take_turns_lose_no_row(self, tmp_path: Path) -> None:
        """Tasks that load, append and try again when they lose fill one dense log."""

        async def check(store: CheckpointStore) -> None:
            names = [f"task {number}" for number in range(4)]
            won = await asyncio.gather(*(contend(store, name, 5) for name in names))
            await count_wins(store, dict(zip(names, won, strict=True)), Line.ONE_WINS)

        self._check(Line.ONE_WINS, tmp_path, check)

    def test_runs_do_not_race_each_other(self, tmp_path: Path) -> None:
        """Many runs at once, one writer each: no append of any of them is refused."""

        async def check(store: CheckpointStore) -> None:
            async def fill(workflow_id: str) -> None:
                for start in range(0, 6, 2):
                    batch = rows(start, start + 2)
                    await write(store, workflow_id, batch, Line.OWN_RUN)

            ids = [f"order-{number}" for number in range(30)]
            await asyncio.gather(*map(fill, ids))
            for workflow_id in ids:
                await holds(
                    store, workflow_id, rows(0, 6), Line.OWN_RUN, "written at once"
                )

        self._check(Line.OWN_RUN, tmp_path, check)

    def test_another_object_sees_the_rows(self, tmp_path: Path) -> None:
        """What one open store object has acknowledged, another one holds at once."""
        self._need_shared()

        async def check(store: CheckpointStore) -> None:
            async with self._opened(tmp_path) as other:
                await write(store, RUN, rows(0, 2))
                await holds(other, RUN, rows(0, 2), Line.SHARED, "in a second object")
                await write(other, RUN, [row(2)], Line.SHARED)
                await holds(store, RUN, rows(0, 3), Line.SHARED, "in the first object")
                await write(store, RUN, [row(3)], Line.SHARED)
                await holds(other, RUN, rows(0, 4), Line.SHARED, "in a second object")
                await other.clear(RUN)
                await holds(store, RUN, [], Line.SHARED, "in the first object")

        self._check(Line.SHARED, tmp_path, check)

    def test_of_racing_threads_exactly_one_wins(self, tmp_path: Path) -> None:
        """Threads with a loop and a store object each fill one dense log."""
        self._need_shared()
        names = [f"thread {number}" for number in range(4)]
        start = threading.Barrier(len(names), timeout=self.patience)

        async def race(name: str) -> list[int]:
            try:
                async with self._opened(tmp_path) as store:
                    start.wait()
                    return await contend(store, name, 10)
            except BaseException:
                start.abort()  # nobody needs to wait for this one
                raise

        with checking(Line.SHARED):
            with ThreadPoolExecutor(len(names)) as threads:
                racers = [threads.submit(self._run, race(name)) for name in names]
            # The one that failed first, and not those who waited for it.
            for racer in racers:
                if not isinstance(racer.exception(), threading.BrokenBarrierError):
                    racer.result()
            wins = {
                name: racer.result() for name, racer in zip(names, racers, strict=True)
            }
            self._check_wins(tmp_path, wins)

    def test_of_racing_processes_exactly_one_wins(self, tmp_path: Path) -> None:
        """Processes fill one dense log."""
        self._need_shared()
        names = [f"process {number}" for number in range(3)]
        with checking(Line.SHARED), ExitStack() as stack:
            racers = [
                stack.enter_context(
                    store_process(self, tmp_path, "contend", name=name, wins=15)
                )
                for name in names
            ]
            for racer in racers:
                racer.wait_until_open()
            for racer in racers:
                racer.go()
            won = [racer.answer() for racer in racers]
            self._check_wins(tmp_path, dict(zip(names, won, strict=True)))

    def _check_wins(self, directory: Path, wins: dict[str, list[int]]) -> None:
        __tracebackhide__ = True

        async def check(store: CheckpointStore) -> None:
            await count_wins(store, wins, Line.ONE_WINS)

        self._check(Line.ONE_WINS, directory, check)
