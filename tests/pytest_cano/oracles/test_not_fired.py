"""NOT_FIRED: the planned crash was never reached."""

from pytest_cano.oracles import judge
from pytest_cano.oracles.not_fired import NotFired
from pytest_cano.schedule import CrashPoint
from pytest_cano.story import Verdict
from stories import baseline, crashed, effect, returned, story

ORACLE = NotFired()


def test_a_crash_that_happened_is_fine():
    assert ORACLE.judge(baseline(), story()) is None


def test_the_point_and_the_life_are_named():
    seen = story(unreached=CrashPoint("Process", "start"))
    finding = ORACLE.judge(baseline(points=["Process@start"]), seen)

    assert finding is not None
    assert finding.verdict is Verdict.NOT_FIRED
    assert finding.message == (
        "Process@start was never reached in life 2, which returned"
    )
    assert "nothing is proved" in finding.details[0]


def test_a_point_that_the_baseline_met_tells_of_a_fickle_program():
    seen = story(lives=(returned(1),), unreached=CrashPoint("Process", "start"))
    finding = ORACLE.judge(baseline(points=["Process@start"]), seen)

    assert finding is not None
    assert "does not do the same in every run" in finding.details[0]


def test_the_life_is_the_one_for_which_it_was_planned():
    seen = story(
        lives=(returned(1), returned(2)),
        unreached=CrashPoint("Process", "start"),
        missed_in=1,
    )
    finding = ORACLE.judge(baseline(), seen)

    assert finding is not None
    assert "never reached in life 1" in finding.message


def test_a_second_fault_at_a_point_that_is_met_once():
    point = CrashPoint("Process", "start")
    seen = story(lives=(returned(1, points=(point,)),), unreached=point, missed_in=1)
    finding = ORACLE.judge(baseline(), seen)

    assert finding is not None
    assert finding.message == (
        "Process@start was met, but not once more, in life 1, which returned"
    )


def test_nothing_else_is_judged_then():
    seen = story(
        lives=(crashed(), returned()),
        unreached=CrashPoint("Process", "start"),
        effects=(effect("charge()"),),
    )

    assert [finding.verdict for finding in judge(baseline(), seen)] == [
        Verdict.NOT_FIRED
    ]
