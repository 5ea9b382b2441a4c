"""Every line on compatibility names tests or environments, and they exist."""

import re
import tomllib
from configparser import ConfigParser

import pytest

import backed

PAGE = backed.ROOT / "docs" / "compatibility.md"
ROWS = list(backed.rows(PAGE))
PROJECT = tomllib.loads((backed.ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def environments() -> set[str]:
    """The environments of tox that the whole suite is run in."""
    tox = ConfigParser(interpolation=None)
    tox.read(backed.ROOT / "tox.ini")
    return set(re.findall(r"\w+", tox["tox"]["env_list"]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"line{row.line}")
def test_a_line_is_backed_by_what_there_is(row: backed.Row) -> None:
    what, holds, shown_by = row.cells
    assert what
    assert holds
    named = backed.tests_in(shown_by)
    ran_in = set(re.findall(r"`tox -e (\w+)`", shown_by))
    assert named or ran_in
    assert not backed.missing(shown_by)
    assert ran_in <= environments()
    left = re.sub(r"`[^`]*`", "", shown_by)
    assert not left.strip(", "), "only tests and environments show anything"


def test_the_versions_of_python_are_those_that_are_declared() -> None:
    versions = [
        found[1]
        for classifier in PROJECT["classifiers"]
        if (found := re.fullmatch(r"Programming .* :: Python :: (3\.\d+)", classifier))
    ]
    (row,) = (row for row in ROWS if row.cells[0].startswith("Python 3"))

    assert row.cells[0] == f"Python {', '.join(versions)}"
    assert row.cells[2] == ", ".join(
        f"`tox -e py{version.replace('.', '')}`" for version in versions
    )


def test_the_lowest_pytest_is_the_one_that_is_declared() -> None:
    (lowest,) = (
        text.removeprefix("pytest>=")
        for text in PROJECT["dependencies"]
        if text.startswith("pytest>=")
    )

    assert any(row.cells[0] == f"pytest {lowest} and newer" for row in ROWS)


def test_what_there_is_not_is_found() -> None:
    exists = "`test_compatibility.py::test_what_there_is_not_is_found`"
    cell = f"{exists}, `test_compatibility.py::test_gone`, `no_such.py::test_it`"

    assert backed.missing(cell) == [
        "test_compatibility.py::test_gone",
        "no_such.py::test_it",
    ]
