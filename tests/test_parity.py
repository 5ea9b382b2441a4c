"""The table that compares the engine with cano is whole, and its tests exist."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "parity.md"
VERDICTS = ("better", "same", "left out, because ")
SCENARIOS = {
    "K": 3, "R": 3, "S": 2, "P": 2, "L": 1, "V": 2, "E": 8, "T": 4, "B": 2, "O": 2,
    "M": 3, "C": 19, "D": 11, "G": 8, "X": 6, "U": 75,
}  # fmt: skip
HOLES = [*range(1, 35), *range(40, 56)]


@dataclass(frozen=True)
class Row:
    """One row of one of the page's tables."""

    line: int
    cells: tuple[str, ...]


def rows() -> Iterator[Row]:
    for line, text in enumerate(PAGE.read_text("utf-8").splitlines(), 1):
        if text.startswith("|") and not re.match(r"\| *(-{3,}|cano\b)", text):
            cells = re.split(r"(?<!\\)\|", text.strip().strip("|"))
            yield Row(line, tuple(cell.strip() for cell in cells))


ROWS = list(rows())


@cache
def defined_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )


def ids(letters: str, cell: str) -> set[str]:
    """The ids that a cell names: ``U01``, ``C1-C19``, ``H01, H02``."""
    found = set()
    for first, last in re.findall(rf"\b{letters}(\d+)(?:-{letters}(\d+))?", cell):
        found |= {f"{letters}{n}" for n in range(int(first), int(last or first) + 1)}
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"line{row.line}")
def test_a_row_has_no_empty_cell_and_names_tests_that_exist(row: Row) -> None:
    cano, ours, verdict, tests = row.cells
    assert cano
    assert ours
    assert verdict.startswith(VERDICTS), verdict
    if verdict.startswith("left out"):
        assert len(verdict) > len("left out, because ")
        return
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", tests)
    assert named, "no test is named"
    for file, name in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert name in defined_in(path), f"{file} has no {name}"


@pytest.mark.parametrize(("letter", "count"), SCENARIOS.items())
def test_every_scenario_has_a_row(letter: str, count: int) -> None:
    named = set().union(*(ids(letter, row.cells[0]) for row in ROWS))
    assert {f"{letter}{n}" for n in range(1, count + 1)} <= named


def test_every_hole_has_a_row() -> None:
    named = set().union(*(ids("H", row.cells[0]) for row in ROWS))
    assert {f"H{n}" for n in HOLES} <= named
