"""BAD_LOG: the log broke its rules, or was not what had been appended."""

import pytest

from pytest_cano.oracles.bad_log import BadLog
from pytest_cano.story import Load, Verdict
from stories import (
    baseline,
    crashed,
    extra,
    operation,
    returned,
    row,
    rows,
    run,
    story,
    task_run,
)

ORACLE = BadLog()


def message(seen) -> str | None:
    finding = ORACLE.judge(baseline(), seen)
    if finding is None:
        return None
    assert finding.verdict is Verdict.BAD_LOG
    return finding.message


@pytest.mark.parametrize(
    "log",
    [
        rows(),
        rows("Start", "Process", "Done"),
        rows("Start", "Process", "*Process", "+Process", "*Process", "Done"),
        rows("Start", "+Start", "+Start"),
    ],
)
def test_a_log_that_keeps_its_rules_is_fine(log):
    assert message(story(runs=[run(logs=(log,))])) is None


def test_anything_may_follow_where_nothing_is_declared():
    seen = run(logs=(rows("A", "B", "A"),), transitions={"A": None, "B": None})

    assert message(story(runs=[seen])) is None


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ((row(0, "Start"), row(2, "Process")), "row 2 (Process) stands where row 1"),
        ((row(0, "Start"), row(0, "Start")), "row 0 (Start) stands where row 1"),
        ((row(1, "Start"),), "row 1 (Start) stands where row 0 belongs"),
        (
            rows("Start", "Done"),
            "row 1 (Done) follows Start, which leads only to Process",
        ),
        (rows("Start", "Process", "Done", "+Done"), "follows the exit state Done"),
        (
            rows("Start", "+Process"),
            "row 1 (Process RESUME) stands in a visit of Start",
        ),
        (rows("*Start"), "row 0 (Start MEMO) stands in a visit of no state"),
    ],
)
def test_a_broken_rule_is_named(log, said):
    assert said in (message(story(runs=[run(logs=(log,))])) or "")


SAGA = {
    "transitions": {
        "Book": frozenset({"Pick"}),
        "Pick": frozenset({"Pay", "Fan", "Done"}),
        "Fan": frozenset({"Pay"}),
        "Pay": frozenset({"Pay", "Check"}),
        "Check": frozenset({"Done"}),
    },
    "kinds": {
        "Book": "compensatable",
        "Pick": "router",
        "Fan": "split",
        "Pay": "compensatable",
        "Check": "task",
    },
}


@pytest.mark.parametrize(
    "log",
    [
        rows("Book", "!Book", "Pay", "!Pay", "Check", "Done"),
        rows("Book", "!Book", "Done"),
        rows("Pick", "Fan", "Pay"),
        rows("Book", "+Book", "!Book", "+Book", "Pay", "*Pay a", "!Pay", "Check"),
        rows("Book", "!Book", "Pay", "!Pay", "Check", "<Check", "-Pay 2", "-Book 0"),
        rows("Book", "!Book", "<Pick", "+Pick", "*Book a", "-Book 0"),
        rows("Book", "!Book", "Pay", "!Pay", "Pay", "!Pay", "Pay", "<Pay", "-Pay 4"),
        rows("Book", "!Book", "Fan", "|Fan 0", "|Fan 1", "+Fan", "*Fan a", ">Fan 1"),
        rows("Check", ">Check 1", "+Check", ">Check 2", "Done"),
        rows("Book", "!Book", "Pay", "*Pay a", "!Pay", "Pay", "*Pay a"),
    ],
    ids=lambda log: " ".join(f"{each.state}.{each.kind}" for each in log),
)
def test_a_log_of_any_kind_of_state_that_keeps_its_rules_is_fine(log):
    assert message(story(runs=[run(logs=(log,), **SAGA)])) is None


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (rows("Book", "Pay"), "row 1 (Pay) follows Book, whose output for its comp"),
        (rows("Book", "!Book", "Check"), "leads only to Done, Fan, Pay"),
        (rows("Book", "!Book", "Pick"), "row 2 (Pick) is the row of a router"),
        (rows("Book", "!Book", "!Book"), "stands behind the completion of its visit"),
        (rows("Book", "!Book", "*Pay"), "(Pay MEMO) stands in a visit of Book"),
        (rows("Check", "!Check"), "completes a task, which has no compensation"),
        (rows("Check", "*Check a", "*Check a"), "row 2 (Check MEMO) records what its"),
        (rows("Check", ">Check 1", ">Check 1"), "records what its visit had recorded"),
        (rows("Check", ">Check 2"), "is number 2, without the one before it"),
        (rows("Fan", "|Fan 0", "+Fan", "|Fan 0"), "row 3 (Fan BRANCH) records what"),
        (rows("Book", "<Book"), "begins a rollback that has nothing to undo"),
        (rows("Book", "!Book", "<Pick", "<Pick"), "begins a second rollback"),
        (rows("Book", "!Book", "<Pick", "Pay"), "follows a rollback from Pick"),
        (rows("Book", "!Book", "<Pick", "+Book"), "row 3 (Book RESUME) stands in"),
        (rows("Book", "!Book", "<Pick", ">Book 1"), "stands behind the completion"),
        (rows("Book", "!Book", "-Book 0"), "stands outside of a rollback"),
        (
            rows("Book", "!Book", "<Pick", "-Book 0", "-Book 0"),
            "row 4 (Book COMPENSATED) undoes the visit of row 0, which was not comp",
        ),
        (rows("Book", "!Book", "<Pick", "-Pay 0"), "undoes the visit of row 0, which"),
        (rows("Book", "!Book", "<Pick", "-Book"), "does not say what was undone"),
        (rows("Book", "!Book", "Pay", "<Pay", "*Pay"), "(Pay MEMO) stands in a visit"),
    ],
)
def test_a_broken_rule_of_any_kind_of_state_is_named(log, said):
    assert said in (message(story(runs=[run(logs=(log,), **SAGA)])) or "")


def test_a_log_that_was_let_go_of_too_early_is_told():
    seen = run(wrong_ends=("the log was let go of in Book, where no run ends",))

    assert message(story(runs=[seen])) == seen.wrong_ends[0]


LOG = rows("Start", "Process")


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (
            Load(2, LOG[:1], LOG),
            "life 2 found row 1 (Process), which nobody had appended",
        ),
        (Load(2, LOG, rows("Start", "Other")), "life 2 found row 1 changed"),
        (
            Load(3, (), LOG, finished=True),
            "life 3 found 2 rows, though the run had ended and its log was gone",
        ),
    ],
)
def test_a_log_that_was_not_read_back_as_written_is_named(load, said):
    assert said in (message(story(runs=[run(loads=(load,))])) or "")


def test_rows_that_the_store_has_lost_are_not_its_business():
    loads = Load(2, LOG, LOG[:1]), Load(3, LOG, ())

    assert message(story(runs=[run(loads=loads)])) is None


def test_one_of_several_runs_is_named():
    bad = run(2, logs=((row(1, "Start"),),))

    assert (message(story(runs=[run(1), bad])) or "").startswith("run 2: row 1")


def test_a_row_of_the_extra_start_is_told_as_such():
    seen = story(
        lives=(crashed(), returned(), extra(3)),
        runs=[run(extra_rows=rows("Start"))],
    )

    assert message(seen) == (
        "row 0 (Start) was appended when the finished program was started once more"
    )


def test_a_log_that_was_let_go_of_before_the_exit_state_is_found():
    seen = run(exit="Process", logs=(rows("Start", "Process"),))

    assert message(story(runs=[seen])) == (
        "the log was let go of in Process, which is no exit state"
    )


ENTRY, RESUMED, NEXT = rows("Start", "+Start", "Process")


@pytest.mark.parametrize(
    "operations",
    [
        [operation(1, ENTRY), operation(2, NEXT)],
        [
            operation(1, ENTRY),
            operation(2, RESUMED, life=2),
            operation(3, NEXT, life=2),
        ],
        [operation(1, ENTRY), operation(2, RESUMED, NEXT, life=2)],
        [operation(1, ENTRY), operation(2, NEXT, life=2, ended="conflict")],
        [operation(1, ENTRY), operation(2, NEXT, life=2, session=0)],
        [operation(1, ENTRY), operation(2, life=2, name="finish", ends=True)],
    ],
)
def test_a_run_that_is_claimed_before_it_goes_on_is_fine(operations):
    assert message(story(runs=[run(operations=operations)])) is None


@pytest.mark.parametrize("other", [{"life": 2}, {"session": 2}])
def test_a_run_that_is_not_claimed_before_it_goes_on_is_found(other):
    operations = [operation(1, ENTRY), operation(2, NEXT, **other)]

    found = message(story(runs=[run(operations=operations)])) or ""

    assert "went on with row 2 (Process), before a RESUME row claimed" in found


def test_a_task_that_runs_before_the_run_is_claimed_is_found():
    operations = [operation(1, ENTRY), operation(4, RESUMED, life=2)]
    begun = task_run("Start", life=2, at=3, session=1)

    assert message(story(runs=[run(operations=operations)], task_runs=(begun,))) == (
        "life 2 went on with the task of Start, before a RESUME row claimed the run"
    )


def test_a_task_of_a_fresh_run_may_run_in_any_life():
    operations = [operation(4, ENTRY, life=2)]
    begun = task_run("Start", life=2, at=3, session=1)

    assert message(story(runs=[run(operations=operations)], task_runs=(begun,))) is None
