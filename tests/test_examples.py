"""Every example runs, and does what it says."""

import ast
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

import children
from documentation import difference, matches

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
SUITES = sorted({path.parent for path in EXAMPLES.glob("*/test_*.py")})
KEEPING = [path for path in SCRIPTS if "checkpoint_store=" in path.read_text("utf-8")]
KEPT = (
    "examples/crash_tests",
    "examples/custom_store/test_crashes.py",
    "examples/order_pipeline",
)
PRINTS = "Prints:\n"


@dataclass(frozen=True, slots=True)
class Crashed:
    """How a suite of the examples ends when it is crashed.

    `shows` are texts that its output has, in this order.
    """

    arguments: str
    status: int
    shows: tuple[str, ...] = ()


DOUBLE_CHARGE = ("DUPLICATED  charge('order-1', 42) happened 2 times", "2 of ")
CRASHED = [
    Crashed("examples/checkout/test_checkout.py --cano-crash=Charge", 1, DOUBLE_CHARGE),
    Crashed("examples/checkout/test_checkout.py --cano-crash=all", 1, DOUBLE_CHARGE),
    Crashed(
        "examples/checkout/test_fixed_checkout.py --cano-crash=Charge",
        0,
        ("test_fixed_checkout  4/4 crash points of 8",),
    ),
    Crashed(
        "examples/checkout/test_fixed_checkout.py --cano-crash=all",
        0,
        ("test_fixed_checkout  8/8 crash points",),
    ),
]


def run_script(script: Path, directory: Path) -> None:
    """Run a script in an empty directory; compare its output with its docstring."""
    done = children.run("python", script, cwd=directory)

    assert done.status == 0, done.output
    promised = promised_output(script.read_text("utf-8"))
    if promised is not None:
        assert matches(promised, done.output), difference(promised, done.output)


def promised_output(source: str) -> str | None:
    """The indented lines after `Prints:` at the end of a script's docstring."""
    docstring = ast.get_docstring(ast.parse(source)) or ""
    _, said, output = docstring.partition(PRINTS)
    return dedent(output) if said else None


def run_suite(directory: Path, arguments: str) -> children.Completed:
    """Run an example's tests in a copy, where nothing of this project is near."""
    unwanted = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(EXAMPLES, directory / "examples", ignore=unwanted)
    return children.run("pytest", *arguments.split(), cwd=directory)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_runs_and_prints_what_it_says(script: Path, tmp_path: Path):
    run_script(script, tmp_path)


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name)
def test_a_suite_is_green_as_long_as_nothing_crashes(suite: Path, tmp_path: Path):
    done = run_suite(tmp_path, f"examples/{suite.name}")

    assert done.status == 0, done.output


@pytest.mark.parametrize(
    ("crashed", "workers"),
    [*((each, "-p no:xdist") for each in CRASHED), (CRASHED[1], "-n 2")],
    ids=lambda each: getattr(each, "arguments", each),
)
def test_a_suite_is_judged_when_it_is_crashed(
    crashed: Crashed, workers: str, tmp_path: Path
):
    done = run_suite(tmp_path, f"{workers} {crashed.arguments}")

    assert done.status == crashed.status, done.output
    rest = done.output
    for text in crashed.shows:
        _, found, rest = rest.partition(text)
        assert found, f"{text!r} is not (in this order) in:\n{done.output}"


def test_what_keeps_a_log_comes_to_the_same_end_wherever_it_crashes(tmp_path: Path):
    # A second crash in each of them would take minutes.
    done = run_suite(
        tmp_path, f"-p no:xdist {' '.join(KEPT)} --cano-crash=all --cano-depth=1"
    )

    assert done.status == 0, done.output
    assert re.search(r"score  (\d{3,})/\1 schedules passed", done.output), done.output


@pytest.mark.parametrize("script", KEEPING, ids=lambda path: path.name)
def test_a_script_that_keeps_a_log_is_crash_tested(script: Path):
    tests = (EXAMPLES / "crash_tests" / "test_scripts.py").read_text("utf-8")

    assert f"import {script.stem}\n" in tests
    assert f"def test_{script.stem}(" in tests


def test_the_readme_lists_every_example():
    listed = (EXAMPLES / "README.md").read_text("utf-8")

    for path in (*SCRIPTS, *SUITES):
        assert f"({path.name}" in listed


def test_there_are_scripts_and_suites():
    assert SCRIPTS
    assert SUITES


SCRIPT = '''\
"""Greet.

Prints:

    hello
    ...
"""

print("hello")
print("world")
'''


def test_a_script_that_prints_what_it_says_is_fine(tmp_path: Path):
    script = tmp_path / "greet.py"
    script.write_text(SCRIPT)

    run_script(script, tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (SCRIPT.replace('print("hello")', 'print("bye")'), "-hello"),
        (SCRIPT + "raise SystemExit(2)", "assert 2 == 0"),
    ],
)
def test_a_script_that_does_something_else_is_found_out(
    source: str, message: str, tmp_path: Path
):
    script = tmp_path / "greet.py"
    script.write_text(source)

    with pytest.raises(AssertionError, match=message):
        run_script(script, tmp_path)
