"""``examples/ci_gate``: a downstream project, its gate, and what its pipelines run.

The project has a virtual environment of its own with our wheel in it: the one that
CANO_WHEEL names, or one that is built here. What the wheel depends on is lent from the
environment that runs the tests, so that nothing else has to be fetched.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import children

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "ci_gate"
GATE = ("-m", "pytest", "--cano-profile=ci")
UPDATE = (*GATE, "--cano-baseline-update")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed."""

    status: int
    output: str


class Downstream:
    """The project, copied, with its own interpreter."""

    def __init__(self, directory: Path, python: Path) -> None:
        self.path = directory
        self.python = python
        shutil.copytree(
            EXAMPLE, directory, ignore=shutil.ignore_patterns("*cache*", "*.pyc")
        )

    def run(self, *command: str, **variables: str) -> Done:
        environment = children.environment() | variables
        environment["PATH"] = f"{self.python.parent}{os.pathsep}{environment['PATH']}"
        environment["VIRTUAL_ENV"] = str(self.python.parents[1])
        done = subprocess.run(
            command,
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return Done(done.returncode, done.stdout)

    def pytest(self, *arguments: str) -> Done:
        return self.run(str(self.python), *arguments)

    def change(self, before: str, after: str) -> None:
        source = self.path / "src" / "returns.py"
        text = source.read_text("utf-8")
        assert text.count(before) == 1
        source.write_text(text.replace(before, after), "utf-8")

    def tell_once(self) -> None:
        """Mend what is known to fail."""
        self.change(
            "world.notify(parcel.order)",
            "world.notify(parcel.order, idempotency_key=run.idempotency_key)",
        )
        self.change(
            "notify(parcel: Parcel, world: World)",
            "notify(parcel: Parcel, world: World, run: RunContext)",
        )

    @property
    def known(self) -> list[str]:
        text = (self.path / "cano-baseline.json").read_text("utf-8")
        return [
            name for listed in json.loads(text)["known"].values() for name in listed
        ]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of the project's environment, made once for all workers."""
    directory = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent
    environment = directory / "downstream"
    with (directory / "downstream.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not environment.exists():
            make_environment(environment, wheel_in(directory))
    return environment / "bin" / "python"


def wheel_in(directory: Path) -> Path:
    named = os.environ.get("CANO_WHEEL")
    if named:
        return Path(named).resolve()
    command = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", directory)
    built = subprocess.run(
        [*command, ROOT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if built.returncode:
        pytest.skip(f"no wheel can be built here; CANO_WHEEL names one\n{built.stdout}")
    return next(directory.glob("*.whl"))


def make_environment(directory: Path, wheel: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    install = ("pip", "install", "-q", "--no-index", "--no-deps", wheel)
    subprocess.run([directory / "bin" / "python", "-m", *install], check=True)
    (site,) = directory.glob("lib/python*/site-packages")
    lent = sysconfig.get_path("purelib")
    (site / "lent.pth").write_text(f"{lent}\n", "utf-8")


@pytest.fixture
def downstream(python: Path, tmp_path: Path) -> Downstream:
    return Downstream(tmp_path / "project", python)


def test_the_wheel_is_what_is_tested(downstream):
    done = downstream.run(
        "python", "-c", "import pytest_cano; print(pytest_cano.__file__)"
    )

    assert done.output.startswith(str(downstream.python.parents[1]))


def test_red_then_ratcheted_then_improved_then_green(downstream):
    """What the README of the example tells, from the first day on."""
    listed = downstream.known
    (downstream.path / "cano-baseline.json").unlink()

    first_day = downstream.pytest(*GATE)
    assert first_day.status == 1, first_day.output
    assert "DUPLICATED  notify('order-1') happened 2 times" in first_day.output

    ratcheted = downstream.pytest(*UPDATE)
    assert ratcheted.status == 0, ratcheted.output
    assert downstream.known == listed == ["Notify@effect:1", "Notify@end"]
    committed = (EXAMPLE / "cano-baseline.json").read_bytes()
    assert (downstream.path / "cano-baseline.json").read_bytes() == committed

    every_day = downstream.pytest(*GATE)
    assert every_day.status == 0, every_day.output
    assert "score  15/17 schedules passed (88 %), 2 known" in every_day.output

    downstream.tell_once()
    improved = downstream.pytest(*GATE)
    assert improved.status == 1, improved.output
    assert "Notify@end passes now, and is listed there as DUPL" in improved.output

    updated = downstream.pytest(*UPDATE)
    assert updated.status == 0, updated.output
    assert downstream.known == []
    green = downstream.pytest(*GATE)
    assert green.status == 0, green.output
    assert "score  17/17 schedules passed (100 %)" in green.output


def test_what_is_worse_than_known_is_red(downstream):
    downstream.change(
        "world.refund(parcel.order, idempotency_key=run.idempotency_key)",
        "world.refund(parcel.order, idempotency_key=None)",
    )

    worse = downstream.pytest(*GATE)

    assert worse.status == 1, worse.output
    assert "2 of 13 crash points failed: Refund@effect:1 DUPLICATED" in worse.output


def test_the_gitlab_pipeline(downstream):
    pipeline = yaml.safe_load((EXAMPLE / ".gitlab-ci.yml").read_text("utf-8"))
    jobs = pipeline["crash"]["parallel"]

    for index in range(1, jobs + 1):
        for line in pipeline["crash"]["script"]:
            done = downstream.run(
                *("bash", "-c", line),
                CI_NODE_INDEX=str(index),
                CI_NODE_TOTAL=str(jobs),
            )
            assert done.status == 0, done.output
    for line in pipeline["gate"]["script"]:
        done = downstream.run("bash", "-c", line)
        assert done.status == 0, done.output

    assert "score  15/17 schedules passed (88 %), 2 known" in done.output
    report = pipeline["gate"]["artifacts"]["reports"]["junit"]
    assert (downstream.path / report).exists()


def test_the_github_action(downstream, tmp_path):
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    workflow = yaml.safe_load(
        (EXAMPLE / ".github/workflows/crash-tests.yml").read_text("utf-8")
    )
    (use,) = [
        step for step in workflow["jobs"]["crash"]["steps"] if step.get("id") == "cano"
    ]
    assert use["with"].keys() <= action["inputs"].keys()
    (step,) = action["runs"]["steps"]
    inputs = {name: each.get("default", "") for name, each in action["inputs"].items()}
    inputs |= use["with"] | {"arguments": "-q\n-k\nnot Rejected\n"}
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}

    done = downstream.run(
        *("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]),
        **{
            name: inputs[said.removeprefix("${{ inputs.").removesuffix(" }}")]
            for name, said in step["env"].items()
        },
        **{name: str(path) for name, path in files.items()},
    )

    assert done.status == 0, done.output
    written = files["GITHUB_OUTPUT"].read_text("utf-8").split()
    outputs = dict(line.split("=", 1) for line in written)
    assert {"score": "84", "coverage": "100", "new-failures": "0"}.items() <= (
        outputs.items()
    )
    used = {each["value"] for each in action["outputs"].values()}
    assert used == {
        f"${{{{ steps.crash.outputs.{name} }}}}" for name in action["outputs"]
    }
    assert action["outputs"].keys() <= outputs.keys()
    assert "Notify" in files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
    assert (downstream.path / inputs["report"]).exists()


def test_the_nightly_workflow(downstream):
    workflow = yaml.safe_load(
        (EXAMPLE / ".github/workflows/nightly.yml").read_text("utf-8")
    )
    crash, judge = (
        next(step["run"] for step in workflow["jobs"][job]["steps"] if step.get("name"))
        for job in ("crash", "judge")
    )
    shards = workflow["jobs"]["crash"]["strategy"]["matrix"]["shard"]
    downstream.tell_once()
    # One of the jobs, and not for as long as at night.
    line = crash.replace("${{ matrix.shard }}", shards[0])
    line = line.replace("${{ strategy.job-index }}", "0")
    for limit in ("budget=8", "fail-under-coverage=0"):
        line = f"{line.strip()} --cano-{limit}"
    done = downstream.run("bash", "-c", line)
    assert done.status == 0, done.output

    done = downstream.run("bash", "-c", judge)

    assert done.status == 1
    assert [f"there is no report of --cano-shard={each}" for each in shards[1:]] == [
        line.removeprefix("ERROR ")
        for line in done.output.splitlines()
        if "no report of" in line and line.startswith("ERROR ")
    ]
