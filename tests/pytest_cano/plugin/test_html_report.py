"""``--cano-report=html:DIR`` in sessions of pytest."""

import sys

import pytest

from markup import Element, parsed
from shop_project import BUGGY, POINTS, SAFE

REPORT = ("--cano-crash=all", "--cano-report=html:out/page", "-p", "no:cacheprovider")


@pytest.fixture
def crashed(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    project.add("test_other.py", "def test_other(): pass")
    return project


def page(project) -> Element:
    return parsed((project.path / "out/page/index.html").read_text("utf-8"))


def told(shown: Element) -> list[str]:
    """What a page says, without what no two sessions have in common."""
    return [
        each.text
        for name in ("h1", "table.matrix", "details.schedule", "table.recovery")
        for each in shown.all(name)
    ]


def test_a_session_leaves_one_page_with_every_schedule(crashed):
    result = crashed.run(*REPORT)

    result.stdout.fnmatch_lines(["report  html:out/page"])
    assert [path.name for path in (crashed.path / "out/page").iterdir()] == [
        "index.html"
    ]
    shown = page(crashed)
    assert shown.first("h1").text == "2 of 16 schedules failed"
    buggy, safe = shown.all("details.test")
    assert (buggy.first("h3").text, safe.first("h3").text) == (
        "test_buggy",
        "test_safe",
    )
    names = [each.first("code").text for each in buggy.all("details.schedule")]
    failed = ["Charge@effect:1", "Charge@end"]
    assert names == [*failed, *(point for point in POINTS if point not in failed)]
    assert buggy.first("table.matrix").first("tbody").first("tr").text == (
        "Charge ok ok DUPLICATED DUPLICATED"
    )
    twice = buggy.all("details.schedule")[1]
    key = "…/Ship/1"
    again = "charge('order-1', 42) time 2, 1 undisturbed"
    assert [row.text for row in twice.first("table.lives").all("tr")] == [
        "log ledger",
        "life 1 Charge",
        "#0 Charge entry charge('order-1', 42) shop.py:11 in charge",
        "crashed at end: the task had returned, nothing was recorded",
        "life 2 resumed at Charge > Ship > Done",
        f"#1 Charge resume {again} shop.py:11 in charge",
        f"#2 Ship entry send('order-1') shop.py:15 in ship · key {key}",
        "#3 Done entry",
        "finish the run is finished",
    ]


def test_it_is_the_same_from_workers(crashed):
    pytest.importorskip("xdist")
    crashed.run(*REPORT)
    alone = told(page(crashed))

    crashed.run(*REPORT, "-n", "2", plugins=["xdist"], subprocess=True)

    assert told(page(crashed)) == alone


def test_without_its_library_it_is_a_usage_error(project, monkeypatch):
    project.add("test_it.py", SAFE)
    monkeypatch.setitem(sys.modules, "jinja2", None)

    result = project.run(*REPORT)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    line = (
        "ERROR: --cano-report: html:out/page needs Jinja2, which is not installed: "
        "pip install 'pytest-cano[[]html]'"
    )
    result.stderr.fnmatch_lines([line])


def test_the_page_is_there_whole_or_as_it_was(crashed, monkeypatch):
    crashed.run(*REPORT)
    before = (crashed.path / "out/page/index.html").read_bytes()

    def full(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", full)
    result = crashed.run(*REPORT)

    result.stdout.fnmatch_lines(["ERROR --cano-report=html:out/page: it could not *"])
    assert (crashed.path / "out/page/index.html").read_bytes() == before


def test_nothing_of_it_is_loaded_for_another_report(project):
    project.add(
        "test_it.py",
        SAFE
        + """
def test_what_is_loaded():
    import sys
    loaded = [name for name in sys.modules if "jinja2" in name or ".html." in name]
    assert not [name for name in loaded if name.startswith(("jinja2", "pytest_cano"))]
""",
    )

    result = project.run(
        "--cano-crash=all", "--cano-report=json:out.json", subprocess=True
    )

    result.assert_outcomes(passed=result.parseoutcomes()["passed"])
