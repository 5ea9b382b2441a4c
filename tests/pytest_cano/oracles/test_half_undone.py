"""HALF_UNDONE: a run was undone in part, twice, in a wrong order or after its end."""

import pytest

from pytest_cano.oracles.half_undone import HalfUndone
from pytest_cano.story import Load, Verdict
from stories import baseline, operation, rows, run, story, task_run

ORACLE = HalfUndone()

SAGA = {
    "transitions": {
        "Book": frozenset({"Pay"}),
        "Pay": frozenset({"Pay", "Check"}),
        "Check": frozenset({"Done"}),
    },
    "kinds": {"Book": "compensatable", "Pay": "compensatable", "Check": "task"},
}
FORWARD = ("Book", "!Book", "Pay", "!Pay", "Check")
DONE = rows(*FORWARD, "Done")
UNDONE = rows(*FORWARD, "<Check", "-Pay 2", "-Book 0")


def undo(state: str, at: int, *, log: int = 1, session: int = 1, **more):
    return task_run(state, undoing=True, at=at, log=log, session=session, **more)


def messages(*logs, undoing=(), usual=None, **more) -> list[str]:
    seen = run(logs=logs, **SAGA, **more)
    undisturbed = baseline(runs=[run(logs=usual or (DONE,), **SAGA)])
    finding = ORACLE.judge(undisturbed, story(runs=[seen], task_runs=undoing))
    if finding is None:
        return []
    assert finding.verdict is Verdict.HALF_UNDONE
    return [finding.message, *finding.details]


def test_a_run_that_is_done_is_fine():
    assert messages(DONE) == []


def test_a_run_that_is_undone_is_fine():
    assert messages(UNDONE, undoing=[undo("Pay", 6), undo("Book", 8)]) == []


def test_a_compensation_may_run_again_until_it_is_recorded():
    undoing = [
        *(undo("Pay", 6, ended="crashed"), undo("Pay", 7, life=2, session=2)),
        undo("Book", 9, life=2, session=2),
    ]

    assert messages(UNDONE, undoing=undoing) == []


def test_what_was_not_undone_at_the_end_is_named():
    left = "the run is said to be rolled back, but Book was not undone"

    assert messages(UNDONE[:-1], half_undone=(left,)) == [left]


@pytest.mark.parametrize("ended", ["returned", "crashed"])
def test_a_compensation_of_a_run_that_ends_is_named(ended):
    assert messages(DONE, undoing=[undo("Pay", 9, ended=ended)]) == [
        "the compensation of Pay ran in life 1, though the run ended at Done"
    ]


def test_what_is_undone_at_once_was_never_completed():
    assert messages(DONE[:1], undoing=[undo("Book", 9)]) == []
    other = undo("Pay", 9, visit=2)

    assert messages(DONE, undoing=[other]) == []


def test_what_was_undone_in_an_earlier_log_says_nothing_of_a_later_one():
    assert messages(UNDONE, DONE, undoing=[undo("Pay", 6, log=1)]) == []
    assert messages(UNDONE, DONE, undoing=[undo("Pay", 9, log=2)]) != []


def test_undone_twice_by_one_start_of_the_run_is_named():
    undoing = [undo("Pay", 6), undo("Pay", 7)]

    assert messages(UNDONE, undoing=undoing) == ["Pay was undone twice in life 1"]
    again = undo("Pay", 7, session=2)
    assert messages(UNDONE, undoing=[undo("Pay", 6), again]) == []


def test_undone_again_after_its_row_is_named():
    recorded = operation(7, UNDONE[6])

    assert messages(UNDONE, undoing=[undo("Pay", 6)], operations=[recorded]) == []
    late = [undo("Pay", 6), undo("Pay", 8, life=2, session=2)]
    assert messages(UNDONE, undoing=late, operations=[recorded]) == [
        (
            "the compensation of Pay ran in life 2, though its log said that it had "
            "been undone"
        )
    ]


def test_who_stood_still_while_another_undid_it_knows_nothing_of_that():
    turned = operation(5, UNDONE[5], life=1, session=1)
    recorded = operation(7, UNDONE[6], life=2, session=2)
    late = [undo("Pay", 6, life=2, session=2), undo("Pay", 9)]
    asked = operation(8, UNDONE[7], life=1, session=1)

    assert messages(UNDONE, undoing=late, operations=[turned, recorded]) == []
    assert messages(UNDONE, undoing=late, operations=[turned, recorded, asked]) != []


@pytest.mark.parametrize(
    "recorded",
    [
        operation(7, UNDONE[6], ended="failed"),
        operation(7, UNDONE[6], log=2),
        operation(7, UNDONE[7]),
    ],
    ids=["failed", "of-another-log", "of-another-visit"],
)
def test_a_row_that_does_not_say_so_excuses_it(recorded):
    late = [undo("Pay", 8, life=2, session=2)]

    assert messages(UNDONE, undoing=late, operations=[recorded]) == []


def test_a_row_that_was_lost_excuses_it():
    late = [undo("Pay", 8, life=2, session=2)]
    lost = Load(2, UNDONE[:7], UNDONE[:6])

    assert (
        messages(
            UNDONE, undoing=late, operations=[operation(7, UNDONE[6])], loads=(lost,)
        )
        == []
    )


def test_what_was_completed_last_is_undone_first():
    wrong = [undo("Book", 6), undo("Pay", 7)]

    assert messages(UNDONE, undoing=wrong) == [
        "life 1 undid Book before Pay, which had been completed later"
    ]


def test_the_visits_of_one_state_are_undone_in_order_too():
    log = rows("Pay", "!Pay", "Pay", "!Pay", "Check", "<Check")
    wrong = [undo("Pay", 6), undo("Pay", 7, visit=2)]

    assert messages(log, undoing=wrong) == [
        "life 1 undid Pay before visit 2 of Pay, which had been completed later"
    ]
    assert messages(log, undoing=[undo("Pay", 7), undo("Pay", 6, visit=2)]) == []


def test_what_one_start_could_not_undo_the_next_may():
    undoing = [
        *(undo("Pay", 6, ended="interrupted"), undo("Book", 7)),
        undo("Pay", 9, session=2),
    ]

    assert messages(UNDONE, undoing=undoing) == []


def test_a_run_that_is_begun_anew_amid_its_rollback_is_named():
    given_up = (UNDONE[:-1], DONE)

    assert messages(*given_up) == [
        (
            "the run was begun anew in the midst of its rollback from Check, with Book "
            "not undone"
        )
    ]
    assert messages(UNDONE, DONE) == []
    assert messages(*given_up, usual=given_up) == []
    lost = Load(2, UNDONE[:-1], ())
    assert messages(*given_up, loads=(lost,)) == []


def test_one_of_several_runs_is_named():
    runs = [run(1), run(2, logs=(DONE,), **SAGA)]
    undone = undo("Pay", 9, number=2)
    finding = ORACLE.judge(baseline(), story(runs=runs, task_runs=[undone]))

    assert finding is not None
    assert finding.message.startswith("run 2: the compensation of Pay")
