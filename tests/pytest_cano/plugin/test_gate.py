"""The gate: sessions that fail for what did not pass, or was not tried."""

import pytest

from shop_project import BUGGY, SAFE


def test_what_was_not_tried_fails_the_session(project):
    project.add("test_safe.py", SAFE)

    gated = project.run("--cano-crash=@end", "--cano-fail-under-coverage=50")
    alone = project.run("--cano-crash=@end", "--cano-fail-under-coverage=25")

    assert gated.ret == 1
    gated.stdout.fnmatch_lines(
        ["ERROR --cano-fail-under-coverage: 2 of 8 crash points crashed (25 %), *50 %"]
    )
    assert alone.ret == 0


def test_what_the_budget_left_out_is_named(project):
    project.add("test_safe.py", SAFE)

    result = project.run(
        *("--cano-crash=all", "--cano-budget=3", "--cano-fail-under-coverage=100")
    )

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["ERROR *: 3 of 8 crash points *; the budget left out 5 schedules"]
    )


def test_the_score_is_of_all_tests(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=all", "--cano-fail-under=95")

    result.stdout.fnmatch_lines(
        ["ERROR --cano-fail-under: 14 of 16 schedules passed (87 %), less than 95 %"]
    )


def test_a_gate_lets_nothing_through_that_was_not_crashed(project):
    project.add("test_other.py", "def test_other(): pass")

    result = project.run("--cano-crash=all", "--cano-fail-under-coverage=100")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR --cano-fail-under-coverage: nothing was *"])


def test_workers_are_judged_together(project):
    pytest.importorskip("xdist")
    project.add("test_one.py", SAFE)
    project.add("test_two.py", SAFE)

    result = project.run(
        *("--cano-crash=@end", "--cano-fail-under-coverage=50", "-n", "2"),
        plugins=["xdist"],
        subprocess=True,
    )

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR *: 4 of 16 crash points crashed (25 %), *"])


def test_no_percentage_is_refused_before_anything_runs(project):
    result = project.run("--cano-fail-under=all")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--cano-fail-under: 'all' is no whole number from 0*"]
    )


ACCEPTING = """
import pytest
from shop import run, shop

@pytest.mark.cano_accept("Charge", verdict="DUPLICATED", reason="no keys")
def test_buggy(cano_store, cano_ledger, cano_workflow_id):
    assert run(shop(cano_store, cano_ledger), cano_workflow_id) == "Done"
"""


def test_no_more_is_accepted_than_was_said(project):
    project.add("test_buggy.py", ACCEPTING)

    fewer = project.run("--cano-crash=all", "--cano-max-accepted=1")
    enough = project.run("--cano-crash=all", "--cano-max-accepted=2")

    assert [fewer.ret, enough.ret] == [1, 0]
    fewer.stdout.fnmatch_lines(
        ["ERROR --cano-max-accepted: 2 schedules accepted as they fail, more than 1"]
    )


def test_only_the_verdicts_that_were_named_fail(project):
    project.add("test_buggy.py", BUGGY)

    other = project.run("-v", "--cano-crash=all", "--cano-fail-on=LOST,DIVERGED")
    named = project.run("--cano-crash=all", "--cano-fail-on=DUPLICATED")

    assert [other.ret, named.ret] == [0, 1]
    other.stdout.fnmatch_lines(
        [
            "test_buggy.py::test_buggy TOLERATED [[]Charge@end]*",
            "test_buggy  6/8 crash points  2 tolerated  * s",
            "tolerated  test_buggy [[]Charge@end] DUPLICATED: charge* 2 times*",
            "score  6/8 * (75 %), 2 tolerated   coverage *   worst  DUPLICATED",
        ]
    )


def test_what_proves_nothing_fails_whatever_was_named(project):
    project.add("test_safe.py", SAFE)

    result = project.run(
        "--cano-crash=Charge@end > Charge@effect:7", "--cano-fail-on=LOST"
    )

    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT_FIRED *"])


@pytest.mark.parametrize("name", ["NOT_FIRED", "PASS", "KNOWN", "lost"])
def test_what_is_no_verdict_to_fail_on_is_a_usage_error(project, name):
    result = project.run(f"--cano-fail-on={name}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --cano-fail-on: '{name}' is no verdict that can fail a test (*"]
    )
