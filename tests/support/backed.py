"""Tables of the documentation whose rows name the tests that back them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Row:
    """One row of one of a page's tables."""

    line: int
    cells: tuple[str, ...]


def rows(page: Path) -> Iterator[Row]:
    """Every row but the heads of the tables."""
    lines = page.read_text("utf-8").splitlines()
    for number, text in enumerate(lines, 1):
        is_head = lines[number : number + 1] and lines[number].startswith("| ---")
        if text.startswith("|") and not is_head and not text.startswith("| ---"):
            cells = re.split(r"(?<!\\)\|", text.strip().strip("|"))
            yield Row(number, tuple(cell.strip() for cell in cells))


@cache
def defined_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )


def tests_in(cell: str) -> list[tuple[str, str]]:
    """The tests that a cell names: file, from ``tests`` on, and function."""
    return re.findall(r"`([\w/]+\.py)::(\w+)`", cell)


def missing(cell: str) -> list[str]:
    """Which of the tests that a cell names do not exist."""
    return [
        f"{file}::{name}"
        for file, name in tests_in(cell)
        if not (ROOT / "tests" / file).is_file()
        or name not in defined_in(ROOT / "tests" / file)
    ]
