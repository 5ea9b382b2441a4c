"""``--cano-report=json:FILE``: all that a session found, as one file."""

import json
import os

import jsonschema
import pytest

from pytest_cano.records.codec import FormatError, from_json, to_json
from pytest_cano.records.schema import schema
from pytest_cano.story import Verdict
from shop_project import BUGGY, POINTS, SAFE

# What failed before would come first.
REPORT = (
    "--cano-crash=all",
    "--cano-report=json:out/cano.json",
    "-p",
    "no:cacheprovider",
)


@pytest.fixture
def crashed(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    project.add("test_other.py", "def test_other(): pass")
    return project


def document(project, name="out/cano.json"):
    return from_json((project.path / name).read_text("utf-8"))


def without_times(data):
    """A report without what no two sessions have in common."""
    if isinstance(data, dict):
        return {
            key: without_times(value)
            for key, value in data.items()
            if key not in ("seconds", "duration", "started", "arguments")
        }
    return [without_times(each) for each in data] if isinstance(data, list) else data


def test_it_holds_every_schedule_with_its_story(crashed):
    result = crashed.run(*REPORT)

    result.stdout.fnmatch_lines(["report  json:out/cano.json"])
    buggy, safe = document(crashed).programs
    assert (buggy.test, safe.test) == (
        "test_buggy.py::test_buggy",
        "test_safe.py::test_safe",
    )
    assert (buggy.file, buggy.line, buggy.outcome) == ("test_buggy.py", 3, "passed")
    assert tuple(trial.name for trial in buggy.trials) == POINTS
    failed = {trial.name: trial for trial in buggy.trials if trial.verdict.fails}
    assert set(failed) == {"Charge@effect:1", "Charge@end"}
    twice = failed["Charge@end"]
    assert twice.verdict is Verdict.DUPLICATED
    assert twice.again.endswith("--cano-crash='Charge@end'")
    assert [effect.identity for effect in twice.story.effects] == [
        "charge('order-1', 42)",
        "charge('order-1', 42)",
        "send('order-1')",
    ]
    assert twice.story.runs[1].tasks == {
        "Charge": "shop.py:9 in charge",
        "Ship": "shop.py:14 in ship",
    }
    assert [row.state for row in twice.story.runs[1].logs[0]] == [
        *("Charge", "Charge", "Ship", "Done")
    ]


def test_it_is_as_its_schema_says(crashed):
    crashed.run(*REPORT)

    data = json.loads((crashed.path / "out/cano.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema())
    assert not list(validator.iter_errors(data))
    data["programs"][0]["trials"][0]["verdict"] = "FINE"
    assert list(validator.iter_errors(data))


def test_what_was_read_is_written_alike(crashed):
    crashed.run(*REPORT)

    text = (crashed.path / "out/cano.json").read_text("utf-8")
    assert to_json(from_json(text)) == text


def test_it_is_the_same_from_workers(crashed):
    pytest.importorskip("xdist")
    crashed.run(*REPORT)
    alone = json.loads((crashed.path / "out/cano.json").read_text("utf-8"))

    crashed.run(*REPORT, "-n", "2", plugins=["xdist"], subprocess=True)

    beside = json.loads((crashed.path / "out/cano.json").read_text("utf-8"))
    assert without_times(alone) == without_times(beside)


def test_a_test_that_fails_undisturbed_is_in_it(project):
    project.add("test_it.py", "def test_it(cano_ledger): assert False")

    project.run(*REPORT)

    (program,) = document(project).programs
    assert (program.outcome, program.trials) == ("failed", ())


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("json", "json: say where it goes: json:FILE"),
        ("json:.", "json:.: . is a directory, not a file"),
        ("json:test_it.py/r", "json:test_it.py/r: nothing can be written below *"),
        ("html", "html: say where it goes: html:DIR"),
        ("html:test_it.py", "html:test_it.py: test_it.py is no directory"),
        ("jsn:r", "there is no report 'jsn' (*json*); did you mean 'json'?"),
    ],
)
def test_a_report_that_can_not_be_written_is_a_usage_error(project, option, problem):
    project.add("test_it.py", SAFE)

    result = project.run("--cano-crash=all", f"--cano-report={option}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --cano-report: {problem}"])


@pytest.mark.parametrize("option", ["json:pipe", "junit:link", "html:."])
def test_a_report_never_replaces_what_is_no_file(project, option):
    project.add("test_it.py", SAFE)
    os.mkfifo(project.path / "pipe")
    (project.path / "link").symlink_to("pipe")
    (project.path / "index.html").symlink_to("pipe")

    result = project.run("--cano-crash=all", f"--cano-report={option}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --cano-report: {option}: * is no regular *"])
    assert (project.path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("reports", "problem"),
    [
        ("json:r junit:./r", "json:r and junit:./r would be the same file"),
        ("json:r json:r", "json:r is asked for twice"),
        ("github github", "github is asked for twice"),
        (
            "sarif:link junit:r",
            "sarif:link and junit:r would be the same file",
        ),
        (
            "html:out json:out/index.html",
            "html:out and json:out/index.html would be the same file",
        ),
        (
            "html:out junit:out",
            "html:out and junit:out: one would be a file where the other *",
        ),
        (
            "json:known.json",
            "--cano-baseline and json:known.json would be the same file",
        ),
    ],
)
def test_no_report_is_written_over_something_else(project, reports, problem):
    project.add("test_it.py", SAFE)
    (project.path / "link").symlink_to("r")
    options = [f"--cano-report={each}" for each in reports.split()]

    result = project.run("--cano-crash=all", "--cano-baseline=known.json", *options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --cano-report: {problem}"])


def test_a_report_that_could_not_be_written_fails_the_session(project):
    project.add("test_safe.py", SAFE)
    project.add(
        "conftest.py",
        """
        class Full:
            def write(self, document):
                raise OSError("the disk is full")

        def pytest_cano_report(kind, target):
            if kind == "full":
                return Full()
        """,
    )

    result = project.run("--cano-crash=all", "--cano-report=full")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["ERROR --cano-report=full: it could not be written: the disk is full"]
    )


def test_a_report_of_ones_own_that_fails_is_named(project):
    project.add("test_safe.py", SAFE)
    project.add(
        "conftest.py",
        """
        class Wrong:
            def write(self, document):
                return document.nothing

        def pytest_cano_report(kind, target):
            if kind == "wrong":
                return Wrong()
        """,
    )

    result = project.run("--cano-crash=@end", "--cano-report=wrong")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR --cano-report=wrong: it failed: *nothing*"])


def test_a_report_of_ones_own(project):
    project.add("test_safe.py", SAFE)
    project.add(
        "conftest.py",
        """
        class Chat:
            def __init__(self, room):
                self.room = room

            def write(self, document):
                return [f"told {self.room} of {len(document.programs)} test"]

        def pytest_cano_report(kind, target):
            if kind == "chat":
                return Chat(target)
        """,
    )

    result = project.run("--cano-crash=all", "--cano-report=chat:#ship:it")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["told #ship:it of 1 test"])


def test_a_session_that_is_stopped_says_so(project):
    project.add("test_safe.py", SAFE)
    project.add(
        "test_stopped.py",
        """
        from shop import run, shop

        def test_stopped(cano, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
            if cano.schedule == "Ship@start":
                raise KeyboardInterrupt
        """,
    )

    project.run(*REPORT, subprocess=True)

    found = document(project)
    assert found.made.interrupted
    stopped = found.programs[1]
    assert (stopped.outcome, len(stopped.trials)) == ("interrupted", 4)


@pytest.mark.parametrize("args", [(), ("--cano-crash=all", "--collect-only")])
def test_a_session_that_crashes_nothing_leaves_the_report_of_another(project, args):
    project.add("test_safe.py", SAFE)
    project.add(
        "pytest.ini",
        "[pytest]\npythonpath = .\ncano_stores = memory\ncano_report = json:r.json\n",
    )
    project.run("--cano-crash=@end")
    before = (project.path / "r.json").read_bytes()

    result = project.run(*args)

    assert result.ret == 0
    assert (project.path / "r.json").read_bytes() == before


def test_a_name_that_no_file_can_have_fails_the_session_at_its_end(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=@end", f"--cano-report=json:{'long' * 99}")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["ERROR --cano-report=json:*: it could not be written*"]
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is no JSON"),
        ("[]", "it is no report of pytest-cano"),
        ('{"format": "pytest-cano report", "version": 2}', "of format version 2"),
        (
            '{"format": "pytest-cano report", "version": 1, "programs": [{}]}',
            r"programs\[0\].test",
        ),
    ],
)
def test_what_is_no_report_is_refused(text, problem):
    with pytest.raises(FormatError, match=problem):
        from_json(text)
