"""The weightiest finding is the verdict."""

from pytest_cano.oracles import ORACLES, judge
from pytest_cano.story import Verdict
from stories import (
    TRANSITIONS,
    baseline,
    crashed,
    effect,
    returned,
    rows,
    run,
    story,
    task_run,
)


def test_everything_is_found_and_the_weightiest_comes_first():
    usual = baseline(
        runs=[run(1), run(2)], effects=(effect("a()"),), task_runs=(task_run("Start"),)
    )
    seen = story(
        lives=(crashed(), returned()),
        runs=[
            run(1, exit="Refused", logs=(rows("Start", "Done"),)),
            run(2, exit=None, transitions=TRANSITIONS),
        ],
        effects=(effect("b()"),),
        task_runs=(task_run("Start"), task_run("Start", life=2)),
    )

    assert [finding.verdict for finding in judge(usual, seen)] == [
        Verdict.STUCK,
        Verdict.DUPLICATED,
        Verdict.LOST,
        Verdict.DIVERGED,
        Verdict.RERAN,
        Verdict.BAD_LOG,
    ]


def test_nothing_found_is_nothing():
    assert judge(baseline(), story()) == ()


def test_every_verdict_has_a_meaning():
    assert all(verdict.meaning for verdict in Verdict)
    # Not judged by an oracle of one story.
    apart = {
        Verdict.PASS,
        *(verdict for verdict in Verdict if verdict.excused),
        *(Verdict.FLAKY_BASELINE, Verdict.ENDINGS_DISAGREE),
    }
    assert len(ORACLES) == len({*Verdict} - apart)
