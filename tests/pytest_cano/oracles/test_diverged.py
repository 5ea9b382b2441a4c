"""DIVERGED: the run ended otherwise, or the program saw something else."""

import pytest

from pytest_cano.oracles.diverged import Diverged
from pytest_cano.story import LifeStory, Verdict
from stories import baseline, crashed, failed, run, story

ORACLE = Diverged()


def message(usual, seen) -> str | None:
    finding = ORACLE.judge(usual, seen)
    if finding is None:
        return None
    assert finding.verdict is Verdict.DIVERGED
    return finding.message


def test_the_same_end_is_fine():
    assert message(baseline(), story()) is None


def test_another_exit_is_named():
    seen = story(runs=[run(exit="Refused")])

    assert message(baseline(), seen) == (
        "the run ended at Refused, at Done in the undisturbed run"
    )


def test_one_of_several_runs_is_named():
    usual = baseline(runs=[run(1), run(2)])
    seen = story(runs=[run(1), run(2, exit="Refused")])

    assert message(usual, seen) == (
        "run 2 ended at Refused, at Done in the undisturbed run"
    )


def test_an_end_that_the_undisturbed_run_does_not_come_to_is_named():
    assert message(baseline(runs=[run(exit=None)]), story()) == (
        "the run ended at Done, did not end in the undisturbed run"
    )


def test_a_run_that_does_not_end_is_stuck_and_not_diverged():
    seen = story(
        lives=(crashed(), failed(2, "E: no")),
        runs=[run(exit=None)],
        observations={"x": ("1",)},
    )

    assert message(baseline(), seen) is None


def test_a_run_that_ends_neither_here_nor_there_is_fine():
    assert (
        message(baseline(runs=[run(exit=None)]), story(runs=[run(exit=None)])) is None
    )


def test_a_failed_program_says_why_in_one_line():
    seen = story(
        lives=(crashed(), failed(2, "Traceback\n  E  AssertionError: 1 == 2\n"))
    )

    assert message(baseline(), seen) == (
        "the program failed after the restart: AssertionError: 1 == 2"
    )


def test_a_failed_program_without_words():
    assert message(baseline(), story(lives=(crashed(), failed(2, "")))) == (
        "the program failed after the restart: without saying why"
    )


def test_a_skipped_program_is_named():
    seen = story(lives=(crashed(), LifeStory(2, "skipped")))

    assert message(baseline(), seen) == "the program was skipped after the restart"


@pytest.mark.parametrize(
    ("usual", "seen", "said"),
    [
        ({"x": ("1",)}, {"x": ("2",)}, "x was observed as 2, 1 in the undisturbed run"),
        ({"x": ("1",)}, {}, "x was observed as nothing, 1 in the undisturbed run"),
        ({}, {"x": ("1",)}, "x was observed as 1, nothing in the undisturbed run"),
        (
            {"x": ("1", "2")},
            {"x": ("1",)},
            "x was observed as 1, 1, then 2 in the undisturbed run",
        ),
    ],
)
def test_another_observation_is_named(usual, seen, said):
    assert message(baseline(observations=usual), story(observations=seen)) == said
