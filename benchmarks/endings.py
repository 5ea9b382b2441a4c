"""What a schedule costs by its ending, and what many of them cost in memory.

    python benchmarks/endings.py [--rounds N]

The test is that of ``schedules.py``: four states on the SQLite store of ``cano_store``,
crashed at each of its points. All ways take turns, and each is compared with ``raise``.
A killed life runs in a process forked from the session's, or, where that can't be
forked, in one forked from a fresh interpreter. Memory is the largest resident set of
the session's own process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from schedules import session

TESTS = 5
FEW, MANY = 100, 1000
UNDISTURBED = 2
"""Runs of each test that are no schedules."""

THREAD = """
import sys
import threading

if "pytest_cano.fresh_session" not in sys.modules:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""

MEMORY = """
import json
import resource
from pathlib import Path


def pytest_unconfigure():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Path("memory.json").write_text(json.dumps(most))
"""

WAYS: dict[str, tuple[str, ...]] = {
    "raise": ("--cano-crash=all",),
    "freeze": ("--cano-crash=all=freeze",),
    "cancel": ("--cano-crash=all=cancel",),
    "kill": ("--cano-crash=all=kill",),
    "kill, two workers": ("--cano-crash=all=kill", "--cano-workers=2"),
    "kill, fresh interpreter": ("--cano-crash=all=kill", "-p", "thread_plugin"),
}
TARGETS = {"freeze": 1.5, "cancel": 1.5, "kill": 5.0, "kill, two workers": 3.0}
"""Times the cost of ``raise``."""

PER_SECOND = 20
"""Killed schedules that two workers run in a second, at least."""

GROWTH = 1.1
"""Memory after many schedules, beside that after few."""


def cost(directory: Path, options: tuple[str, ...]) -> float:
    """Return the seconds that a schedule takes."""
    plain, _ = session(directory, TESTS)
    times, passed = session(directory, TESTS, *options)
    explored = passed / TESTS - 1
    # The first test pays for what is imported and begun once.
    return statistics.median(
        (taken - UNDISTURBED * statistics.median(plain)) / explored
        for taken in times[1:]
    )


def memory(directory: Path, schedules: int, options: tuple[str, ...]) -> float:
    """Return the megabytes of a session that runs about so many schedules."""
    _, passed = session(directory, 1, *options)
    tests = round(schedules / (passed - 1))
    session(directory, tests, *options, "-p", "memory_plugin")
    kilobytes: int = json.loads((directory / "memory.json").read_text())
    return kilobytes / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    failed = False
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
        (place / "thread_plugin.py").write_text(THREAD)
        (place / "memory_plugin.py").write_text(MEMORY)
        costs: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, options in WAYS.items():
                costs[way].append(cost(place, options))
        print("ending                         ms  schedules/s   ratio  target")
        for way in WAYS:
            middle = statistics.median(costs[way])
            ratio = statistics.median(
                each / base
                for each, base in zip(costs[way], costs["raise"], strict=True)
            )
            target = TARGETS.get(way)
            failed |= target is not None and ratio > target
            print(
                f"{way:<24}{middle * 1e3:>9.1f}{1 / middle:>13.1f}{ratio:>8.2f}"
                f"{'' if target is None else f'{target:>8}'}"
            )
        per_second = 1 / statistics.median(costs["kill, two workers"])
        failed |= per_second < PER_SECOND
        print(f"killed by two workers: {per_second:.1f}/s, target {PER_SECOND}")
        print("\nending           MB at 100     MB at 1000   ratio  target")
        for way in ("raise", "kill", "kill, two workers"):
            few, many = (memory(place, each, WAYS[way]) for each in (FEW, MANY))
            failed |= many / few > GROWTH
            print(
                f"{way:<18}{few:>8.1f}{many:>15.1f}{many / few:>8.2f}{GROWTH:>8}",
                flush=True,
            )
    return failed


if __name__ == "__main__":
    sys.exit(main())
