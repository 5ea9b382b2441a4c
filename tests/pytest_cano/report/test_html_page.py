"""``--cano-report=html:DIR``: what the page says, read without a browser."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from documents import HOSTILE, MADE, document, hostile, program, trial, twice
from markup import Element, parsed
from pytest_cano.records.document import Document
from pytest_cano.report.html.rendering import render
from pytest_cano.task_lines import FileLines, TaskLines
from stories import (
    baseline,
    crashed,
    effect,
    extra,
    failed,
    operation,
    returned,
    rows,
    run,
    task_run,
)

TAGS = {
    *("html", "head", "meta", "title", "link", "style", "script", "body"),
    *("header", "main", "footer", "section", "form", "figure", "figcaption"),
    *("details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("ul", "ol", "li", "dl", "dt", "dd", "div", "p", "pre", "span", "code", "a"),
    *("b", "i", "em", "small", "abbr", "br", "h1", "h2", "h3", "h4", "h5"),
    *("button", "label", "input", "output"),
    *("svg", "defs", "marker", "g", "rect", "path", "circle", "text"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "rel", "href", "class"),
    *("id", "open", "hidden", "title", "type", "role", "tabindex", "scope"),
    *("colspan", "for", "autocomplete", "spellcheck", "data-verdict", "data-name"),
    *("aria-label", "aria-labelledby", "aria-pressed", "aria-hidden"),
    *("width", "height", "viewbox", "refx", "refy", "markerwidth", "markerheight"),
    *("orient", "d", "marker-end", "x", "y", "rx", "cx", "cy", "r"),
}
UNTRIED = "\N{EN DASH}"


def page(found: Document) -> Element:
    return parsed(render(found))


def cells(table: Element) -> dict[str, list[str]]:
    """The cells of each row, by the row's header."""
    return {
        row.first("th").text: [cell.text for cell in row.all("td")]
        for row in table.first("tbody").all("tr")
    }


def schedule(shown: Element, name: str) -> Element:
    """What the page tells of a schedule."""
    return next(
        each
        for each in shown.all("details.schedule")
        if each.first("summary").first("code").text == name
    )


def lives(entry: Element) -> list[list[str]]:
    """The lines of each life: its header, then what log and ledger say."""
    return [
        ["|".join(cell.text for cell in row.children if isinstance(cell, Element))]
        for part in entry.first("table.lives").all("tbody")
        for row in part.all("tr")
    ]


@pytest.fixture
def shop() -> Document:
    """A test of which one crash failed, and one that passed."""
    return document(
        program(
            trial(schedule="Process@start"),
            twice(),
            points=("Process@start", "Process@end", "Done@cleared"),
        ),
        program(trial(), test="tests/test_shop.py::test_other"),
    )


def test_the_first_thing_to_see_is_what_failed_and_where(shop):
    shown = page(shop)

    assert shown.first("h1").text == "1 of 3 schedules failed"
    assert "failed" in shown.first("header").classes
    tiles = [tile.text for tile in shown.first("dl.tiles").all("div")]
    assert tiles == [
        "score 2/3 66 %",
        "coverage 3/4 crash points, 75 %",
        "worst DUPLICATED an effect happened more often than undisturbed",
    ]
    (failure,) = shown.first("ol.failures").all("li")
    assert failure.text == (
        "DUPLICATED charge() happened 2 times, 1 in the undisturbed run "
        "test_it Process@end"
    )
    link = failure.all("a")[1]
    assert shown.by_id(link["href"][1:]) in schedule(shown, "Process@end").elements


def test_what_failed_alike_is_named_together():
    found = document(
        program(*(twice(schedule=f"Process@effect:{k}") for k in range(1, 31))),
    )

    (failure,) = page(found).first("ol.failures").all("li")

    assert len(failure.all("code")) == 8
    assert failure.text.endswith("Process@effect:8 and 22 more")


def test_what_a_test_has_checked_itself_is_called_by_both_names():
    found = program(trial(), test="t.py::test_a shop")
    found = replace(found, summary=replace(found.summary, name="shop"))

    assert page(document(found)).first("h3").text == "test_a shop"


def test_the_matrix_leads_to_the_schedules(shop):
    shown = page(shop)
    table = shown.first("table.matrix")

    moments = [each.text for each in table.first("thead").all("th")]
    assert moments == ["state", "start", "end", "cleared"]
    assert cells(table) == {
        "Process": ["ok", "DUPLICATED", ""],
        "Done": ["", "", UNTRIED],
    }
    links = {link.text: link["href"] for link in table.all("a")}
    for text, name in {"ok": "Process@start", "DUPLICATED": "Process@end"}.items():
        target = shown.by_id(links[text][1:])
        assert schedule(shown, name).holds(target)
    assert {cell.text: cell.classes for cell in table.all("td") if cell.text} == {
        "ok": ["passed"],
        "DUPLICATED": ["failed"],
        UNTRIED: ["untried"],
    }


def test_a_cell_of_several_schedules_leads_to_each():
    found = document(
        program(
            trial(schedule="Process@end=kill"),
            twice(schedule="Process@end"),
            trial(schedule="Process@end#2"),
        )
    )

    cell = page(found).first("table.matrix").first("td.failed")

    first, *marks = cell.all("a")
    assert first.text == "DUPLICATED 1/3"
    assert [mark.text for mark in marks] == ["#1 raise", "#1 kill", "#2 raise"]
    assert [mark["title"] for mark in marks] == [
        "Process@end DUPLICATED",
        "Process@end=kill PASS",
        "Process@end#2 PASS",
    ]
    assert marks[0]["href"] == first["href"]


def test_what_failed_stands_first_and_open_and_what_passed_is_closed(shop):
    shown = page(shop)

    first, other = shown.all("details.test")
    assert "open" in first.attributes
    assert "open" not in other.attributes
    states = [
        (entry["data-verdict"], "open" in entry.attributes)
        for entry in first.all("details.schedule")
    ]
    assert states == [("DUPLICATED", True), ("PASS", False)]
    passed = first.first("details.passed")
    assert "open" not in passed.attributes
    assert passed.first("summary").text == "Passed 1"


def test_the_log_and_the_ledger_stand_side_by_side():
    first, second, third = rows("Process", "+Process", "Done")
    found = twice(
        lives=(crashed(), returned(2)),
        effects=(
            effect("charge()", at=2),
            effect("charge()", life=2, at=5, location="shop.py:31 in process"),
            effect("mail()", life=2, at=6, key="k1", point="Process@effect:2"),
            effect("mail()", life=2, at=7, key="k1", point="Process@effect:3"),
        ),
        runs=[
            run(
                operations=(
                    operation(1, first),
                    operation(3, ended="failed", name="append", durable=False),
                    operation(4, second, life=2),
                    operation(8, third, life=2, name="finish", ends=True),
                )
            )
        ],
    )

    entry = schedule(page(document(program(found))), "Process@end")

    assert [line for (line,) in lives(entry)] == [
        "life 1 Start > Process",
        "#0 Process entry|charge() shop.py:31 in process",
        "append failed: OSError: disk full|",
        "crashed at end: the task had returned, nothing was recorded",
        "life 2 resumed at Process > Done",
        "#1 Process resume|charge() time 2, 1 undisturbed shop.py:31 in process",
        "|mail() never undisturbed shop.py:31 in process · key k1",
        "|mail() known by its key: no second time shop.py:31 in process · key k1",
        "#2 Done entry|",
        "finish the run is finished|",
    ]
    assert cells(entry.first("table.tally")) == {
        "charge()": ["1", "2", "shop.py:31 in process"],
        "mail()": ["0", "1", "shop.py:31 in process"],
    }


def test_what_undoes_and_what_only_looks_is_told_apart():
    found = trial(
        lives=(crashed(), returned(2), extra(3)),
        runs=[run(operations=(operation(1, *rows("Process")),)), run(2)],
        effects=(
            effect("refund()", at=2, undoing=True),
            effect("look()", life=3, at=3, point=None, key="run-1/Process/1"),
        ),
    )

    entry = schedule(page(document(program(found))), "Process@end")

    looked, key = (
        "by the program's own body, not judged",
        "\N{HORIZONTAL ELLIPSIS}/Process/1",
    )
    assert [line for (line,) in lives(entry)][1::2] == [
        "#0 Process entry|refund() to undo, never undisturbed shop.py:31 in process",
        "life 2 resumed at Process > Done",
        f"|look() {looked} shop.py:31 in process \N{MIDDLE DOT} key {key}",
    ]


def test_what_a_second_run_wrote_is_told_apart():
    found = twice(runs=[run(2, operations=(operation(1, *rows("Process")),))])

    entry = schedule(page(document(program(found))), "Process@end")

    assert ["run 2: #0 Process entry|"] in lives(entry)


def test_what_the_matrix_does_not_show_is_counted_below_it():
    found = program(
        trial(),
        trial(schedule="Process@end > Process@start"),
        twice(schedule="Process@end > Process@end"),
    )
    found = replace(found, summary=replace(found.summary, seen={2: 5, 3: 1}))

    shown = page(document(found))

    (group,) = shown.first("ul.groups").all("li")
    assert group.text == "depth 2 6/7 failed"
    target = shown.by_id(group.first("a")["href"][1:])
    assert schedule(shown, "Process@end > Process@end").holds(target)


def test_the_failure_the_output_and_the_line_to_repeat_it_are_there():
    found = twice(
        lives=(crashed(), failed(2, "Traceback\nE   AssertionError: no\n")),
        output=[("Captured stdout", "charging\n")],
        hints=("let it call start_or_resume",),
        again="pytest 'a.py::b' --cano-crash='Process@end'",
    )

    entry = schedule(page(document(program(found))), "Process@end")

    assert [each.raw for each in entry.all("pre")] == [
        "Traceback\nE   AssertionError: no",
        "charging",
    ]
    assert [each.text for each in entry.all("h5")] == ["Life 2 failed", "Hints"]
    assert entry.first(".again").first("code").text == (
        "pytest 'a.py::b' --cano-crash='Process@end'"
    )


@pytest.mark.parametrize(
    ("found", "headline", "standing"),
    [
        (document(), "Nothing was crashed", "untried"),
        (document(program(trial())), "All 1 schedule passed", "passed"),
        (
            document(
                program(twice(verdict="ACCEPTED", found="DUPLICATED", excuse="D"))
            ),
            "No schedule failed: 0 passed, 1 accepted",
            "excused",
        ),
        (
            document(program(trial(), problems=("it is outdated",))),
            "1 test failed, though no schedule did",
            "failed",
        ),
        (
            document(program(trial()), problems=("--cano-fail-under: no",)),
            "Every schedule passed, and the session failed all the same",
            "failed",
        ),
        (
            document(program(trial()), made=replace(MADE, interrupted=True)),
            "The session was ended before its end",
            "failed",
        ),
    ],
)
def test_the_headline(found, headline, standing):
    excused = {"ACCEPTED": "DUPLICATED: known"}
    programs = [
        replace(
            each,
            summary=replace(
                each.summary,
                excused={
                    name: excused[said]
                    for name, said in each.summary.verdicts.items()
                    if said in excused
                },
            ),
        )
        for each in found.programs
    ]
    shown = page(replace(found, programs=tuple(programs)))

    assert shown.first("h1").text == headline
    assert shown.first("header").classes == ["top", standing]


def test_what_is_wrong_with_the_session_and_how_it_was_made_is_said():
    made = replace(MADE, shard="2/5", interrupted=True, arguments=("-x", "tests"))
    flaky = program(test="t.py::test_b", problems=("FLAKY_BASELINE  x\nmore",))
    ended = program(test="t.py::test_c", outcome="failed")

    shown = page(
        document(program(trial()), flaky, ended, made=made, problems=("--cano: less",))
    )

    problems = [each.text for each in shown.first("ul.problems").all("li")]
    assert problems == [
        "--cano: less",
        "test_b FLAKY_BASELINE x",
        "test_c its undisturbed run: failed",
    ]
    footer = shown.first("footer").text
    assert "part 2/5 of the plan" in footer
    assert "ended before its end" in footer
    assert "pytest -x tests" in footer
    assert "pytest-cano 0.1.0" in footer


def test_what_was_never_re_executed_is_named():
    transitions = {"Start": frozenset({"Refund", "Done"}), "Refund": None}
    runs = [run(transitions=transitions)]
    undisturbed = baseline(
        runs=runs, task_runs=(task_run("Start"),), points=("Start@end",)
    )
    lines = FileLines(*map(frozenset, ([1, 2, 3], [1, 2], [], [1])))
    found = program(
        trial(schedule="Start@end", runs=runs),
        baseline=undisturbed,
        lines=TaskLines({"shop.py": lines}),
    )

    section = page(document(found)).all("section")[-1]

    assert cells(section.first("table.recovery")) == {
        "Start · Refund": [
            "0/2 never entered: Refund once only: Start",
            "1/2 never taken: Start > Refund",
            "0/2 never made: at Start, at Refund",
            "none",
            "none",
        ]
    }
    assert "Of 2 lines of tasks that ran undisturbed, 1 ran after a" in section.text
    assert [each.text for each in section.all("p.places")] == [
        "Only undisturbed: shop.py:2",
        "Never reached: shop.py:3",
    ]


def titles(drawing: Element) -> list[str]:
    return [each.text for each in drawing.all("title")]


def test_the_diagram_shows_what_crashes_came_to_in_each_state():
    undisturbed = baseline(
        runs=[
            run(
                transitions={
                    "Start": frozenset({"Process", "Refund"}),
                    "Process": frozenset({"Done"}),
                    "Refund": frozenset({"Done"}),
                },
                kinds={"Start": "router"},
            )
        ],
        task_runs=(task_run("Start"), task_run("Process")),
        points=("Start@end", "Process@start", "Process@end", "Done@cleared"),
    )
    found = program(
        trial(schedule="Start@end"),
        twice(),
        trial("RERAN", schedule="Start@end > Process@start"),
        baseline=undisturbed,
        points=("Start@end", "Process@start", "Process@end", "Done@cleared"),
    )

    drawing = page(document(found)).first("figure.diagram").first("svg")

    assert [
        (each.first("title").text, each.classes[1:]) for each in drawing.all("g")
    ] == [
        ("Start (router): every crash there passed", ["passed"]),
        ("Process: a crash there failed", ["failed"]),
        ("Refund: never entered", ["untried", "never"]),
        ("Done (exit): not crashed", ["untried"]),
    ]
    assert [each.text for each in drawing.all(".dot")] == [
        "Start@end: ok",
        "Process@start: RERAN in Start@end > Process@start",
        "Process@end: DUPLICATED",
        "Done@cleared: not crashed",
    ]
    ways = {each.first("title").text: each.classes for each in drawing.all("path.line")}
    assert ways == {
        "Start leads to Process": ["line"],
        "Process leads to Done": ["line"],
        "Start leads to Refund: never taken": ["line", "untaken"],
        "Refund leads to Done: never taken": ["line", "untaken"],
    }
    for said in (*titles(drawing)[:1], "Process: a crash there failed"):
        assert said in drawing["aria-label"]


def test_where_nothing_is_declared_the_ways_are_those_that_were_taken():
    undisturbed = baseline(
        runs=[run(transitions={"Start": None, "Process": None})],
        task_runs=(task_run("Start"), task_run("Process")),
    )

    drawing = page(document(program(trial(), baseline=undisturbed))).first(
        "figure.diagram"
    )

    assert [each.text for each in drawing.all("path.line")] == [
        "Process leads to Done",
        "Start leads to Process",
    ]
    assert "No state declares what may follow" in drawing.text


def test_a_state_that_may_follow_itself_has_a_loop():
    runs = [run(transitions={"Process": frozenset({"Process", "Done"})})]

    drawing = page(document(program(trial(), baseline=baseline(runs=runs)))).first(
        "svg"
    )

    ways = {each.first("title").text: each["d"] for each in drawing.all("path.line")}
    assert "c" in ways["Process leads to Process: never taken"]


def written(value: str) -> str:
    """A text as a page shows it."""
    return " ".join(
        value.replace("\r", r"\r")
        .replace("\x1b", r"\x1b")
        .replace("\x00", r"\x00")
        .replace("\ud800", r"\ud800")
        .replace("\u202e", r"\u202e")
        .split()
    )


SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'><!--"


@pytest.mark.parametrize("value", [HOSTILE, SCRIPT], ids=["syntax", "script"])
def test_nothing_that_a_program_says_is_taken_for_markup(value, monkeypatch):
    monkeypatch.setattr("documents.HOSTILE", value)

    text = render(hostile())

    text.encode("utf-8")
    shown = parsed(text)
    assert {each.tag for each in shown.elements} - {""} <= TAGS
    assert {name for each in shown.elements for name in each.attributes} <= ATTRIBUTES
    assert len(shown.all("script")) == 1
    said = written(value)
    entry = shown.first("details.schedule")
    assert f"[{said}]" in " ".join(shown.first("details.test")["data-name"].split())
    assert f"charge({said}) happened 2 times" in entry.text
    assert entry.first(".again").first("code").text == f"pytest {said}"
    assert said in entry.first("table.lives").text
    assert said in entry.all("pre")[-1].text
    assert said in " ".join(shown.first("svg")["aria-label"].split())
    assert said in shown.first("table.matrix").text
    assert said in shown.first("ul.problems").text


def test_the_page_is_its_own_and_asks_for_nothing(shop):
    text = render(shop)
    shown = parsed(text)

    for each in shown.elements:
        for name in ("src", "href"):
            assert each.attributes.get(name, "#").startswith(("#", "data:"))
        assert not any(name.startswith("on") for name in each.attributes)
        assert "style" not in each.attributes
    assert not re.search(r"url\((?!#)|@import|https?:|\bfetch\b|\beval\b", text)
    policy = next(
        each["content"]
        for each in shown.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    for name in ("style", "script"):
        digest = hashlib.sha256(shown.first(name).raw.encode()).digest()
        assert allowed[f"{name}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"


def test_every_link_leads_somewhere_and_no_name_is_there_twice(shop):
    for found in (shop, hostile()):
        shown = page(found)

        names = [e["id"] for e in shown.elements if "id" in e.attributes]
        assert len(names) == len({*names})
        for each in shown.elements:
            if "href" in each.attributes and each["href"].startswith("#"):
                assert each["href"][1:] in names
            if "marker-end" in each.attributes:
                assert each["marker-end"][5:-1] in names


def test_many_schedules_make_a_page_that_a_browser_can_show():
    """Something is left out then, and that is said; what failed is told whole."""
    happened = tuple(
        effect(f"mail('{number}')", life=2, at=number, point="Process@effect:1")
        for number in range(60)
    )
    found = document(
        program(
            *(trial(schedule=f"S{k}@end", effects=happened) for k in range(600)),
            twice(effects=(*happened, *happened)),
            baseline=baseline(effects=happened),
        )
    )

    text = render(found)
    shown = parsed(text)

    assert len(text) < 6_000_000
    told = [len(each.all("tr")) for each in shown.all("details.schedule")]
    assert told[0] > 120
    whole = sum(number > 60 for number in told[1:])
    assert 100 < whole < 600
    assert (
        f"Of {600 - whole} schedules the page has no room" in shown.first("footer").text
    )
    short = shown.all("details.schedule")[-1]
    assert "60 lines of log and ledger are left out here" in short.text


def test_of_a_long_text_the_end_is_shown():
    found = document(program(twice(output=[("Captured stdout", "x" * 20_000 + "end")])))

    entry = schedule(page(found), "Process@end")

    shown = entry.first("details.more")
    assert "8003 characters before this are left out" in shown.text
    assert shown.first("pre").text.endswith("xend")
    assert len(shown.first("pre").text) == 12_000
