"""What a split of many branches costs, beside the least that asyncio and a disk allow.

    python benchmarks/split.py [--directory DIR] [--rounds N] [--branches N]

The branches are one coroutine function that gives the event loop one turn. Two floors,
measured in turn with what is compared with them, round by round:

* in memory: the same functions in an ``asyncio.TaskGroup``;
* durable: the same, then as many rows as there are branches in one transaction on a
  bare connection, in the same mode (WAL, ``synchronous=FULL``) and on the same file
  system.

A row's ratio is the median over rounds of its time against the floor's time of the
same round. Beside it is in how many appends the engine wrote the branches' rows.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cano_core import (
    CheckpointRow,
    JoinConfig,
    JoinStrategy,
    RowKind,
    SQLiteCheckpointStore,
    TaskConfig,
    Workflow,
)

IN_MEMORY = 4.0
DURABLE = 6.0

Measure = Callable[[Path, int], float]
"""Does a split of so many branches, and returns the seconds that it took."""


async def branch() -> int:
    await asyncio.sleep(0)
    return 1


# The floors


async def together(branches: int) -> list[int]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(branch()) for _ in range(branches)]
    return [task.result() for task in tasks]


def bare(path: Path, branches: int) -> float:
    async def measured() -> float:
        began = time.perf_counter()
        await together(branches)
        return time.perf_counter() - began

    return asyncio.run(measured())


def bare_rows(path: Path, branches: int) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE log (workflow_id TEXT, sequence INTEGER, kind INTEGER, "
        "state TEXT, task TEXT, version INTEGER, payload BLOB, "
        "PRIMARY KEY (workflow_id, sequence)) WITHOUT ROWID"
    )

    async def measured() -> float:
        began = time.perf_counter()
        rows = [
            ("run", sequence, 4, "Fan", "", 0, b"value")
            for sequence, _ in enumerate(await together(branches))
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        return time.perf_counter() - began

    took = asyncio.run(measured())
    connection.close()
    return took


# The engine


def workflow_of(branches: int, store: Any = None) -> Workflow:
    join = JoinConfig(JoinStrategy.ALL, "Done")
    return (
        Workflow(checkpoint_store=store)
        .register_split("Fan", [branch] * branches, join, config=TaskConfig.minimal())
        .register_split("Warm", [branch], join)
        .add_exit_state("Done")
    )


def engine(path: Path, branches: int) -> float:
    return asyncio.run(measured_run(workflow_of(branches)))


def engine_durable(path: Path, branches: int) -> float:
    async def measured() -> float:
        async with CountingStore(path) as store:
            took = await measured_run(workflow_of(branches, store))
            engine_appends.append(store.appends)
            return took

    return asyncio.run(measured())


async def measured_run(workflow: Workflow) -> float:
    # Freezes the definition and opens the file, which is no part of a split.
    await workflow.orchestrate("Warm", workflow_id="warm-up")
    began = time.perf_counter()
    await workflow.orchestrate("Fan", workflow_id="run")
    return time.perf_counter() - began


class CountingStore(SQLiteCheckpointStore):
    """Counts the appends that hold rows of the branches of "Fan"."""

    appends = 0

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        if rows[0].state == "Fan" and rows[0].kind is RowKind.BRANCH:
            self.appends += 1
        await super().append(workflow_id, *rows)


engine_appends: list[int] = []


def compare(
    title: str, floor: Measure, ours: Measure, target: float, options: Any
) -> bool:
    """Print one comparison; tell whether its ratio is good enough."""
    times: list[tuple[float, float]] = []
    # The first round warms up and is not counted.
    for number in range(options.rounds + 1):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            folder = Path(directory)
            least = floor(folder / "floor.db", options.branches)
            times.append((ours(folder / "ours.db", options.branches), least))
        if number == 0:
            times.clear()
    ratio = statistics.median(mine / least for mine, least in times)
    median = statistics.median(mine for mine, _ in times)
    least = statistics.median(least for _, least in times)
    verdict = "" if ratio <= target else "  too slow"
    print(
        f"{title:12}{least * 1e3:12.1f}{median * 1e3:12.1f}{ratio:10.2f}"
        f"{f'<= {target:.0f}':>10}{verdict}"
    )
    return ratio <= target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", type=Path, help="where the files are made")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--branches", type=int, default=1000)
    options = parser.parse_args()
    print(f"a split of {options.branches} branches")
    print(f"{'':12}{'floor, ms':>12}{'ours, ms':>12}{'x floor':>10}{'target':>10}")
    good = [
        compare("in memory", bare, engine, IN_MEMORY, options),
        compare("durable", bare_rows, engine_durable, DURABLE, options),
    ]
    print(f"appends for the branches' rows: {statistics.median(engine_appends):.0f}")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
