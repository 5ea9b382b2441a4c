"""What a store must hold, and which answers are none that it may give."""

import pickle
from dataclasses import replace

import pytest

from cano_core import Outcome, OutcomeStatus, RowKind
from pytest_cano.kept_log import Doubt, KeptLog
from pytest_cano.operations import Operation
from stories import row, rows

LOG = rows("Start", "Process", "Done")
DONE = Outcome(OutcomeStatus.FINISHED, "Done")


@pytest.fixture
def log() -> KeptLog:
    return KeptLog()


def test_a_log_that_is_given_back_is_fine(log):
    log.appended(LOG[:1])
    log.appended(LOG[1:2])

    assert log.loaded(1, LOG[:2]) is None
    assert log.visit == ("Process", 1)


@pytest.mark.parametrize("found", [(), LOG[:1], LOG, LOG[1::-1]])
def test_any_other_answer_is_not(log, found):
    log.appended(LOG[:2])
    load = log.loaded(2, found)

    assert load is not None
    assert (load.life, load.expected, load.found) == (2, LOG[:2], found)
    assert load.lost == (LOG[1:2] if found == LOG[:1] else LOG[:2] if not found else ())
    assert log.loads == [load]


def test_a_log_goes_on_from_what_is_left_of_it(log):
    log.appended(LOG[:2])
    log.loaded(2, LOG[:1])
    log.appended(rows("Start", "+Start")[1:])

    assert log.logs == [list(rows("Start", "+Start"))]


def test_a_log_of_which_nothing_is_left_is_begun_anew(log):
    log.appended(LOG[:2])
    log.loaded(2, ())
    log.appended(LOG[:1])

    assert log.logs == [list(LOG[:2]), list(LOG[:1])]


def test_an_end_that_the_store_has_lost_is_an_older_log(log):
    log.appended(LOG[:2])
    log.finished(LOG[2:], DONE)
    load = log.loaded(2, LOG[:2])

    assert load is not None
    assert (load.expected, load.lost, load.finished) == (LOG, LOG[2:], True)
    assert (log.exit, log.logs) == (None, [list(LOG[:2])])


def test_an_outcome_that_the_store_has_lost_is_a_lost_log(log):
    log.appended(LOG[:2])
    log.finished(LOG[2:], DONE)
    log.loaded(2, ())
    log.told(2, None)

    assert [(load.lost, load.finished) for load in log.loads] == [(LOG, True)]
    assert (log.exit, log.outcome) == (None, None)


def test_an_outcome_that_the_store_was_to_forget_is_not_lost(log):
    log.appended(LOG[:2])
    log.finished(LOG[2:], DONE)
    log.doubted(Doubt(clears=True))
    log.told(2, None)

    assert (log.loads, log.exit, log.forgotten) == ([], "Done", True)


@pytest.mark.parametrize(("life", "allowed"), [(1, 0), (2, 1)])
def test_only_a_crash_may_lose_rows(log, life, allowed):
    log.may_lose = 1
    log.noted(Operation("append", 1, 1, 1, "done", LOG[:2], durable=True))
    log.appended(LOG[:2])
    load = log.loaded(life, LOG[:1])

    assert load is not None
    assert load.may_lose == allowed


@pytest.mark.parametrize("durable", [True, False])
def test_what_had_failed_is_known_to_have_happened_once_it_is_read(log, durable):
    log.appended(LOG[:1])
    noted = log.noted(Operation("append", 1, 1, 1, "failed", LOG[1:2]))
    log.doubted(Doubt(LOG[1:2], operation=noted))
    log.loaded(2, LOG[:2] if durable else LOG[:1])

    assert [each.durable for each in log.operations] == [durable]


def test_a_log_can_go_to_another_process(log):
    log.appended(LOG[:2])
    log.noted(Operation("append", 1, 1, 1, "done", LOG[:2], durable=True))
    log.doubted(Doubt(LOG[2:], DONE))
    other = pickle.loads(pickle.dumps(log))
    other.told(2, DONE)

    assert (other.exit, other.operations) == ("Done", log.operations)


def test_one_wrong_answer_is_told_once(log):
    log.appended(LOG[:2])
    log.loaded(2, LOG[:1])

    assert log.loaded(2, LOG[:1]) is None
    assert len(log.loads) == 1


def test_a_log_that_was_there_before_is_the_program_s_own(log):
    assert log.loaded(1, LOG[:2]) is None
    assert log.visit == ("Process", 1)
    assert log.logs == []


def test_visits_are_entries_of_a_state(log):
    log.appended(rows("A", "B", "+B", "A"))

    assert log.visit == ("A", 2)


def test_the_end_of_a_run_leaves_no_log(log):
    log.appended(LOG[:2])
    log.finished(LOG[2:], DONE)

    assert (log.exit, log.rows, log.written) == ("Done", [], list(LOG))
    assert log.loaded(2, ()) is None


def test_a_log_that_is_left_after_the_end_is_told(log):
    log.appended(LOG[:2])
    log.finished(LOG[2:], DONE)
    load = log.loaded(2, LOG)

    assert load is not None
    assert load.finished


def test_letting_go_of_the_log_is_the_end_for_a_store_that_forgets(log):
    log.appended(LOG)
    log.cleared(at_exit=True)

    assert (log.exit, log.rows, log.forgotten) == ("Done", [], False)


def test_a_program_may_forget_its_finished_run(log):
    log.finished(LOG, DONE)
    log.cleared(at_exit=False)

    assert (log.exit, log.outcome, log.forgotten) == ("Done", None, True)


def test_a_fresh_start_is_a_log_of_its_own(log):
    log.appended(LOG[:2])
    log.cleared(at_exit=False)
    log.appended(LOG[:1])

    assert log.exit is None
    assert log.logs == [list(LOG[:2]), list(LOG[:1])]
    assert log.visit == ("Start", 1)


@pytest.mark.parametrize("durable", [True, False])
def test_a_failed_append_may_have_happened(log, durable):
    log.appended(LOG[:1])
    log.doubted(Doubt(LOG[1:2]))

    assert log.loaded(1, LOG[:2] if durable else LOG[:1]) is None
    assert log.visit == (("Process", 1) if durable else ("Start", 1))


def test_a_doubt_is_over_once_the_log_was_seen(log):
    log.appended(LOG[:1])
    log.doubted(Doubt(LOG[1:2]))
    log.loaded(1, LOG[:1])

    assert log.loaded(1, LOG[:2]) is not None


def test_a_failed_finish_may_have_happened(log):
    log.appended(LOG[:2])
    log.doubted(Doubt(LOG[2:], DONE))

    assert log.loaded(2, ()) is None
    assert log.exit is None
    log.told(2, DONE)
    assert (log.exit, log.written) == ("Done", list(LOG))


def test_a_failed_finish_need_not_have_happened(log):
    log.appended(LOG[:2])
    log.doubted(Doubt(LOG[2:], DONE))

    assert log.loaded(2, LOG[:2]) is None
    log.told(2, DONE)
    assert log.exit is None


@pytest.mark.parametrize("durable", [True, False])
def test_a_failed_clear_may_have_happened(log, durable):
    log.appended(LOG)
    log.doubted(Doubt(clears=True))

    assert log.loaded(2, () if durable else LOG) is None
    assert log.exit == ("Done" if durable else None)


SAGA = rows("Book", "!Book", "Pay", "!Pay", "Check", "<Check", "-Pay 2", "-Book 0")
UNDONE = Outcome(OutcomeStatus.ROLLED_BACK, "Check")


@pytest.mark.parametrize(
    ("length", "repeated", "undoing"),
    [
        (1, ("Book", 1), ()),
        (2, None, ()),
        (3, ("Pay", 1), ()),
        (5, ("Check", 1), ()),
        (6, None, (("Book", 1), ("Pay", 1))),
        (7, None, (("Book", 1),)),
        (8, None, ()),
    ],
)
def test_a_log_says_what_a_resumed_run_has_to_do_again(log, length, repeated, undoing):
    log.appended(SAGA[:length])

    assert (log.repeated, log.undoing) == (repeated, undoing)


def test_a_rollback_is_of_the_state_that_failed(log):
    log.appended(SAGA[:7])

    assert (log.visit, log.where) == (("Check", 1), "the rollback from Check")


@pytest.mark.parametrize("length", [6, 8])
def test_a_run_that_was_undone_has_ended_so(log, length):
    log.appended(SAGA[:length])
    log.finished(SAGA[length:], UNDONE)

    assert (log.exit, log.wrong_ends) == ("Check (rolled back)", [])


def test_a_store_that_forgets_lets_go_of_a_run_that_was_undone(log):
    log.appended(SAGA)
    log.cleared(at_exit=True)

    assert (log.exit, log.wrong_ends) == ("Check (rolled back)", [])


@pytest.mark.parametrize(
    ("length", "outcome", "said"),
    [
        (8, DONE, "the run was being rolled back, and ended at Done"),
        (5, UNDONE, "the log was let go of in Check, as rolled back, though no rollb"),
        (5, DONE, "the log was let go of in Check, where no run ends"),
        (2, None, "the log was let go of in Book, where no run ends"),
    ],
)
def test_a_log_that_is_let_go_of_too_early_is_told(log, length, outcome, said):
    log.appended(SAGA[:length])
    if outcome is None:
        log.cleared(at_exit=True)
    else:
        log.finished((), outcome)

    assert log.wrong_ends[0].startswith(said)


@pytest.mark.parametrize("outcome", [UNDONE, None])
def test_what_was_not_undone_at_the_end_is_told(log, outcome):
    log.appended(SAGA[:7])
    if outcome is None:
        log.cleared(at_exit=True)
    else:
        log.finished((), outcome)

    assert log.wrong_ends == []
    assert log.half_undone == [
        "the run is said to be rolled back, but Book was not undone"
    ]


STEPPED = rows("Start", ">Start 1", "*Start a", ">Start 2", ">Start 3")
TAIL = (STEPPED[0], STEPPED[2], STEPPED[4])


@pytest.mark.parametrize("found", [STEPPED, TAIL, (*STEPPED[:3], STEPPED[4])])
def test_a_tail_may_be_without_superfluous_cursors(log, found):
    log.appended(STEPPED)

    assert log.loaded_tail(2, found) is None
    assert log.loaded(2, STEPPED) is None


@pytest.mark.parametrize(
    "found", [(), STEPPED[:4], (STEPPED[0], STEPPED[4]), (*TAIL, *STEPPED[3:4])]
)
def test_a_tail_must_have_everything_else(log, found):
    log.appended(STEPPED)

    load = log.loaded_tail(2, found)
    assert load is not None
    assert (load.expected, load.found) == (STEPPED, found)


@pytest.mark.parametrize("found", [TAIL, STEPPED[:4]])
def test_a_tail_tells_whether_a_failed_append_has_happened(log, found):
    log.appended(STEPPED[:4])
    log.doubted(Doubt(STEPPED[4:]))

    assert log.loaded_tail(2, found) is None
    assert log.rows == list(STEPPED if found is TAIL else STEPPED[:4])


def test_a_tail_of_an_older_log_is_that_log_without_its_newest_rows(log):
    log.appended(STEPPED)
    load = log.loaded_tail(2, (STEPPED[0], STEPPED[2], STEPPED[3]))

    assert load is not None
    assert load.lost == STEPPED[4:]


def test_cursors_of_several_parts_are_all_needed(log):
    log.appended((*STEPPED, replace(row(5, "Start", RowKind.STEP_CURSOR), task="b")))

    assert log.loaded_tail(2, (*TAIL, log.rows[-1])) is None
    assert log.loaded_tail(2, (TAIL[0], TAIL[1], log.rows[-1])) is not None
