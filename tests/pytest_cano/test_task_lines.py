"""The lines of tasks as values: what ran when, put together and told."""

import json

import pytest

from pytest_cano.records.codec import from_text, to_text
from pytest_cano.report.lines import lines_problems, lines_text
from pytest_cano.task_lines import FileLines, TaskLines, merged

SHOP = FileLines(
    statements=frozenset({8, 9, 12, 13, 20, 31, 40}),
    baseline=frozenset({8, 9, 12, 13, 20}),
    crashed=frozenset({8, 9, 40}),
    resumed=frozenset({8, 9, 20}),
)


def told(**files: FileLines) -> TaskLines:
    return TaskLines({f"{name}.py": lines for name, lines in files.items()})


def some(*lines: int, **more: frozenset[int]) -> FileLines:
    return FileLines(statements=frozenset(lines), **more)


def test_lines_are_undisturbed_resumed_or_never_reached():
    assert SHOP.undisturbed == {12, 13}
    # Nobody can say of the fortieth that nothing came there.
    assert SHOP.never == {31}


def test_neighbours_are_one_range_and_empty_lines_no_gap():
    lines = some(2, 4, 5, 9, 12)

    assert [*lines.ranges({2, 4, 9, 12})] == [(2, 4), (9, 12)]
    assert [*lines.ranges({5})] == [(5, 5)]
    assert [*lines.ranges(())] == []


def test_one_line_tells_what_recovery_came_to():
    assert lines_text(told(shop=SHOP)) == (
        "task lines  3/5 also ran resumed (only undisturbed: shop.py:12-13)  "
        "never reached: shop.py:31"
    )


def test_where_all_lines_ran_again_there_is_nothing_more_to_tell():
    all_of_them = frozenset({1, 2})
    lines = some(1, 2, baseline=all_of_them, resumed=all_of_them)

    assert lines_text(told(shop=lines)) == "task lines  2/2 also ran resumed"


def test_of_many_places_a_few_are_named():
    lines = some(*range(1, 17), baseline=frozenset(range(1, 17, 2)))

    assert lines_text(told(shop=lines, bank=some(1))) == (
        "task lines  0/8 also ran resumed (only undisturbed: shop.py:1, shop.py:3, "
        "shop.py:5, shop.py:7, shop.py:9 and 3 places more)  never reached: "
        "bank.py:1, shop.py:2, shop.py:4, shop.py:6, shop.py:8 and 4 places more"
    )


def test_tests_add_up_by_file():
    one = told(shop=some(1, 2, baseline=frozenset({1, 2})))
    two = told(shop=some(1, 2, resumed=frozenset({2})), bank=SHOP)

    together = merged([one, None, two])

    both = some(1, 2, baseline=frozenset({1, 2}), resumed=frozenset({2}))
    assert together == told(shop=both, bank=SHOP)


def test_what_nobody_measured_is_not_the_same_as_nothing():
    assert merged([None, None]) is None
    assert merged([None, TaskLines()]) == TaskLines()


def test_it_survives_a_journey_as_builtins():
    lines = told(shop=SHOP, bank=some(1))

    assert TaskLines.of_builtins(json.loads(json.dumps(lines.as_builtins()))) == lines


def test_a_limit_is_on_what_ran_undisturbed():
    lines = told(shop=SHOP)

    (problem,) = lines_problems(61, lines)
    assert problem == (
        "--cano-cov-fail-under: 3 of 5 task lines ran resumed, too (60 %), "
        "less than 61 %; only undisturbed: shop.py:12-13"
    )
    assert not [*lines_problems(60, lines)]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (None, "no lines were measured; *"),
        (TaskLines(), "no line of a task was measured: *"),
        (told(shop=some(1)), "no line of a task ran, *"),
    ],
)
def test_a_limit_lets_nothing_through_that_was_not_measured(lines, why):
    (problem,) = lines_problems(0, lines)

    assert problem.startswith(f"--cano-cov-fail-under: {why.rstrip('*')}")


def test_the_same_lines_are_the_same_text():
    # In a set of numbers they stand as they came, where two have the same place.
    numbers = [1, 33, 65, 97]
    one, two = (
        told(shop=FileLines(frozenset(order))) for order in (numbers, numbers[::-1])
    )

    assert to_text(one) == to_text(two)
    assert from_text(to_text(one), TaskLines) == one
