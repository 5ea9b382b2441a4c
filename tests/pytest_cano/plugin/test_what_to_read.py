"""What a session that fails says to somebody who has never heard of us."""

import shlex
import sys

import pytest

from shop_project import BUGGY, SAFE

FLAKY = """
import itertools
from shop import run, shop

count = itertools.count()

def test_flaky(cano_store, cano_ledger, cano_workflow_id):
    cano_ledger.effect("begin", next(count))
    run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
"""

NOTHING = "def test_nothing(cano_ledger): pass"

READ = "python -m pytest_cano explain"


def told(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if READ in line]


def test_the_first_failure_names_the_command_that_explains_it_and_no_other(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_more.py", BUGGY)

    result = project.run("--cano-crash=Charge")

    assert told(result) == [f"  read    {READ} DUPLICATED"]
    place = result.outlines.index(f"  read    {READ} DUPLICATED")
    first = next(line for line in result.outlines if line.startswith("  again "))
    assert result.outlines[place - 1] == first


def test_the_command_that_is_named_explains_the_verdict(project):
    project.add("test_buggy.py", BUGGY)
    (line,) = told(project.run("--cano-crash=@end"))

    python, *words = shlex.split(line.strip().removeprefix("read"))
    result = project.pytester.run(sys.executable, *words)

    assert python == "python"
    assert result.ret == 0
    result.stdout.fnmatch_lines(["DUPLICATED  an effect happened*", "*idempotency*"])


@pytest.mark.parametrize("dist", ["load", "loadfile"])
def test_it_is_said_once_where_the_tests_are_spread_over_processes(project, dist):
    pytest.importorskip("xdist")
    for name in ("test_one.py", "test_two.py"):
        project.add(name, BUGGY)

    args = ("-n", "2", "--dist", dist, "--cano-crash=@end")
    result = project.run(*args, plugins=["xdist"])

    assert told(result) == [f"  read    {READ} DUPLICATED"]


@pytest.mark.parametrize("style", ["no", "line"])
def test_where_no_failure_is_shown_in_full_the_summary_says_it(project, style):
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=@end", f"--tb={style}")

    assert told(result) == [f"read    {READ} DUPLICATED"]


def test_a_session_that_met_nothing_says_where_to_begin(project):
    project.add("test_plain.py", "def test_plain(): pass")

    result = project.run("--cano-crash=all")

    result.stdout.fnmatch_lines(["ERROR --cano-crash: nothing was crashed*"])
    assert told(result) == [f"read    {READ}"]


def test_a_test_that_ran_no_workflow_says_where_to_begin(project):
    project.add("test_nothing.py", NOTHING)
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=@end")

    assert told(result) == [f"  read    {READ}"]


def test_a_baseline_that_differs_is_explained_too(project):
    project.add("test_flaky.py", FLAKY)

    result = project.run("--cano-crash=@end")

    assert told(result) == [f"  read    {READ} FLAKY_BASELINE"]


def test_nothing_is_said_where_all_passed_or_nothing_of_ours_failed(project):
    project.add("test_safe.py", SAFE)
    passed = project.run("--cano-crash=@end")
    project.add("test_other.py", "def test_other(): assert 0")
    failed = project.run("--cano-crash=@end")
    plain = project.run()

    assert [passed.ret, failed.ret, plain.ret] == [0, 1, 1]
    assert told(passed) == told(failed) == told(plain) == []


def test_the_junit_report_stays_as_it_is(project):
    project.add("test_buggy.py", BUGGY)

    cases = project.junit("--cano-crash=@end")

    texts = [failure.text or "" for case in cases for failure in case.iter("failure")]
    assert any("again   pytest" in text for text in texts)
    assert not any(READ in text for text in texts)


def test_a_session_without_a_terminal_ends_as_ever(project):
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=@end", "-p", "no:terminal")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
