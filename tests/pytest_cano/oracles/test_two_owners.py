"""TWO_OWNERS: who had lost a run to another still acted on it."""

import pytest

from pytest_cano.oracles.two_owners import TwoOwners
from pytest_cano.story import Verdict
from stories import baseline, effect, operation, rows, run, story, task_run

ORACLE = TwoOwners()
START, PROCESS = rows("Start", "Process")
LOST = operation(5, PROCESS, ended="conflict")
LOSES = "life 1 lost the run to another at row 1 (Process), and "


def message(*operations, task_runs=(), effects=(), **more) -> str | None:
    seen = run(operations=operations or (LOST,), **more)
    finding = ORACLE.judge(
        baseline(), story(runs=[seen], task_runs=task_runs, effects=effects)
    )
    if finding is None:
        return None
    assert finding.verdict is Verdict.TWO_OWNERS
    return finding.message


def test_who_stops_at_once_is_fine():
    assert message() is None


@pytest.mark.parametrize(("undoing", "what"), [(False, "task"), (True, "compensation")])
def test_a_task_that_still_begins_is_named(undoing, what):
    late = task_run(at=6, session=1, undoing=undoing)

    assert message(task_runs=[late]) == f"{LOSES}still began the {what} of Process"


@pytest.mark.parametrize(
    "other",
    [
        {"at": 4, "session": 1},
        {"at": 6, "session": 2},
        {"at": 6, "session": 1, "life": 2},
        {"at": 6, "session": 1, "number": 2},
    ],
    ids=["earlier", "another-start", "another-life", "another-run"],
)
def test_any_other_task_is_fine(other):
    assert message(task_runs=[task_run(**other)]) is None


def test_an_effect_that_still_happens_is_named():
    late = effect("charge(42)", at=6, session=1)

    assert message(effects=[late]) == f"{LOSES}charge(42) still happened"


@pytest.mark.parametrize(
    "other",
    [
        {"at": 4, "session": 1},
        {"at": 6, "session": 2},
        {"at": 6, "session": 1, "life": 2},
        {"at": 6, "session": 1, "point": None},
        {"at": 6, "session": 1, "point": "2:Process@effect:1"},
        {"at": 6, "session": 1, "strand": 1},
    ],
    ids=[
        *("earlier", "another-start", "another-life"),
        *("no-task", "another-run", "beside-it"),
    ],
)
def test_any_other_effect_is_fine(other):
    assert message(effects=[effect("charge(42)", **other)]) is None


def test_what_branches_have_under_way_is_fine():
    late = effect("charge(42)", at=6, session=1)

    assert message(effects=[late], kinds={"Process": "split"}) is None


def test_a_row_that_is_still_written_is_named():
    assert message(LOST, operation(6, PROCESS)) == (
        f"{LOSES}still did append of row 1 (Process)"
    )
    clearing = operation(6, name="clear")
    assert message(LOST, clearing) == f"{LOSES}still did clear"


@pytest.mark.parametrize(
    "other",
    [
        operation(4, PROCESS),
        operation(6, PROCESS, session=2),
        operation(6, PROCESS, life=2),
        operation(6, PROCESS, ended="conflict"),
        operation(6, PROCESS, ended="failed"),
    ],
    ids=["earlier", "another-start", "another-life", "lost-again", "failed"],
)
def test_any_other_row_is_fine(other):
    assert message(LOST, other) is None


def test_what_a_program_writes_by_itself_has_no_owner():
    mine = operation(5, PROCESS, ended="conflict", session=0)

    assert message(mine, operation(6, PROCESS, session=0)) is None


def test_one_of_several_runs_is_named():
    late = task_run(at=6, session=1, number=2)
    seen = story(runs=[run(1), run(2, operations=(LOST,))], task_runs=[late])
    finding = ORACLE.judge(baseline(), seen)

    assert finding is not None
    assert finding.message.startswith("run 2: life 1 lost the run")
