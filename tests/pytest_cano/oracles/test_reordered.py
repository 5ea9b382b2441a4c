"""REORDERED: effects came in an order that the undisturbed run rules out."""

from typing import Any

import pytest

from pytest_cano.effects import Effect
from pytest_cano.oracles.reordered import Reordered
from pytest_cano.story import TaskRun, Verdict
from stories import baseline, crashed, effect, extra, returned, run, story, task_run

ORACLE = Reordered()


def act(name: str, state: str, at: int, **more: Any) -> Effect:
    return effect(f"{name}()", point=f"{state}@effect:1", at=at, **more)


def visits(*states: str) -> tuple[TaskRun, ...]:
    """Visits that begin at 0, 10, 20 and so on."""
    return tuple(task_run(state, at=10 * place) for place, state in enumerate(states))


def messages(usual, seen, *, began=None, **more) -> list[str]:
    finding = ORACLE.judge(
        baseline(effects=usual, task_runs=began or visits("A", "B", "C")),
        story(effects=seen, **more),
    )
    if finding is None:
        return []
    assert finding.verdict is Verdict.REORDERED
    return [finding.message, *finding.details]


WRONG = ["b() happened before a(), after it in the undisturbed run"]


def test_the_same_order_is_fine():
    usual = [act("a", "A", 1), act("b", "A", 2), act("c", "B", 11)]

    assert messages(usual, usual) == []


def test_another_order_within_a_visit_is_named():
    usual = [act("a", "A", 1), act("b", "A", 2)]

    assert messages(usual, [act("b", "A", 1), act("a", "A", 2)]) == WRONG


def test_another_order_of_visits_is_named():
    usual = [act("a", "A", 1), act("b", "B", 11, strand=3)]
    seen = [act("b", "B", 1), act("a", "A", 2)]

    assert messages(usual, seen) == WRONG


def test_what_strands_do_beside_each_other_may_come_in_any_order():
    usual = [act("a", "A", 1, strand=1), act("b", "A", 2, strand=2)]

    assert messages(usual, [act("b", "A", 1), act("a", "A", 2)]) == []


def test_what_one_strand_does_may_not():
    usual = [
        *(act("a", "A", 1, strand=1), act("x", "A", 2, strand=2)),
        *(act("b", "A", 3, strand=1), act("y", "A", 4, strand=2)),
    ]
    seen = [act(name, "A", at) for at, name in enumerate("bxay")]

    assert messages(usual, seen) == WRONG


def test_what_a_visit_leaves_under_way_has_no_order():
    usual = [act("a", "A", 15, strand=1), act("b", "B", 11)]

    assert messages(usual, [act("b", "B", 1), act("a", "A", 2)]) == []


def test_only_the_first_time_counts():
    usual = [act("a", "A", 1), act("b", "A", 2)]
    seen = [*usual, act("a", "A", 3, life=2), act("b", "A", 4, life=2)]

    assert messages(usual, seen) == []
    assert messages(usual, [act("b", "A", 0), *seen]) == WRONG


@pytest.mark.parametrize("missing", ["a", "b"])
def test_what_did_not_happen_has_no_order(missing):
    usual = [act("a", "A", 1), act("b", "A", 2)]
    seen = [act(name, "A", 1) for name in "ab" if name != missing]

    assert messages(usual, [*seen, act("other", "A", 0)]) == []


def test_different_runs_have_no_order():
    usual = [act("a", "A", 1), act("b", "2:A", 2)]
    seen = [act("b", "2:A", 1), act("a", "A", 2)]
    runs = [run(1), run(2)]
    began = (*visits("A"), task_run("A", number=2, at=2))

    assert messages(usual, seen, runs=runs, began=began) == []


def test_effects_outside_of_tasks_have_no_order():
    usual = [act("a", "A", 1), effect("b()", point=None, at=2)]

    assert messages(usual, [effect("b()", point=None, at=1), act("a", "A", 2)]) == []


def test_a_compensation_is_a_visit_of_its_own():
    began = (*visits("A", "B"), task_run("A", at=20, undoing=True))
    usual = [act("b", "B", 11), act("a", "A", 21, undoing=True)]
    seen = [act("a", "A", 1), act("b", "B", 2)]

    assert messages(usual, seen, began=began) == [
        "a() happened before b(), after it in the undisturbed run"
    ]


def test_what_the_extra_start_does_comes_too_late_to_have_an_order():
    usual = [act("a", "A", 1), act("b", "A", 2)]
    seen = [act("b", "A", 1), act("a", "A", 2, life=3)]

    assert messages(usual, seen, lives=(crashed(), returned(), extra(3))) == []


def test_every_effect_that_came_too_early_is_named():
    usual = [act("a", "A", 1), act("b", "B", 11), act("c", "C", 21)]
    seen = [act("c", "C", 1), act("b", "B", 2), act("a", "A", 3)]

    assert messages(usual, seen) == [
        *WRONG,
        "c() happened before a(), after it in the undisturbed run",
    ]


def test_one_of_several_runs_is_named():
    usual = [act("a", "2:A", 1), act("b", "2:A", 2)]
    seen = [act("b", "2:A", 1), act("a", "2:A", 2)]
    began = (task_run("A", number=2),)

    found = messages(usual, seen, runs=[run(1), run(2)], began=began)
    assert found == [f"run 2: {WRONG[0]}"]
