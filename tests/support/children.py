"""Child processes of the tests: real interpreters in a reproducible environment."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# What a developer's shell or a CI service sets and pytest's output depends on.
UNWANTED = {"BUILD_NUMBER", "CI", "FORCE_COLOR", "NO_COLOR", "PY_COLORS"}
# A user's program runs without it; where it is set, it is there for our own suite.
UNWANTED |= {"PYTHONSAFEPATH"}
# Reports for GitHub would be added to those of the step that runs our own suite.
UNWANTED |= {"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"}

ADDOPTS = (
    # Shuffling and rerunning change what is printed, and are tested elsewhere.
    "-p no:randomly",
    "-p no:rerunfailures",
    # What is imported for them takes longer than most of what is run here.
    "-p no:anyio",
    "-p no:faker",
    "-p no:hypothesispytest",
    # Unset, pytest-asyncio prints a warning, also where no test is asynchronous.
    "-o asyncio_default_fixture_loop_scope=function",
)


@dataclass(frozen=True, slots=True)
class Completed:
    """How a child ended, and all that it printed on both streams, as it came."""

    status: int
    output: str


def environment() -> dict[str, str]:
    """The environment of a user who has just opened a terminal 80 columns wide."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in UNWANTED and not name.startswith("PYTEST_")
    }
    return kept | {
        "COLUMNS": "80",
        "PYTEST_ADDOPTS": " ".join(ADDOPTS),
        # A file that is rewritten within a second would be read from its old bytecode.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def program(name: str) -> str:
    """The path of a program that is installed beside the running interpreter."""
    if name == "python":
        return sys.executable
    found = shutil.which(name, path=Path(sys.executable).parent)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed beside {sys.executable}")
    return found


def run(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None
) -> Completed:
    """Run a program that is installed beside the running interpreter, to its end."""
    name, *arguments = command
    done = subprocess.run(
        [program(str(name)), *arguments],
        cwd=cwd,
        env=environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    return Completed(done.returncode, done.stdout)
