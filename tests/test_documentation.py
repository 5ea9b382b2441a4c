"""Every code block of README.md, its neighbours and docs/ does what the page says.

With CANO_REFRESH_DOCS=1 the output in the documents is replaced where it differs.
"""

import os
from pathlib import Path

import pytest

from documentation import check, parse, refresh

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_does_what_the_document_says(document: Path, tmp_path: Path):
    markdown = document.read_text(encoding="utf-8")

    problems = check(markdown, tmp_path, ROOT / "examples")

    if problems and os.environ.get("CANO_REFRESH_DOCS"):
        document.write_text(refresh(markdown, problems), encoding="utf-8")
        problems = [problem for problem in problems if problem.replacement is None]
    name = document.relative_to(ROOT)
    told = [f"{name}:{problem.block.line}: {problem.message}" for problem in problems]
    if told:
        pytest.fail("\n\n".join(told), pytrace=False)


def test_the_readme_shows_a_workflow_a_command_and_its_output():
    blocks = parse((ROOT / "README.md").read_text(encoding="utf-8"))

    assert {"python", "console", "sh"} <= {block.language for block in blocks}


def test_the_readme_is_read_in_a_minute():
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 120


@pytest.mark.parametrize("name", ["example", "tests"])
def test_the_readme_has_each_command_that_ci_runs_once(name: str):
    blocks = parse((ROOT / "README.md").read_text(encoding="utf-8"))

    assert [block.directives.get("command") for block in blocks].count(name) == 1
