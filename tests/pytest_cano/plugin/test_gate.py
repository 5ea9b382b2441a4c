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
