"""The table of moments, and what is written of it."""

import re
from pathlib import Path

from pytest_cano.faults import FAULTS
from pytest_cano.moments import MOMENTS

PAGES = Path(__file__).parents[2] / "docs"
DOCS = PAGES / "crash-testing.md"


def test_the_documentation_has_every_moment_as_the_table_has_it():
    table = DOCS.read_text("utf-8").partition("| moment |")[2].partition("\n\n")[0]
    documented = re.findall(r"^\| `(.+?)` \| (.*) \|$", table, re.MULTILINE)

    assert documented == [(each.usage, each.durable) for each in MOMENTS.values()]


def test_the_documentation_has_every_fault_as_the_table_has_it():
    page = (PAGES / "searching.md").read_text("utf-8")
    table = page.partition("| fault |")[2].partition("\n\n")[0]
    documented = re.findall(r"^\| `(.+?)` \| (.*) \|$", table, re.MULTILINE)

    assert documented == [(each.usage, each.help) for each in FAULTS.values()]
