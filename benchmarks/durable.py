"""What a durable step costs, beside the least that SQLite and a disk allow.

    python benchmarks/durable.py [--directory DIR] [--rounds N]

Two floors, measured in turn with what is compared with them, round by round:

* one run: ``INSERT`` and ``COMMIT`` on a bare connection, in the same mode (WAL,
  ``synchronous=FULL``) and on the same file system;
* many runs: one thread that commits whatever coroutines have handed to it, and does
  nothing else.

A row's ratio is the median over rounds of its time against the floor's time of the
same round; below 1 would be faster than the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from cano_core import Workflow
from cano_core.checkpoints.row import CheckpointRow, RowKind
from cano_core.checkpoints.sqlite import SQLiteCheckpointStore

STEPS_OF_ONE = 100
RUNS = 200
STEPS_OF_MANY = 10

Measure = Callable[[Path], float]
"""Does its steps on a file that it makes, and returns seconds a step."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One floor and what is compared with it, each with its target.

    Attributes:
        title: what is measured.
        floor: the least that is possible.
        contenders: name, measure, and the greatest ratio that is good enough.
    """

    title: str
    floor: Measure
    contenders: tuple[tuple[str, Measure, float], ...]


# The floors


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE log (workflow_id TEXT, sequence INTEGER, kind INTEGER, "
        "state TEXT, task TEXT, version INTEGER, payload BLOB, "
        "PRIMARY KEY (workflow_id, sequence)) WITHOUT ROWID"
    )
    return connection


INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)"


def bare_steps(path: Path) -> float:
    connection = connect(path)
    execute = connection.execute
    began = time.perf_counter()
    for sequence in range(STEPS_OF_ONE):
        execute("BEGIN IMMEDIATE")
        execute(INSERT, ("run", sequence, 0, "State", "task", 0, None))
        execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return took / STEPS_OF_ONE


def bare_group_commit(path: Path) -> float:
    connection = connect(path)
    waiting: SimpleQueue[Any] = SimpleQueue()

    def settle(futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            future.set_result(None)

    def work(loop: asyncio.AbstractEventLoop) -> None:
        while (first := waiting.get()) is not None:
            batch = [first]
            try:
                while True:
                    batch.append(waiting.get_nowait())
            except Empty:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(INSERT, [values for values, _ in batch])
                connection.execute("COMMIT")
                loop.call_soon_threadsafe(settle, [future for _, future in batch])

    async def run(number: int) -> None:
        loop = asyncio.get_running_loop()
        for sequence in range(STEPS_OF_MANY):
            future = loop.create_future()
            values = (f"run-{number}", sequence, 0, "State", "task", 0, None)
            waiting.put((values, future))
            await future

    async def feed() -> float:
        thread = threading.Thread(target=work, args=(asyncio.get_running_loop(),))
        thread.start()
        began = time.perf_counter()
        await asyncio.gather(*map(run, range(RUNS)))
        took = time.perf_counter() - began
        waiting.put(None)
        thread.join()
        return took

    took = asyncio.run(feed())
    connection.close()
    return took / (RUNS * STEPS_OF_MANY)


# The store


def row(sequence: int) -> CheckpointRow:
    return CheckpointRow(sequence, "State", "task", RowKind.STATE_ENTRY)


def store_steps(path: Path) -> float:
    return asyncio.run(append_to_store(path, runs=1, steps=STEPS_OF_ONE))


def store_group_commit(path: Path) -> float:
    return asyncio.run(append_to_store(path, runs=RUNS, steps=STEPS_OF_MANY))


async def append_to_store(path: Path, *, runs: int, steps: int) -> float:
    async def run(number: int) -> None:
        for sequence in range(steps):
            await store.append(f"run-{number}", row(sequence))

    async with SQLiteCheckpointStore(path) as store:
        # The first commit of a file takes longer, on the bare connection as well.
        await store.append("warm-up", row(0))
        began = time.perf_counter()
        await together([run(number) for number in range(runs)])
        took = time.perf_counter() - began
    return took / (runs * steps)


async def together(runs: list[Coroutine[Any, Any, Any]]) -> None:
    """Do all runs at once; a single one as a program does that has only one."""
    if len(runs) == 1:
        await runs[0]
    else:
        await asyncio.gather(*runs)


# The engine: as many rows, the last one being the exit's, with the outcome


def engine_steps(path: Path) -> float:
    return asyncio.run(run_workflow(path, runs=1, steps=STEPS_OF_ONE))


def engine_group_commit(path: Path) -> float:
    return asyncio.run(run_workflow(path, runs=RUNS, steps=STEPS_OF_MANY))


async def run_workflow(path: Path, *, runs: int, steps: int) -> float:
    async with SQLiteCheckpointStore(path) as store:
        workflow = Workflow(checkpoint_store=store).add_exit_state(f"s{steps - 1}")
        for number in range(steps - 1):
            workflow.register(f"s{number}", going_to(f"s{number + 1}"))
        # Freezes the definition and opens the file, which is no part of a step.
        await workflow.orchestrate(f"s{steps - 2}", workflow_id="warm-up")
        began = time.perf_counter()
        await together(
            [
                workflow.orchestrate("s0", workflow_id=f"run-{number}")
                for number in range(runs)
            ]
        )
        took = time.perf_counter() - began
    return took / (runs * steps)


def going_to(state: str) -> Any:
    async def task() -> str:
        return state

    return task


COMPARISONS = (
    Comparison(
        f"one run of {STEPS_OF_ONE} durable steps",
        bare_steps,
        (("store", store_steps, 1.6), ("engine", engine_steps, 1.6)),
    ),
    Comparison(
        f"{RUNS} concurrent runs of {STEPS_OF_MANY} durable steps",
        bare_group_commit,
        (
            ("store", store_group_commit, 1 / 0.3),
            ("engine", engine_group_commit, 1 / 0.3),
        ),
    ),
)


def compare(comparison: Comparison, directory: Path, rounds: int) -> None:
    measures = [comparison.floor, *(each[1] for each in comparison.contenders)]
    times: list[list[float]] = [[] for _ in measures]
    # The first round warms up and is not counted.
    for number in range(rounds + 1):
        for measure, taken in zip(measures, times, strict=True):
            with tempfile.TemporaryDirectory(dir=directory) as fresh:
                taken.append(measure(Path(fresh) / "log.db"))
            if number == 0:
                taken.clear()
    print(f"\n{comparison.title}")
    print(f"  {'':8}{'us a step':>12}{'steps/s':>12}{'x floor':>10}{'target':>10}")
    floor = times[0]
    names = [
        ("floor", 0.0),
        *((name, at_most) for name, _, at_most in comparison.contenders),
    ]
    for (name, at_most), taken in zip(names, times, strict=True):
        median = statistics.median(taken)
        ratio = statistics.median(
            mine / least for mine, least in zip(taken, floor, strict=True)
        )
        target = f"<= {at_most:.1f}" if at_most else ""
        figures = f"{median * 1e6:12.1f}{1 / median:12,.0f}{ratio:10.2f}"
        print(f"  {name:8}{figures}{target:>10}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", type=Path, help="where the files are made")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        print(f"SQLite {sqlite3.sqlite_version}, files in {directory}")
        for comparison in COMPARISONS:
            compare(comparison, Path(directory), options.rounds)


if __name__ == "__main__":
    main()
