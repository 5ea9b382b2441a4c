"""The table that compares the engine with cano is whole, and its tests exist."""

import re

import pytest

import backed

PAGE = backed.ROOT / "docs" / "parity.md"
VERDICTS = ("better", "same", "left out, because ")
SCENARIOS = {
    "K": 3, "R": 3, "S": 2, "P": 2, "L": 1, "V": 2, "E": 8, "T": 4, "B": 2, "O": 2,
    "M": 3, "C": 19, "D": 11, "G": 8, "X": 6, "U": 75,
}  # fmt: skip
HOLES = [*range(1, 35), *range(40, 56)]


ROWS = list(backed.rows(PAGE))


def ids(letters: str, cell: str) -> set[str]:
    """The ids that a cell names: ``U01``, ``C1-C19``, ``H01, H02``."""
    found = set()
    for first, last in re.findall(rf"\b{letters}(\d+)(?:-{letters}(\d+))?", cell):
        found |= {f"{letters}{n}" for n in range(int(first), int(last or first) + 1)}
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"line{row.line}")
def test_a_row_has_no_empty_cell_and_names_tests_that_exist(row: backed.Row) -> None:
    cano, ours, verdict, tests = row.cells
    assert cano
    assert ours
    assert verdict.startswith(VERDICTS), verdict
    if verdict.startswith("left out"):
        assert len(verdict) > len("left out, because ")
        return
    assert backed.tests_in(tests), "no test is named"
    assert not backed.missing(tests)


@pytest.mark.parametrize(("letter", "count"), SCENARIOS.items())
def test_every_scenario_has_a_row(letter: str, count: int) -> None:
    named = set().union(*(ids(letter, row.cells[0]) for row in ROWS))
    assert {f"{letter}{n}" for n in range(1, count + 1)} <= named


def test_every_hole_has_a_row() -> None:
    named = set().union(*(ids("H", row.cells[0]) for row in ROWS))
    assert {f"H{n}" for n in HOLES} <= named
