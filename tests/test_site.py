"""The site is not built as long as one of its links leads nowhere.

Runs where Sphinx is: in the environment `docs` of tox.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="needs Sphinx: tox run -e docs")

ROOT = Path(__file__).parents[1]

BROKEN = """
[a page](no-such-page.md) [an anchor](stores.md#no-such-heading)
[a heading of this page](#nor-this) [a file](../examples/no_such_example.py)
[another page's](../README.md#no-such-part)
"""


@pytest.fixture(scope="module")
def broken(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The building of a site with links that lead nowhere, and where it is."""
    root = tmp_path_factory.mktemp("site")
    for name in ("benchmarks", "docs", "examples"):
        unwanted = shutil.ignore_patterns("__pycache__", ".*cache", ".venv*")
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)
    for page in ROOT.glob("*.md"):
        shutil.copy(page, root)
    with (root / "docs" / "mutants.md").open("a", encoding="utf-8") as file:
        file.write(BROKEN)
    with (root / "examples" / "README.md").open("a", encoding="utf-8") as file:
        file.write("\n[nothing](nothing.py)\n")
    (root / "docs" / "unlisted.md").write_text("# Unlisted\n", "utf-8")
    command = "-q -E -W --keep-going -b html -c docs . built"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *command.split()],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, root / "built"


def test_whatever_leads_nowhere_fails_the_build(broken):
    done, _ = broken

    assert done.returncode != 0
    told = done.stderr.splitlines()
    missing = {line.split("'")[-2] for line in told if "[myst.xref_missing]" in line}
    assert missing >= {
        "../examples/no_such_example.py",
        "no-such-heading",
        "no-such-page.md",
        "no-such-part",
        "nor-this",
        "nothing.py",
    }
    unlisted = [line for line in told if "[toc.not_included]" in line]
    assert any("unlisted.md" in line for line in unlisted)


def test_a_block_has_the_name_of_its_file_and_no_directive_is_left(broken):
    _, site = broken

    page = (site / "README.html").read_text("utf-8")
    assert ">test_shop.py</span>" in page
    assert "<!-- file:" not in page
    assert "<!-- command:" not in page
