"""RERAN: a visit ran again that the log had already passed."""

from dataclasses import replace

import pytest

from pytest_cano.oracles.reran import Reran
from pytest_cano.story import Load, Verdict
from stories import baseline, crashed, extra, returned, rows, run, story, task_run

ORACLE = Reran()
USUAL = baseline(task_runs=(task_run("Start"), task_run("Process")))


def message(usual, seen) -> str | None:
    finding = ORACLE.judge(usual, seen)
    if finding is None:
        return None
    assert finding.verdict is Verdict.RERAN
    return finding.message


def observed(*runs, current=(("Process", 1),), **more):
    return story(runs=[run(current=current, **more)], task_runs=runs)


def test_the_resumed_visit_runs_once_more():
    assert message(USUAL, observed(task_run(ended="crashed"), task_run(life=2))) is None


def test_a_visit_that_the_log_had_passed_must_not():
    seen = observed(
        task_run("Start"), task_run("Process", ended="crashed"),
        task_run("Start", life=2), task_run("Process", life=2),
    )  # fmt: skip

    assert message(USUAL, seen) == (
        "the task of Start ran 2 times, though the log had passed it"
    )


def test_each_resumption_excuses_one_more():
    runs = [task_run(life=life) for life in (1, 2, 3)]

    assert message(USUAL, observed(*runs, current=[("Process", 1)] * 2)) is None
    assert message(USUAL, observed(*runs, current=[("Process", 1)])) == (
        "the task of Process ran 3 times, at most 2 are due to its resumptions"
    )


def test_a_resumption_in_another_visit_excuses_nothing():
    runs = (task_run(visit=2), task_run(visit=2, life=2))

    assert message(USUAL, observed(*runs, current=[("Process", 1)])) == (
        "the task of visit 2 of Process ran 2 times, though the log had passed it"
    )
    assert message(USUAL, observed(*runs, current=[("Process", 2)])) is None


@pytest.mark.parametrize("life", [1, 2])
def test_a_run_that_failed_is_resumed_before_it_runs_again(life):
    runs = (task_run(ended="interrupted", life=life), task_run(life=2))

    assert message(USUAL, observed(*runs)) is None
    assert message(USUAL, observed(*runs, current=())) is not None


def test_what_the_undisturbed_program_resumes_itself_is_no_habit():
    once = run(current=[("Process", 1)])
    usual = baseline(task_runs=(task_run(), task_run()), runs=[once])

    assert message(usual, observed(*[task_run()] * 2)) is None
    assert message(usual, observed(*[task_run()] * 3)) is not None


def test_what_the_undisturbed_program_runs_again_it_may_run_again():
    usual = baseline(task_runs=(task_run(), task_run()))

    assert message(usual, observed(task_run(), task_run(), current=())) is None
    assert message(usual, observed(*[task_run()] * 4)) is None
    assert message(usual, observed(*[task_run()] * 5)) is not None


def test_a_visit_that_the_undisturbed_run_does_not_know_may_run_once():
    assert message(USUAL, observed(task_run("Refused"), current=())) is None
    assert message(USUAL, observed(*[task_run("Refused")] * 2, current=())) is not None


def test_runs_without_a_store_are_not_judged():
    seen = observed(task_run(), task_run(life=2), current=(), workflow_id=None)

    assert message(USUAL, seen) is None


def test_a_task_of_the_extra_start_is_told_as_such():
    seen = story(
        lives=(crashed(), returned(), extra(3)),
        runs=[run(current=(("Process", 1),))],
        task_runs=(task_run(), task_run(life=2), task_run(life=3)),
    )

    assert message(USUAL, seen) == (
        "the task of Process ran when the finished program was started once more"
    )


def undo(**more):
    return task_run(undoing=True, **more)


def test_a_resumed_compensation_runs_once_more():
    runs = (task_run(), undo(ended="crashed"), undo(life=2))

    assert message(USUAL, observed(*runs, current=(), undoing=[("Process", 1)])) is None
    assert message(USUAL, observed(*runs, current=(), undoing=[("Start", 1)])) == (
        "the compensation of Process ran 2 times, though the log had passed it"
    )


def test_a_compensation_and_its_task_are_excused_each_by_its_own_resumption():
    runs = (task_run(), task_run(life=2))

    assert message(USUAL, observed(*runs, current=(), undoing=[("Process", 1)])) == (
        "the task of Process ran 2 times, though the log had passed it"
    )


def test_what_is_undone_within_its_own_visit_is_undone_again_with_it():
    runs = (task_run(), undo(ended="crashed"), task_run(life=2), undo(life=2))

    assert message(USUAL, observed(*runs)) is None


def test_no_log_passes_a_router():
    runs = (task_run("Pick"), task_run("Pick", life=2))
    seen = observed(*runs, current=(), kinds={"Pick": "router"})

    assert message(USUAL, seen) is None
    assert message(USUAL, observed(*runs, current=())) is not None


def test_a_compensation_of_the_extra_start_is_told_as_such():
    seen = story(
        lives=(crashed(), returned(), extra(3)), task_runs=(undo(), undo(life=3))
    )
    seen = replace(seen, runs={1: run(undoing=(("Process", 1),))})

    assert message(USUAL, seen) == (
        "the compensation of Process ran when the finished program was started once "
        "more"
    )


LOST = Load(2, rows("Start", "Process"), rows("Start"))


@pytest.mark.parametrize("may_lose", [0, 1])
def test_what_a_store_has_lost_may_run_again(may_lose):
    runs = (
        task_run("Start"), task_run("Process", ended="crashed"),
        task_run("Start", life=2), task_run("Process", life=2),
    )  # fmt: skip
    load = replace(LOST, may_lose=may_lose)

    assert message(USUAL, observed(*runs)) is not None
    assert message(USUAL, observed(*runs, loads=(load,))) is None
    again = task_run("Start", life=2)
    assert message(USUAL, observed(*runs, again, loads=(load,))) is not None


def test_what_was_before_the_lost_rows_may_not():
    log = rows("Start", "Process", "*Process a", "Done")
    runs = (task_run("Start"), task_run("Start", life=2))
    load = Load(2, log, log[:2])

    assert message(USUAL, observed(*runs, current=(), loads=(load,))) is not None


def test_an_undoing_that_a_store_has_lost_may_run_again():
    log = rows("Start", "!Start", "Process", "<Process", "-Start 0")
    runs = (
        task_run("Start", undoing=True),
        task_run("Start", undoing=True, life=2),
    )

    for kept, fine in ((4, True), (5, False)):
        loads = (Load(2, log, log[:kept]),)
        seen = observed(*runs, current=(), loads=loads)
        assert (message(USUAL, seen) is None) == fine
