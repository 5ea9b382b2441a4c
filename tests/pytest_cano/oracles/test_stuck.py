"""STUCK: no undisturbed restart brings a run to its end."""

from dataclasses import replace

import pytest

from pytest_cano.oracles import judge
from pytest_cano.oracles.stuck import Stuck
from pytest_cano.story import TaskRun, Verdict
from stories import baseline, crashed, effect, failed, returned, run, story, task_run

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


def undoing(life: int, ended: str, error: str = "") -> TaskRun:
    return replace(task_run(life=life, ended=ended, undoing=True), error=error)


AGAIN = (
    "a compensation is repeated after a crash: undoing what is undone has to succeed"
)
RAISED = "life 3: the compensation of Process raised ValueError: not booked"
LATER = (
    undoing(2, "interrupted", "ValueError: no seat"),
    undoing(3, "interrupted", "ValueError: not booked"),
)


@pytest.mark.parametrize(
    ("runs", "details"),
    [
        ((undoing(1, "crashed"), *LATER), (RAISED, AGAIN)),
        ((undoing(1, "returned"), *LATER), (RAISED, AGAIN)),
        (LATER, (RAISED,)),
        ((task_run(), *LATER), (RAISED,)),
        ((undoing(1, "crashed"), LATER[0], undoing(3, "returned")), ()),
        ((undoing(1, "crashed"), LATER[0], undoing(3, "interrupted")), ()),
    ],
    ids=["in-it", "behind-it", "before-it", "task", "returned", "stopped"],
)
def test_a_compensation_that_raises_is_the_cause(runs, details):
    seen = story(lives=LIVES, runs=[run(exit=None)], task_runs=runs)
    finding = ORACLE.judge(baseline(), seen)

    assert finding is not None
    assert finding.details == details


def test_the_compensation_of_another_run_is_not_the_cause():
    runs = [replace(each, run=2) for each in (undoing(1, "crashed"), *LATER)]
    seen = story(lives=LIVES, runs=[run(exit=None), run(2)], task_runs=runs)
    finding = ORACLE.judge(baseline(runs=[run(), run(2)]), seen)

    assert finding is not None
    assert finding.details == ()


def test_what_a_lost_process_has_done_nobody_can_judge():
    how = "the process of life 2 ended itself with status 3, past its test (os._exit?)"
    lives = (crashed(), replace(failed(2, how), vanished=how), returned(3))

    (finding,) = judge(baseline(), story(lives=lives, effects=(effect("charge()"),)))

    assert finding.verdict is Verdict.STUCK
    assert finding.message == how
