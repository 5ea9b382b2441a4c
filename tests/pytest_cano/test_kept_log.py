"""What a store must hold, and which answers are none that it may give."""

import pytest

from cano_core import Outcome, OutcomeStatus
from pytest_cano.kept_log import Doubt, KeptLog
from stories import rows

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
    assert log.loads == [load]


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
    log.told(DONE)
    assert (log.exit, log.written) == ("Done", list(LOG))


def test_a_failed_finish_need_not_have_happened(log):
    log.appended(LOG[:2])
    log.doubted(Doubt(LOG[2:], DONE))

    assert log.loaded(2, LOG[:2]) is None
    log.told(DONE)
    assert log.exit is None


@pytest.mark.parametrize("durable", [True, False])
def test_a_failed_clear_may_have_happened(log, durable):
    log.appended(LOG)
    log.doubted(Doubt(clears=True))

    assert log.loaded(2, () if durable else LOG) is None
    assert log.exit == ("Done" if durable else None)
