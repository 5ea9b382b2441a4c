"""What a session says of the lines of its tasks, and what it can be held to."""

import json
import sys

import jsonschema
import pytest

from pytest_cano.commands import main
from pytest_cano.records.codec import from_json
from pytest_cano.records.schema import schema

BANK = """
import asyncio

from cano_core import RunContext, Workflow


async def charge(run: RunContext):
    if run.resumes:
        note = "again"
    return "Ship"


async def ship(run: RunContext):
    if run.visit > 1:
        note = "never"
        return "Charge"
    if run.visit > 2:  # pragma: no cover
        return "Charge"
    return "Done"


async def refund(run: RunContext):
    return "Done"


def run(store, workflow_id, start="Charge"):
    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    workflow.register("Charge", charge).register("Ship", ship)
    workflow.register("Refund", refund)
    return asyncio.run(workflow.start_or_resume(start, workflow_id=workflow_id))
"""

TEST = """
from bank import run

def test_order(cano_store, cano_workflow_id):
    run(cano_store, cano_workflow_id)
"""

CONFTEST = """
import json

def pytest_runtest_logreport(report):
    found = getattr(report, "cano_result", None)
    if found is not None:
        with open(f"{found['test'].partition('::')[0]}.json", "w") as file:
            json.dump(found["lines"], file)
"""


# Charge repeats its lines, and after it a resumed life goes on to the end.
CHARGE = {
    "statements": [7, 8, 9, 13, 14, 15, 18, 22],
    "baseline": [7, 9, 13, 18],
    "crashed": [7, 9],
    "resumed": [7, 8, 9, 13, 18],
}

# Ship alone is repeated.
SHIP_LINE = (
    "task lines  2/4 also ran resumed (only undisturbed: bank.py:7, bank.py:9)  "
    "never reached: bank.py:8, bank.py:14-15, bank.py:22"
)

SHIP = CHARGE | {"crashed": [7, 9, 13, 18], "resumed": [13, 18]}


@pytest.fixture
def bank(project):
    pytest.importorskip("pytest_cov")
    project.add("bank.py", BANK)
    project.add("test_order.py", TEST)
    project.add("conftest.py", CONFTEST)
    return project


def under_pytest_cov(bank, *args, plugins=(), source="bank"):
    return bank.run(
        *(f"--cov={source}", "--cov-report=", *args),
        plugins=["pytest_cov", *plugins],
        subprocess=True,
    )


def told(bank, test="test_order.py"):
    return json.loads((bank.path / f"{test}.json").read_text())


def task_lines(result):
    return [line for line in result.outlines if line.startswith("task lines")]


def test_the_summary_names_what_recovery_never_came_to(bank):
    result = under_pytest_cov(bank, "--cano-crash=Ship@end=kill")

    assert result.ret == 0
    assert told(bank) == {"bank.py": SHIP}
    assert task_lines(result) == [SHIP_LINE]


def test_a_test_that_is_not_crashed_has_no_lines(bank):
    bank.add(
        "test_other.py",
        """
        import bank

        def test_other(cano_store, cano_workflow_id):
            bank.run(cano_store, cano_workflow_id, start="Refund")
    """,
    )

    under_pytest_cov(bank, "--cano-crash=Ship@end")

    assert told(bank) == {"bank.py": SHIP}
    assert told(bank, "test_other.py") is None


def test_tests_of_several_workers_are_told_together(bank):
    pytest.importorskip("xdist")
    bank.add("pytest.ini", "[pytest]\npythonpath = .\ncano_stores = sqlite\n")
    bank.add("test_order.py", TEST.replace("def", "@crash('Charge@end')\ndef"))
    bank.add("test_other.py", TEST.replace("def", "@crash('Ship@end')\ndef"))
    for name in ("test_order.py", "test_other.py"):
        text = (bank.path / name).read_text()
        bank.add(name, f"import pytest\ncrash = pytest.mark.cano_crash\n{text}")

    serial = under_pytest_cov(bank)
    both = told(bank), told(bank, "test_other.py")
    beside = under_pytest_cov(bank, "-n", "2", plugins=["xdist"])

    assert both == ({"bank.py": CHARGE}, {"bank.py": SHIP})
    assert (told(bank), told(bank, "test_other.py")) == both
    assert task_lines(serial) == [
        "task lines  4/4 also ran resumed  never reached: bank.py:14-15, bank.py:22"
    ]
    assert task_lines(beside) == task_lines(serial)


def test_a_limit_is_reached_or_fails_the_session(bank):
    bank.add("pytest.ini", "[pytest]\npythonpath = .\ncano_cov_fail_under = 51\n")

    failed = under_pytest_cov(bank, "--cano-crash=Ship@end")
    passed = under_pytest_cov(bank, "--cano-crash=Ship@end", "--cano-cov-fail-under=50")

    assert failed.ret == 1
    failed.stdout.fnmatch_lines(
        [
            "ERROR --cano-cov-fail-under: 2 of 4 task lines ran resumed, too (50 %), *",
            "* 2 passed, 1 error in *",
        ]
    )
    assert passed.ret == 0


def test_a_limit_without_coverage_is_a_usage_error(bank):
    result = bank.run("--cano-crash=Ship@end", "--cano-cov-fail-under=50")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (message,) = filter(None, result.errlines)
    assert message == (
        "ERROR: --cano-cov-fail-under: no lines were measured; run the tests under "
        "pytest-cov (--cov), or by `coverage run -m pytest` (with -n, and `patch = "
        "subprocess` in its configuration)"
    )


def test_workers_that_nobody_measures_fail_the_session_at_its_end(bank):
    pytest.importorskip("xdist")
    command = ("coverage", "run", "-m", "pytest", "-p", "cano", "-p", "xdist")
    options = ("-n", "1", "--cano-crash=Ship@end", "--cano-cov-fail-under=50")

    result = bank.pytester.run(sys.executable, "-m", *command, *options)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR --cano-cov-fail-under: no lines were *"])


def test_tasks_that_coverage_does_not_look_at_prove_nothing(bank):
    result = under_pytest_cov(
        bank,
        *("--cano-crash=Ship@end", "--cano-cov-fail-under=0", "-W", "default"),
        source="test_order",
    )

    assert result.ret == 1
    assert not task_lines(result)
    result.stdout.fnmatch_lines(
        ["ERROR *: no line of a task was measured: the files *"]
    )


def test_a_limit_lets_nothing_through_that_was_not_crashed(bank):
    bank.add("test_order.py", "def test_order(): pass")

    result = under_pytest_cov(
        bank, *("--cano-crash=all", "--cano-cov-fail-under=0", "-W", "default")
    )

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR --cano-cov-fail-under: nothing was crashed, *"])


def test_a_report_of_check_names_them_too(bank):
    bank.add(
        "test_order.py",
        """
        import bank

        def test_order(cano):
            def program(world):
                bank.run(world.store, world.workflow_id)

            report = cano.check(program, crash="Ship@end")
            assert report.lines.resumed_too == 2
            print(report)
            assert 0
    """,
    )

    result = under_pytest_cov(bank)

    assert task_lines(result) == [SHIP_LINE]


def test_a_report_has_them_and_parts_of_a_plan_are_put_together(
    bank, monkeypatch, capsys
):
    monkeypatch.chdir(bank.path)
    crash = "--cano-crash=Charge@end,Ship@end"
    parts = ["1.json", "2.json"]
    for part in (1, 2):
        under_pytest_cov(
            bank,
            *(crash, f"--cano-shard={part}/2", f"--cano-report=json:{part}.json"),
            *("-p", "no:cacheprovider"),
        )

    def merge(*args):
        return main(["merge", *parts, "--cano-report=json:merged.json", *args])

    def lines(name):
        document = from_json((bank.path / name).read_text("utf-8"))
        return None if document.lines is None else document.lines.as_builtins()

    assert [lines(part) for part in parts] == [{"bank.py": CHARGE}, {"bank.py": SHIP}]
    assert merge("--cano-cov-fail-under=100") == 0
    assert lines("merged.json") == {"bank.py": CHARGE | {"crashed": SHIP["crashed"]}}
    assert "\ntask lines  4/4 also ran resumed  never" in capsys.readouterr().out

    parts.remove("1.json")
    assert merge("--cano-cov-fail-under=51") == 1
    assert "--cano-cov-fail-under: 2 of 4 task lines" in capsys.readouterr().out
    data = json.loads((bank.path / "merged.json").read_text("utf-8"))
    assert not [*jsonschema.Draft202012Validator(schema()).iter_errors(data)]


def test_without_coverage_nobody_speaks_of_lines(bank):
    bank.add(
        "conftest.py",
        f"""{CONFTEST}
import sys

def pytest_unconfigure(config):
    names = ("coverage", "pytest_cano.line_contexts")
    print([name for name in names if name in sys.modules])
""",
    )

    result = bank.run("--cano-crash=Ship@end=kill", subprocess=True)

    assert told(bank) is None
    assert not task_lines(result)
    assert result.outlines[-1] == "[]"
