"""FLAKY_BASELINE: two undisturbed runs differ."""

import pytest

from pytest_cano.oracles import FlakyBaseline
from pytest_cano.story import LifeStory, Verdict
from stories import baseline, effect, failed, rows, run

ORACLE = FlakyBaseline()


def test_two_runs_that_look_the_same_are_fine():
    def usual():
        return baseline(
            effects=(effect("charge()"),),
            observations={"x": ("1",)},
            points=["Start@end"],
            runs=[run(logs=(rows("Start", "Done"),))],
        )

    assert ORACLE.judge(usual(), usual()) is None


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            {"effects": (effect("charge()"),)},
            {},
            "charge() happened 1 time first, then 0 times",
        ),
        (
            {},
            {"observations": {"x": ("1", "2")}},
            "x was observed as nothing first, then as 1, 2",
        ),
        (
            {},
            {"runs": [run(exit="Refused")]},
            "run 1 ended at Done first, then at Refused",
        ),
        ({}, {"runs": []}, "run 1 ended at Done first, then at nothing"),
        (
            {"points": ["A@end"]},
            {"points": ["B@end"]},
            "crash point A@end was met in the first undisturbed run only",
        ),
        (
            {},
            {"points": ["B@end"]},
            "crash point B@end was met in the second undisturbed run only",
        ),
        (
            {"runs": [run(logs=(rows("Start"),))]},
            {"runs": [run(logs=(rows("Start", "*Start"),))]},
            "run 1 wrote Start STATE_ENTRY first, then Start STATE_ENTRY, Start MEMO",
        ),
        (
            {},
            {"lives": [failed(1, "Traceback\nValueError: no")]},
            "the first undisturbed run returned, the second failed: ValueError: no",
        ),
        (
            {},
            {"lives": [LifeStory(1, "skipped")]},
            "the first undisturbed run returned, the second skipped",
        ),
    ],
)
def test_what_differs_is_named(first, second, said):
    finding = ORACLE.judge(baseline(**first), baseline(**second))

    assert finding is not None
    assert finding.verdict is Verdict.FLAKY_BASELINE
    assert finding.message == said


def test_ids_may_be_made_up():
    first = baseline(runs=[run(workflow_id="a")])
    second = baseline(runs=[run(workflow_id="b")])

    assert ORACLE.judge(first, second) is None


def test_the_order_of_what_happens_may_differ():
    first = baseline(points=["A@end", "B@end"])
    second = baseline(points=["B@end", "A@end"])

    assert ORACLE.judge(first, second) is None


def test_rows_that_branches_write_beside_each_other_may_come_in_any_order():
    logs = (
        ("Start", "*Start", "|Start 1", "|Start 0", "Process"),
        ("Start", "|Start 0", "*Start", "|Start 1", "Process"),
        ("Start", "|Start 0", "|Start 1", "Process", "*Process"),
    )
    first, second, other = (baseline(runs=[run(logs=(rows(*log),))]) for log in logs)

    assert ORACLE.judge(first, second) is None
    assert ORACLE.judge(first, other) is not None
