"""BAD_LOG: the log broke its rules, or was not what had been appended."""

import pytest

from pytest_cano.oracles.bad_log import BadLog
from pytest_cano.story import Load, Verdict
from stories import baseline, crashed, extra, returned, row, rows, run, story

ORACLE = BadLog()


def message(seen) -> str | None:
    finding = ORACLE.judge(baseline(), seen)
    if finding is None:
        return None
    assert finding.verdict is Verdict.BAD_LOG
    return finding.message


@pytest.mark.parametrize(
    "log",
    [
        rows(),
        rows("Start", "Process", "Done"),
        rows("Start", "Process", "*Process", "+Process", "*Process", "Done"),
        rows("Start", "+Start", "+Start"),
    ],
)
def test_a_log_that_keeps_its_rules_is_fine(log):
    assert message(story(runs=[run(logs=(log,))])) is None


def test_anything_may_follow_where_nothing_is_declared():
    seen = run(logs=(rows("A", "B", "A"),), transitions={"A": None, "B": None})

    assert message(story(runs=[seen])) is None


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ((row(0, "Start"), row(2, "Process")), "row 2 (Process) stands where row 1"),
        ((row(0, "Start"), row(0, "Start")), "row 0 (Start) stands where row 1"),
        ((row(1, "Start"),), "row 1 (Start) stands where row 0 belongs"),
        (
            rows("Start", "Done"),
            "row 1 (Done) follows Start, which leads only to Process",
        ),
        (rows("Start", "Process", "Done", "+Done"), "follows the exit state Done"),
        (
            rows("Start", "+Process"),
            "row 1 (Process RESUME) stands in a visit of Start",
        ),
        (rows("*Start"), "row 0 (Start MEMO) stands in a visit of no state"),
    ],
)
def test_a_broken_rule_is_named(log, said):
    assert said in (message(story(runs=[run(logs=(log,))])) or "")


LOG = rows("Start", "Process")


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (Load(2, LOG, ()), "life 2 found no rows, 2 had been appended: what keeps"),
        (Load(2, LOG, LOG[:1]), "life 2 did not find row 1 (Process), which was"),
        (
            Load(2, LOG[:1], LOG),
            "life 2 found row 1 (Process), which nobody had appended",
        ),
        (Load(2, LOG, rows("Start", "Other")), "life 2 found row 1 changed"),
        (
            Load(3, (), LOG, finished=True),
            "life 3 found 2 rows, though the run had ended and its log was gone",
        ),
    ],
)
def test_a_log_that_was_not_read_back_as_written_is_named(load, said):
    assert said in (message(story(runs=[run(loads=(load,))])) or "")


def test_one_of_several_runs_is_named():
    bad = run(2, logs=((row(1, "Start"),),))

    assert (message(story(runs=[run(1), bad])) or "").startswith("run 2: row 1")


def test_a_row_of_the_extra_start_is_told_as_such():
    seen = story(
        lives=(crashed(), returned(), extra(3)),
        runs=[run(extra_rows=rows("Start"))],
    )

    assert message(seen) == (
        "row 0 (Start) was appended when the finished program was started once more"
    )
