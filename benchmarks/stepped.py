"""What the steps of a stepped task cost, and how soon a long one is resumed.

    python benchmarks/stepped.py [--directory DIR] [--rounds N] [--steps N]

Three floors for the steps, measured in turn with what is compared with them, round by
round: a bare loop that awaits the same function; the same rows appended to the same
`MemoryCheckpointStore`; the same rows appended to the same SQLite store. That one does
not wait for the disk (``sync=False``): with it, 10,000 steps take the disk's time, half
a minute and more, and nothing else is seen. What waiting costs is in `durable.py`.

For the resume: the time from the call to the first step, of a run with so many cursors
on SQLite. The floor reads its rows with a bare connection. ``whole`` is a store without
a tail, ``tail`` is the store as it is; what that takes must not grow with the log.
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
    Done,
    MemoryCheckpointStore,
    More,
    RowKind,
    SQLiteCheckpointStore,
    TaskConfig,
    Workflow,
)
from cano_core.progress import Cursor

IN_MEMORY, MEMORY_STORE, DURABLE = 25.0, 7.0, 3.0
WHOLE, GROWTH = 6.0, 2.0
LENGTHS = (100, 1_000, 10_000)

Measure = Callable[[Path, int], float]
"""Does so many steps on a file that it may make, and returns seconds in all."""


async def step(cursor: int | None) -> More[int] | Done[str]:
    at = cursor or 0
    return More(at + 1)


def rows(count: int) -> list[CheckpointRow]:
    """Return what the log of so many steps has."""
    return [
        CheckpointRow(0, "Work", "step", RowKind.STATE_ENTRY, None, 0),
        *[
            CheckpointRow(
                number,
                "Work",
                "step",
                RowKind.STEP_CURSOR,
                Cursor("", number, b"\xcd\x30\x39").encode(),
                0,
            )
            for number in range(1, count + 1)
        ],
    ]


def stepping(count: int, store: Any = None) -> Workflow:
    async def counted(cursor: int | None) -> More[int] | Done[str]:
        return Done("Done") if cursor == count else await step(cursor)

    return (
        Workflow(checkpoint_store=store)
        .register_stepped("Work", counted, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )


# The floors


def bare(path: Path, count: int) -> float:
    async def measured() -> float:
        began = time.perf_counter()
        cursor: int | None = None
        while cursor != count:
            answer = await step(cursor)
            if isinstance(answer, More):
                cursor = answer.cursor
        return time.perf_counter() - began

    return asyncio.run(measured())


def bare_memory(path: Path, count: int) -> float:
    return asyncio.run(appended(MemoryCheckpointStore(), count))


def bare_durable(path: Path, count: int) -> float:
    with SQLiteCheckpointStore(path, sync=False) as store:
        return asyncio.run(appended(store, count))


async def appended(store: Any, count: int) -> float:
    await store.append("warm-up", rows(0)[0])
    log = rows(count)
    began = time.perf_counter()
    for row in log:
        await store.append("run", row)
    return time.perf_counter() - began


# The engine


def engine(path: Path, count: int) -> float:
    return asyncio.run(ran(stepping(count), durable=False))


def engine_memory(path: Path, count: int) -> float:
    return asyncio.run(ran(stepping(count, MemoryCheckpointStore())))


def engine_durable(path: Path, count: int) -> float:
    with SQLiteCheckpointStore(path, sync=False) as store:
        return asyncio.run(ran(stepping(count, store)))


async def ran(workflow: Workflow, *, durable: bool = True) -> float:
    # Freezes the definition and opens the file, which is no part of a step.
    workflow.validate()
    if durable:
        await workflow.status("nobody")
    began = time.perf_counter()
    await workflow.orchestrate("Work", workflow_id="run")
    return time.perf_counter() - began


# The resume


class Whole(SQLiteCheckpointStore):
    """A store that has no tail to offer."""

    load_tail = None  # type: ignore[assignment]


class Reached(BaseException):
    """The first step has begun."""


def raw_read(path: Path) -> float:
    connection = sqlite3.connect(path)
    began = time.perf_counter()
    connection.execute(
        "SELECT sequence, state, task, kind, payload, version FROM log "
        "WHERE workflow_id = 'run' ORDER BY sequence"
    ).fetchall()
    took = time.perf_counter() - began
    connection.close()
    return took


def first_step(path: Path, kind: type[SQLiteCheckpointStore]) -> float:
    reached = 0.0

    async def reaching(cursor: int | None) -> Done[str]:
        nonlocal reached
        reached = time.perf_counter()
        raise Reached

    async def measured(store: SQLiteCheckpointStore) -> float:
        workflow = (
            Workflow(checkpoint_store=store)
            .register_stepped("Work", reaching, config=TaskConfig.minimal())
            .add_exit_state("Done")
        )
        await workflow.status("nobody")
        began = time.perf_counter()
        try:
            await workflow.resume_from("run")
        except Reached:
            return reached - began
        raise RuntimeError("the run ended")

    with kind(path, sync=False) as store:
        return asyncio.run(measured(store))


def compare(
    title: str, floor: Measure, ours: Measure, target: float, options: Any
) -> bool:
    """Print one comparison of steps; tell whether its ratio is good enough."""
    times: list[tuple[float, float]] = []
    # The first round warms up and is not counted.
    for number in range(options.rounds + 1):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            folder = Path(directory)
            least = floor(folder / "floor.db", options.steps)
            times.append((ours(folder / "ours.db", options.steps), least))
        if number == 0:
            times.clear()
    ratio = statistics.median(mine / least for mine, least in times)
    scale = 1e6 / options.steps
    median = statistics.median(mine for mine, _ in times) * scale
    least = statistics.median(least for _, least in times) * scale
    verdict = "" if ratio <= target else "  too slow"
    print(
        f"{title:14}{least:12.2f}{median:12.2f}{ratio:10.2f}"
        f"{f'<= {target:.0f}':>10}{verdict}"
    )
    return ratio <= target


def resumes(options: Any) -> bool:
    """Print how soon runs of several lengths are resumed; tell whether soon enough."""
    print(f"\n{'resume after':14}{'raw, us':>12}{'whole, us':>12}{'x raw':>10}", end="")
    print(f"{'tail, us':>12}")
    good, tails = True, []
    for length in LENGTHS:
        times = []
        for number in range(options.rounds + 1):
            with tempfile.TemporaryDirectory(dir=options.directory) as directory:
                path = Path(directory) / "log.db"
                with SQLiteCheckpointStore(path, sync=False) as store:
                    asyncio.run(store.append("run", *rows(length)))
                raw = raw_read(path)
                whole = first_step(path, Whole)
                times.append((raw, whole, first_step(path, SQLiteCheckpointStore)))
            if number == 0:
                times.clear()
        raw, whole, tail = (
            statistics.median(each) for each in zip(*times, strict=True)
        )
        ratio = statistics.median(each[1] / each[0] for each in times)
        tails.append(tail)
        print(f"{length:<14,}{raw * 1e6:12.0f}{whole * 1e6:12.0f}{ratio:10.2f}", end="")
        print(f"{tail * 1e6:12.0f}")
        good = good and (ratio <= WHOLE or length < LENGTHS[-1])
    growth = tails[-1] / tails[0]
    last = f"{LENGTHS[-1]:,} cursors"
    print(f"whole, {last}: x raw, target <= {WHOLE:.0f}")
    print(f"tail, {LENGTHS[0]} to {last}: x {growth:.2f}, target <= {GROWTH:.0f}")
    return good and growth <= GROWTH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", type=Path, help="where the files are made")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10_000)
    options = parser.parse_args()
    print(f"a stepped task of {options.steps:,} cursors, us a step")
    print(f"{'':14}{'floor':>12}{'ours':>12}{'x floor':>10}{'target':>10}")
    good = [
        compare("without store", bare, engine, IN_MEMORY, options),
        compare("memory store", bare_memory, engine_memory, MEMORY_STORE, options),
        compare("durable", bare_durable, engine_durable, DURABLE, options),
        resumes(options),
    ]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
