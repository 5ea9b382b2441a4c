"""LOST_WORK: a store lost what it had acknowledged."""

from dataclasses import replace

import pytest

from pytest_cano.oracles.lost_work import LostWork
from pytest_cano.schedule import CrashPoint, Fault
from pytest_cano.story import Load, Verdict
from stories import baseline, crashed, rows, run, story

ORACLE = LostWork()
LOG = rows("Start", "Process", "*Process a")


def message(*loads: Load) -> str | None:
    finding = ORACLE.judge(baseline(), story(runs=[run(loads=loads)]))
    if finding is None:
        return None
    assert finding.verdict is Verdict.LOST_WORK
    return finding.message


def test_nothing_lost_is_fine():
    assert message() is None


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (
            Load(2, LOG, LOG[:2]),
            (
                "life 2 went on from row 1 (Process): row 2 (Process MEMO), which had "
                "been appended, was lost"
            ),
        ),
        (
            Load(2, LOG, LOG[:1], finished=True),
            (
                "life 2 went on from row 0 (Start): row 1 (Process) and 1 more, which "
                "had been appended, and that the run had ended, were lost"
            ),
        ),
        (
            Load(2, LOG, LOG[:1], may_lose=1),
            (
                "life 2 went on from row 0 (Start): row 1 (Process) and 1 more, which "
                "had been appended, were lost; its store may lose 1"
            ),
        ),
        (
            Load(2, LOG, ()),
            (
                "life 2 found no rows, 3 had been appended: what keeps the log did not "
                "survive (a store in memory, or a setup or teardown that removes it?)"
            ),
        ),
        (
            Load(3, LOG, (), finished=True, may_lose=1),
            (
                "life 3 found nothing of the run, which had ended; its store may lose "
                "1: what keeps the log did not survive (a store in memory, or a setup "
                "or teardown that removes it?)"
            ),
        ),
    ],
)
def test_lost_rows_are_named(load, said):
    assert message(load) == said


def test_what_the_power_took_is_not_blamed_on_a_teardown():
    point = CrashPoint("Process", "end")
    lives = [
        replace(crashed(1), struck=(Fault(point, "unsynced", 9),)),
        replace(crashed(2), struck=(Fault(point),)),
    ]
    losses = {
        life: ORACLE.judge(
            baseline(), story(lives=lives, runs=[run(loads=[Load(life, LOG, ())])])
        )
        for life in (2, 3)
    }

    assert losses[2].message == (
        "life 2 found no rows, 3 had been appended: the power was lost before they "
        "were on the disk"
    )
    assert "(a store in memory, or" in losses[3].message


@pytest.mark.parametrize("load", [Load(2, LOG, LOG[:1], may_lose=2), Load(2, (), ())])
def test_what_a_store_may_lose_is_no_finding(load):
    assert message(load) is None


@pytest.mark.parametrize(
    "found", [rows("Start", "Other"), (*LOG, *rows("Done")), LOG[1:], LOG]
)
def test_other_rows_are_not_its_business(found):
    assert message(Load(2, LOG, found)) is None


def test_one_of_several_runs_is_named():
    seen = [run(1), run(2, loads=(Load(2, LOG, LOG[:2]),))]
    finding = ORACLE.judge(baseline(), story(runs=seen))

    assert finding is not None
    assert finding.message.startswith("run 2: life 2 went on from row 1")
