"""STUCK: no undisturbed restart brings a run to its end."""

from pytest_cano.oracles.stuck import Stuck
from pytest_cano.story import Verdict
from stories import baseline, crashed, failed, returned, run, story

ORACLE = Stuck()
LIVES = (crashed(), failed(2, "no"), failed(3, "no"))


def message(usual, seen) -> str | None:
    finding = ORACLE.judge(usual, seen)
    if finding is None:
        return None
    assert finding.verdict is Verdict.STUCK
    return finding.message


def test_a_run_that_ended_is_fine():
    assert message(baseline(), story()) is None


def test_a_run_that_does_not_end_undisturbed_need_not():
    assert (
        message(baseline(runs=[run(exit=None)]), story(runs=[run(exit=None)])) is None
    )


def test_a_run_that_was_left_is_named_with_its_state():
    seen = story(lives=LIVES, runs=[run(exit=None, state="Process")])

    assert message(baseline(), seen) == (
        "the run was left at Process: 2 restarts without a crash did not bring it to "
        "Done"
    )


def test_one_restart():
    seen = story(lives=(crashed(), returned()), runs=[run(exit=None)])

    assert message(baseline(), seen) == (
        "the run did not end: a restart without a crash did not bring it to Done"
    )


def test_a_run_that_was_never_begun_is_named():
    usual = baseline(runs=[run(1), run(2)])

    assert (message(usual, story(lives=LIVES)) or "").startswith(
        "run 2 was never begun"
    )
