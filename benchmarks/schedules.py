"""What a schedule costs, beside three plain runs of the same test.

    python benchmarks/schedules.py [--rounds N]

A schedule is two lives and the extra start, so three plain runs are its floor. The test
runs a four-state workflow on the SQLite store of ``cano_store``. Plain and crashed
sessions take turns. What two baselines cost is taken off the crashed tests' times; the
median over tests leaves out what the first one imports, which is shown on its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = 1.5
PLAIN_TESTS = 40
CRASHED_TESTS = 5

TEST = """
import asyncio

import pytest

from cano_core import RunContext, Workflow


def workflow_on(store, ledger):
    workflow = Workflow(checkpoint_store=store)
    states = ["Reserve", "Charge", "Ship", "Notify", "Done"]
    for state, following in zip(states, states[1:]):

        async def task(run: RunContext, state=state, following=following):
            ledger.effect(state, key=run.idempotency_key)
            return following

        workflow.register(state, task)
    return workflow.add_exit_state("Done")


@pytest.mark.parametrize("number", range(NUMBER))
def test_order(number, cano_store, cano_ledger, cano_workflow_id):
    workflow = workflow_on(cano_store, cano_ledger)
    run = workflow.start_or_resume("Reserve", workflow_id=cano_workflow_id)
    assert asyncio.run(run) == "Done"
"""

CONFTEST = """
import json
import time
from pathlib import Path

import pytest

times = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    began = time.perf_counter()
    result = yield
    times.append(time.perf_counter() - began)
    return result


def pytest_terminal_summary(terminalreporter):
    passed = len(terminalreporter.stats.get("passed", ()))
    Path("times.json").write_text(json.dumps({"times": times, "passed": passed}))
"""


def session(directory: Path, tests: int, *options: str) -> tuple[list[float], int]:
    """Run the test so many times; return the seconds of each, and what passed."""
    (directory / "test_order.py").write_text(TEST.replace("NUMBER", str(tests)))
    (directory / "conftest.py").write_text(CONFTEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, f"--basetemp={directory / 'tmp'}", "-p", "cano", *options],
        cwd=directory,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    told = json.loads((directory / "times.json").read_text())
    return told["times"], told["passed"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    plain: list[float] = []
    schedules: list[float] = []
    ratios: list[float] = []
    imports: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            times, _ = session(Path(name), PLAIN_TESTS)
            undisturbed = statistics.median(times)
            crashed, passed = session(Path(name), CRASHED_TESTS, "--cano-crash=all")
            # A test's own last report is the one that is no schedule's.
            explored = passed // CRASHED_TESTS - 1
            schedule = (statistics.median(crashed) - 2 * undisturbed) / explored
            imports.append(crashed[0] - statistics.median(crashed))
            plain.append(undisturbed)
            schedules.append(schedule)
            ratios.append(schedule / (3 * undisturbed))
    ratio = statistics.median(ratios)
    print(f"a plain run              {statistics.median(plain) * 1e3:7.2f} ms")
    print(f"three plain runs         {statistics.median(plain) * 3e3:7.2f} ms")
    print(f"a schedule               {statistics.median(schedules) * 1e3:7.2f} ms")
    print(f"a hundred schedules      {statistics.median(schedules) * 100:7.2f} s")
    print(f"imports, once a session  {statistics.median(imports) * 1e3:7.2f} ms")
    print(f"ratio                    {ratio:7.2f}    target {TARGET} or less")
    return ratio > TARGET


if __name__ == "__main__":
    sys.exit(main())
