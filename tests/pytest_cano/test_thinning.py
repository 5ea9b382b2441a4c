"""A plan with fewer crash points, or in another order."""

from typing import Any

import pytest

from pytest_cano.plan import Plan
from pytest_cano.schedule import Schedule
from pytest_cano.thinning import thinned

SCHEDULES = ("A@end > B@end", "A@end", "B@start", "B@end", "A@end=kill", "B@end=kill")
PLANNED = tuple(map(Schedule.parse, SCHEDULES))


def plan(*schedules: str) -> Plan:
    made = tuple(map(Schedule.parse, schedules or SCHEDULES))
    return Plan((), made, (), (), ("a limit",), roots=frozenset(made[1:]))


def kept(answer: Any) -> Plan:
    return thinned(plan(), lambda points: answer, "test")


def texts(plan: Plan) -> list[str]:
    return list(map(str, plan.schedules))


def test_it_is_asked_about_each_point_once() -> None:
    asked: list[list[str]] = []

    thinned(plan(), asked.append, "test")

    assert asked == [["A@end", "B@start", "B@end"]]


def test_without_a_point_nobody_is_asked() -> None:
    nested = plan("A@end > B@end")

    assert thinned(nested, lambda points: pytest.fail("asked"), "test") == nested


def test_none_keeps_all_of_them() -> None:
    assert kept(None) == plan()


def test_what_is_left_out_is_said() -> None:
    thin = kept(["A@end"])

    assert texts(thin) == ["A@end > B@end", "A@end", "A@end=kill"]
    assert {*map(str, thin.roots)} == {"A@end", "A@end=kill"}
    assert thin.limits == (
        "a limit",
        "test: 2 crash points were dropped by pytest_cano_points: B@start, B@end",
    )


def test_the_order_is_the_wanted_one_for_each_ending() -> None:
    thin = kept(["B@end", "A@end", "B@start", "A@end"])

    assert texts(thin) == [
        "A@end > B@end",
        *("B@end", "A@end", "B@start"),
        *("B@end=kill", "A@end=kill"),
    ]
    assert thin.limits == ("a limit",)


def test_all_may_be_left_out() -> None:
    many = plan(*(f"A@effect:{n}" for n in range(1, 8)))

    thin = thinned(many, lambda points: [], "test")

    assert thin.empty
    assert thin.limits[-1] == (
        "test: 7 crash points were dropped by pytest_cano_points: A@effect:1, "
        "A@effect:2, A@effect:3, A@effect:4, A@effect:5 and 2 more"
    )
    assert thinned(plan("A@end"), lambda points: (), "test").limits[-1] == (
        "test: 1 crash point was dropped by pytest_cano_points: A@end"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            ["B@ende"],
            "returned 'B@ende', which is none of the points that it was",
        ),
        (["B@ende"], "did you mean 'B@end'?"),
        ([7], "returned 7, which is none"),
        ("A@end", "returned 'A@end', and has to return a list of texts, or None"),
        (42, "returned 42, and has to return a list"),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_problem(answer: Any, said: str) -> None:
    thin = kept(answer)

    assert thin.empty
    (problem,) = thin.impossible
    assert problem.startswith("pytest_cano_points ")
    assert said in problem


def test_what_fails_is_a_problem() -> None:
    def ask(points: list[str]) -> None:
        raise KeyError("no such suite")

    (problem,) = thinned(plan(), ask, "test").impossible
    assert problem == "pytest_cano_points failed: KeyError: 'no such suite'"
