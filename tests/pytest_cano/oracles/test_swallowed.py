"""SWALLOWED: the store failed, and success was reported all the same."""

import pytest

from pytest_cano.oracles.swallowed import Swallowed
from pytest_cano.story import Verdict
from stories import (
    baseline,
    crashed,
    extra,
    failed,
    operation,
    returned,
    rows,
    run,
    story,
)

ORACLE = Swallowed()
START, PROCESS, DONE = LOG = rows("Start", "Process", "Done")
OTHER, NOTED = rows("Start", "Other", "*Other a")[1:]


def message(*operations, life=None, usual=None, **more) -> str | None:
    lives = (life or returned(1, until=9),)
    more.setdefault("runs", [run(operations=operations)])
    finding = ORACLE.judge(usual or baseline(), story(lives=lives, **more))
    if finding is None:
        return None
    assert finding.verdict is Verdict.SWALLOWED
    return finding.message


def finish(at, **more):
    return operation(at, DONE, name="finish", ends=True, **more)


def test_a_store_that_does_not_fail_is_fine():
    assert message(operation(1, START), operation(2, PROCESS), finish(3)) is None
    assert message(operation(1, START)) is None


@pytest.mark.parametrize("ended", ["failed", "cancelled"])
def test_success_without_the_end_of_the_run_is_named(ended):
    assert message(operation(1, START), finish(3, ended=ended)) == (
        "life 1 returned as the undisturbed run does, though finish of row 2 (Done) "
        "had failed (OSError: disk full) and the run had not come to Done"
    )


def test_a_log_that_could_not_be_read_is_named():
    failed_to_read = operation(1, name="load_run", ended="failed")

    assert (message(failed_to_read) or "").startswith(
        "life 1 returned as the undisturbed run does, though load_run had failed"
    )


@pytest.mark.parametrize(
    "life",
    [failed(1, "OSError"), crashed(1), extra(1), returned(1, observations={"x": ()})],
    ids=["failed", "crashed", "extra", "says-so"],
)
def test_a_life_that_does_not_claim_success_is_fine(life):
    assert message(finish(3, ended="failed"), life=life) is None


def test_what_it_observed_is_compared_with_the_undisturbed_life():
    life = returned(1, observations={"x": ("1",)}, until=9)
    usual = baseline(lives=[returned(1, observations={"x": ("1",)})])

    assert message(finish(3, ended="failed"), life=life, usual=usual) is not None


@pytest.mark.parametrize(
    "ending",
    [
        finish(5),
        finish(5, life=2, session=1),
        finish(3, ended="failed", durable=True),
        operation(5, DONE),
    ],
    ids=["again", "by-another", "all-the-same", "by-its-row"],
)
def test_a_run_that_had_ended_by_then_is_fine(ending):
    assert message(finish(3, ended="failed"), ending) is None


def test_a_run_that_ends_in_a_later_life_only_had_not_ended():
    assert message(finish(3, ended="failed"), finish(12, life=2)) is not None


def test_a_failure_in_another_life_or_run_says_nothing_of_this_one():
    assert message(finish(3, ended="failed", life=2)) is None
    other = [run(1), run(2, operations=[finish(3, ended="failed")])]

    assert message(runs=other) is None
    usual = baseline(runs=[run(1), run(2)])
    assert (message(runs=other, usual=usual) or "").startswith("run 2: life 1 returned")


def test_a_run_that_does_not_end_undisturbed_need_not():
    usual = baseline(runs=[run(exit=None)])

    assert message(finish(3, ended="failed"), usual=usual) is None


FAILED = operation(2, PROCESS, ended="failed")


@pytest.mark.parametrize("following", [operation(3, OTHER), finish(3)])
def test_going_on_without_a_row_is_named(following):
    assert (message(FAILED, following, finish(4)) or "").startswith(
        "append of row 1 (Process) failed in life 1 (OSError: disk full), and "
    )


@pytest.mark.parametrize(
    "following",
    [
        operation(3, PROCESS),
        operation(3, PROCESS, DONE),
        operation(3, OTHER, session=2),
        operation(3, OTHER, life=2),
        operation(3, OTHER, session=0),
        operation(3, NOTED),
        operation(3, OTHER, ended="failed"),
        operation(1, OTHER),
    ],
    ids=[
        *("again", "with-more", "by-another-start", "in-another-life"),
        *("by-the-program", "beside-it", "failed-too", "before-it"),
    ],
)
def test_anything_else_may_follow(following):
    assert message(FAILED, following, finish(9, session=3)) is None


@pytest.mark.parametrize(
    "first",
    [
        operation(2, PROCESS, ended="cancelled"),
        operation(2, PROCESS, ended="failed", durable=True),
        operation(2, PROCESS, ended="conflict"),
    ],
)
def test_a_row_may_follow_what_did_not_fail(first):
    assert message(first, operation(3, OTHER), finish(9, session=3)) is None


def test_going_on_is_wrong_of_a_program_by_itself_only_if_it_claims_success():
    mine = operation(2, PROCESS, ended="failed", session=0)

    assert message(mine, operation(3, OTHER, session=0), finish(9)) is None
