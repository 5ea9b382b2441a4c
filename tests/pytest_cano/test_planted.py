"""Each planted bug is found with exactly its verdict, and its fixed twin passes."""

import os
from typing import Any

import pytest

from planted import PLANTED, Planted
from pytest_cano import check
from pytest_cano.faults import ENDINGS
from pytest_cano.story import Verdict

# A process for each life is too much for a suite that is run again and again.
NIGHT = "CANO_NIGHT" in os.environ
EVERY_ENDING = ENDINGS if NIGHT else [each for each in ENDINGS if each != "kill"]

by_name = pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)


def searched(bug: Planted, *, buggy: bool, **options: Any) -> Any:
    return check(
        bug.program(buggy),
        crash=options.pop("crash", bug.crash),
        store=bug.store(buggy),
        **(bug.options | options),
    )


@by_name
def test_a_planted_bug_is_found_with_its_verdict(bug: Planted):
    report = searched(bug, buggy=True)

    if bug.verdict == "FLAKY_BASELINE":
        assert report.summary.flaky, str(report)
        assert "FLAKY_BASELINE" in report.failures[0]
        return
    failed = report.summary.failed
    assert bug.verdict in failed.values(), str(report)
    assert set(failed.values()) - {bug.verdict} <= bug.also, str(report)
    found = [text for text, verdict in failed.items() if verdict == bug.verdict]
    assert found[0] == bug.smallest


@by_name
def test_its_fixed_twin_passes(bug: Planted):
    report = searched(bug, buggy=False)

    assert report.passed, str(report)


@by_name
def test_its_fixed_twin_passes_at_depth_2_with_every_ending(bug: Planted):
    if bug.verdict == "NOT_FIRED":
        pytest.skip("its bug is in the schedule; the twin is no program of its own")
    report = searched(bug, buggy=False, crash="all", ending=EVERY_ENDING, depth=2)

    assert report.passed, str(report)


def test_there_is_a_planted_bug_for_each_verdict():
    # What excuses a bug is said to pytest, and so tried with it.
    assert {bug.verdict for bug in PLANTED} == {
        str(each) for each in Verdict if each.fails
    }
