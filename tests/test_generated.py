"""What the pages say of options, moments, faults and verdicts is what the code says.

With CANO_REFRESH_DOCS=1 it is written anew.
"""

import os
from difflib import unified_diff
from pathlib import Path

import pytest

import generated

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
HOMES = {
    "faults": "crash-points",
    "markers": "options",
    "moments": "crash-points",
    "options": "options",
    "verdicts": "verdicts",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_generated_part_is_as_the_tables_have_it(page: Path):
    markdown = page.read_text("utf-8")
    expected = generated.refreshed(markdown)

    if os.environ.get("CANO_REFRESH_DOCS") and markdown != expected:
        page.write_text(expected, "utf-8")
        markdown = expected
    difference = unified_diff(markdown.splitlines(), expected.splitlines(), lineterm="")
    if told := "\n".join(difference):
        pytest.fail(f"CANO_REFRESH_DOCS=1 writes it anew:\n{told}", pytrace=False)


def test_every_table_is_on_its_page():
    found = {
        name: page.stem
        for page in PAGES
        for name in generated.names(page.read_text("utf-8"))
    }

    assert found == HOMES
    assert found.keys() == generated.TABLES.keys()


def test_whatever_stood_there_is_replaced_and_the_rest_is_left():
    page = "a\n<!-- generated: markers -->\nold\n<!-- end of markers -->\nb\n"

    made = generated.refreshed(page)

    assert "old" not in made
    assert "`cano_accept(selector, *, verdict, reason)`" in made
    assert made.startswith("a\n<!-- generated: markers -->\n\n| marker |")
    assert made.endswith(" |\n\n<!-- end of markers -->\nb\n")
    assert generated.refreshed(made) == made


def test_a_cell_does_not_end_at_a_bar_in_it():
    assert generated.table(("a", "b"), ("x|y", "z")) == (
        "| a | b |\n| --- | --- |\n| x\\|y | z |"
    )
