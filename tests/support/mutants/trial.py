"""One run of pytest on an engine of one's own, and what it found."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import children
from mutants.mutant import Mutant, copy_engine

ROOT = Path(__file__).parents[3]
# What the commands name, and what that imports.
NEEDED = ("examples", "tests/support", "tests/pytest_cano/test_contract.py")
UNWANTED = shutil.ignore_patterns("__pycache__", ".*")
PATIENCE = 120.0
"""Seconds that a command may take."""

DEPTH = 1
"""How many crashes in a row a command tries, unless it says so."""

NO_PROOF = {"PASS", "FLAKY_BASELINE", "NOT_FIRED", "ACCEPTED"}
"""Verdicts that say nothing against an engine."""

BROKEN = "contract broken: "


@dataclass(frozen=True, slots=True)
class Kill:
    """What found a mutant out.

    Attributes:
        verdict: of the harness; of the store contract, the line that is broken.
        schedule: the schedule; of the store contract, the check.
        finding: what was found, in one line.
    """

    verdict: str
    schedule: str
    finding: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a command.

    Attributes:
        status: pytest's exit status.
        kills: what failed with a verdict, in order.
        seconds: how long it took.
        output: all that was printed.
    """

    status: int
    kills: tuple[Kill, ...]
    seconds: float
    output: str


def tried(command: str, directory: Path, mutant: Mutant | None = None) -> Result:
    """Run a command in an empty directory, on the engine or on a mutant of it."""
    for name in NEEDED:
        source, target = ROOT / name, directory / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=UNWANTED)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    copy_engine(directory, mutant)
    report = directory / "report.xml"
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [
                children.program("pytest"),
                *shlex.split(command),
                *("-p", "cano", "-p", "no:cacheprovider", "-o", f"cano_depth={DEPTH}"),
                f"--junitxml={report}",
            ],
            cwd=directory,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(
            f"pytest {command} did not end within {PATIENCE:g} s:\n{error.stdout!s}"
        ) from error
    seconds = time.perf_counter() - began
    kills = tuple(_kills(report)) if report.exists() else ()
    return Result(done.returncode, kills, seconds, done.stdout)


def _environment(directory: Path) -> dict[str, str]:
    """Let the copy of the engine come before the one that is installed."""
    path = os.pathsep.join([str(directory), str(directory / "tests" / "support")])
    return children.environment() | {
        "PYTHONPATH": path,
        # Whatever else is installed has no part in this, and takes its time to start.
        "PYTEST_ADDOPTS": "",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def _kills(report: Path) -> Iterator[Kill]:
    # Written by our own child just now.
    for case in ElementTree.parse(report).iter("testcase"):
        said = {each.get("name"): each.get("value") for each in case.iter("property")}
        verdict, schedule = said.get("cano.verdict"), said.get("cano.schedule")
        failure = case.find("failure")
        text = "" if failure is None else failure.text or ""
        if verdict and schedule and verdict not in NO_PROOF:
            found = next(
                (line for line in text.splitlines() if line.startswith(verdict)), ""
            )
            yield Kill(verdict, schedule, " ".join(found.split()[1:]))
        elif BROKEN in text:
            broken = text.partition(BROKEN)[2].splitlines()[0]
            _, line, finding = broken.split("'", 2)
            yield Kill(f"contract: {line}", case.get("name", ""), finding[2:])
