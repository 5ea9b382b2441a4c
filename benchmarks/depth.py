"""How many schedules a search runs of those that there are, and how long it takes.

    python benchmarks/depth.py [--deepest N]

For sagas of 3, 6 and 10 states, whose last one fails so that all is undone: the naive
number of schedules at depth 1, 2 and 3 (a crash at every point of every recovery),
beside the schedules that are really run and the distinct durable states that they lead
to. Then the order pipeline example at depth 2, by one process and by two.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from cano_core import RolledBackError, RunContext, TaskConfig, TaskFailedError, Workflow
from pytest_cano.explorer import Explorer
from pytest_cano.functions import FunctionProgram
from pytest_cano.injection import listening
from pytest_cano.places import opener, worlds
from pytest_cano.schedule import Schedule
from pytest_cano.selectors import parse_selectors

EXAMPLE = Path(__file__).parents[1] / "examples" / "order_pipeline"
ONCE = TaskConfig.minimal()


def saga(states: int) -> Any:
    """Return a program whose run does so many things, fails, and undoes them."""

    async def program(world: Any) -> None:
        workflow = Workflow(checkpoint_store=world.store)

        async def fail() -> str:
            raise ConnectionError("the last state fails")

        for number in range(states - 1):
            following = f"S{number + 1}"

            async def do(run: RunContext, then: str = following) -> tuple[str, int]:
                world.ledger.effect("do", key=run.idempotency_key)
                return then, 0

            async def undo(output: int, run: RunContext) -> None:
                world.ledger.effect("undo", key=run.idempotency_key)

            workflow.register_with_compensation(
                f"S{number}", do, compensate=undo, config=ONCE
            )
        workflow.register(f"S{states - 1}", fail, config=ONCE).add_exit_state("Done")
        with contextlib.suppress(TaskFailedError, RolledBackError):
            await workflow.start_or_resume("S0", workflow_id=world.workflow_id)

    return program


def explore(states: int, deepest: int) -> None:
    """Print what a saga's search comes to, depth by depth."""
    program = FunctionProgram(saga(states), opener("memory"))
    with worlds(None, "benchmark") as new_world, listening():
        explorer = Explorer(
            program, new_world=new_world, selectors=parse_selectors("all")
        )
        explorer.confirm(explorer.record())
        recovery: dict[str, Any] = {}
        naive: Counter[str] = Counter()
        fresh: list[tuple[str, Schedule]] = []
        edges: dict[str, Counter[str]] = {}
        begun = time.perf_counter()
        for depth in range(1, deepest + 1):
            before, found = len(recovery), []
            if depth == 1:
                jobs = [("", Schedule.of(each)) for each in explorer.baseline.points]
            else:
                jobs = [
                    (state, schedule.then(point))
                    for state, schedule in fresh
                    for point in recovery[state]
                ]
            for parent, schedule in jobs:
                trial = explorer.run(schedule, known=frozenset(recovery))
                edges.setdefault(parent, Counter())[trial.durable] += 1
                if not trial.seen and trial.durable not in recovery:
                    recovery[trial.durable] = trial.recovery
                    found.append((trial.durable, schedule))
            fresh = found
            paths: Counter[str] = Counter()
            for state, count in (naive or Counter({"": 1})).items():
                for child, ways in edges.get(state, Counter()).items():
                    paths[child] += count * ways
            naive = paths
            counts = (naive.total(), len(jobs), len(recovery) - before)
            print(
                f"{states:>6} {depth:>5}",
                *(f"{count:>9,}" for count in counts),
                f"{counts[0] / max(1, counts[2]):>7.1f}",
                f"{time.perf_counter() - begun:>8.1f}",
            )


def pipeline(workers: int) -> tuple[float, str]:
    """Crash the order pipeline at depth 2; return the seconds and the last line."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
        options = ["--cano-crash=all", "--cano-depth=2", f"--cano-workers={workers}"]
        begun = time.perf_counter()
        done = subprocess.run(
            [*command, f"--basetemp={place}/tmp", *options],
            cwd=EXAMPLE,
            check=True,
            capture_output=True,
            text=True,
        )
        return time.perf_counter() - begun, done.stdout.strip().splitlines()[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deepest", type=int, default=3)
    deepest = parser.parse_args().deepest
    print("states depth     naive       run    states   ratio  seconds")
    for states in (3, 6, 10):
        explore(states, deepest)
    for workers in (1, 2):
        seconds, line = pipeline(workers)
        print(f"order pipeline, depth 2, {workers} worker(s): {seconds:.1f} s  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
