"""The HTML report in a real browser: how it looks, and what one can do with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import MISSING, Browser, Tab, browsing, chromium
from documents import document, hostile, program, trial, twice
from pytest_cano.report.html.rendering import render
from stories import baseline, crashed, effect, failed, operation, rows, run

pytestmark = pytest.mark.skipif(chromium() is None, reason=MISSING)

WIDTHS = pytest.mark.parametrize("width", [390, 1280])

# Everything that can be opened is open, and what is loading has been drawn.
OPENED = "document.querySelectorAll('details').forEach(each => { each.open = true })"

VISIBLE = "[...document.querySelectorAll({!r})].filter(e => e.checkVisibility()).length"

# How well each text can be told from what is behind it, by WCAG 2: the worst ones.
CONTRAST = """
(() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((each) => {
      const part = each / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const shape = at.closest("g.node rect, g.node");
      const colour = shape
        ? getComputedStyle(shape.querySelector("rect")).fill
        : getComputedStyle(at).backgroundColor;
      if (colour !== "none" && parse(colour).a > 0.99) return parse(colour);
      if (shape) at = shape.ownerSVGElement;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const drawn = element instanceof SVGElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (["STYLE", "SCRIPT", "title"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const front = parse(drawn ? style.fill : style.color);
    const [dark, bright] = [light(front), light(behind(element))].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    found.push([Math.round(ratio * 100) / 100, texts.currentNode.data.trim()]);
  }
  return found.sort((a, b) => a[0] - b[0]);
})()
"""


def story():
    """A crash that repeated an effect, and a test that noticed."""
    first, second, third = rows("Process", "+Process", "Done")
    return twice(
        lives=(crashed(), failed(2, "E   AssertionError: " + "x" * 200)),
        effects=(
            effect("charge()", at=2),
            effect("charge()", life=2, at=5, key="a-key-" + "k" * 80),
            effect("charge()", life=2, at=6),
        ),
        runs=[
            run(
                operations=(
                    operation(1, first),
                    operation(4, second, life=2),
                    operation(7, third, life=2, name="finish", ends=True),
                )
            )
        ],
        output=[("Captured stdout", "y" * 300)],
        hints=("let it call start_or_resume",),
    )


def several():
    """Tests that failed, are excused and passed, with wide matrices and diagrams."""
    states = [f"State{number}" for number in range(14)]
    following = [*states[1:], "Done"]
    transitions = {
        each: frozenset({after}) for each, after in zip(states, following, strict=True)
    }
    wide = baseline(
        runs=[run(transitions=transitions)],
        points=[f"{state}@{at}" for state in states for at in ("start", "end", "undo")],
    )
    return document(
        program(
            story(),
            trial(schedule="Process@start"),
            trial(schedule="Process@end=kill"),
            trial(schedule="Process@end > Process@end"),
            points=("Process@start", "Process@end", "Done@cleared"),
        ),
        program(
            trial(
                "ACCEPTED",
                schedule="State3@end",
                found="DUPLICATED",
                excuse="DUPLICATED: the bank knows",
            ),
            *(trial(schedule=f"State2@effect:{k}") for k in range(1, 31)),
            test="tests/test_wide.py::test_wide",
            points=map(str, wide.points),
            baseline=wide,
        ),
        program(trial(), test="tests/test_safe.py::test_safe"),
        problems=(
            "--cano-fail-under: 3 of 4 schedules passed (75 %), less than 100 %",
        ),
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium()
    assert program is not None
    with browsing(program, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render(several()), "utf-8")
    return path.as_uri()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    with browser.tab() as opened:
        opened.resize(1280)
        opened.prefer(reduced_motion="reduce")
        yield opened


def shown(tab: Tab) -> list[str]:
    """The schedules that are to be seen, closed ones too."""
    return tab.evaluate(
        "[...document.querySelectorAll('details.schedule')]"
        ".filter(e => !e.closest('[hidden]'))"
        ".map(e => e.querySelector('summary code').textContent)"
    )


def press(tab: Tab, key: str) -> None:
    code = {"Tab": 9, "Enter": 13}[key]
    for kind in ("keyDown", "keyUp"):
        tab.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code=key,
            windowsVirtualKeyCode=code,
            **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
        )


def click(tab: Tab, selector: str) -> None:
    """A click of the mouse, where the element is."""
    x, y = tab.evaluate(
        f"(() => {{ const e = document.querySelector({selector!r});"
        "e.scrollIntoView({block: 'center'});"
        "const {x, y, width, height} = e.getBoundingClientRect();"
        "return [x + width / 2, y + height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        tab.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
        )


def test_the_page_asks_for_nothing_and_complains_of_nothing(tab, url):
    tab.open(url)
    tab.evaluate(OPENED)

    assert [each for each in tab.requests if not each.startswith("data:")] == [url]
    assert tab.problems == []


def test_what_a_program_says_is_only_text(tab, tmp_path, monkeypatch):
    attack = (
        "</script><script>document.title='x'</script>"
        "<img src=http://x.test/ onerror=alert(1)>"
    )
    monkeypatch.setattr("documents.HOSTILE", attack)
    page = tmp_path / "index.html"
    page.write_text(render(hostile()), "utf-8")

    tab.open(page.as_uri())

    assert tab.evaluate("document.title") == "1 of 2 schedules failed · pytest-cano"
    assert tab.evaluate("document.images.length") == 0
    assert [each for each in tab.requests if not each.startswith("data:")] == [
        page.as_uri()
    ]
    assert tab.problems == []


def test_the_policy_keeps_out_what_would_not_be_escaped(tab, tmp_path):
    """Were it not for the escaping, the browser itself would refuse."""
    page = tmp_path / "index.html"
    attack = "<script>document.title='x'</script><img src=http://x.test/>"
    page.write_text(render(several()).replace("</h1>", f"</h1>{attack}"), "utf-8")

    tab.open(page.as_uri())

    assert tab.evaluate("document.title") != "x"
    assert len(tab.problems) == 2
    assert all("Content Security Policy" in each for each in tab.problems)


@WIDTHS
def test_nothing_is_wider_than_the_window(tab, url, width):
    tab.resize(width, phone=width == 390)
    tab.open(url)
    tab.evaluate(OPENED)

    assert tab.evaluate("document.documentElement.scrollWidth") == width
    # What is wider scrolls in itself.
    assert tab.evaluate(
        "[...document.querySelectorAll('.scroll')]"
        ".some(e => e.scrollWidth > e.clientWidth)"
    )
    outside = tab.evaluate(
        "[...document.querySelectorAll('body *')].filter(e =>"
        " !e.closest('.scroll, svg') && e.checkVisibility()"
        " && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


@WIDTHS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(tab, url, width, scheme):
    tab.resize(width, phone=width == 390)
    tab.prefer(color_scheme=scheme)
    tab.open(url)
    tab.evaluate(OPENED)

    found = tab.evaluate(CONTRAST)

    assert len(found) > 150
    assert found[0][0] >= 4.5, found[:5]
    back = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(246, 247, 248)") is (scheme == "light")


def test_the_log_and_the_ledger_are_side_by_side_or_stacked(tab, url):
    places = (
        "[...document.querySelector('table.lives tr:nth-child(2)').cells]"
        ".map(e => e.getBoundingClientRect()).map(({x, y}) => [x, y])"
    )
    tab.open(url)
    (left, top), (right, beside) = tab.evaluate(places)
    assert left < right
    assert top == beside

    tab.resize(390, phone=True)

    (left, top), (right, below) = tab.evaluate(places)
    assert left == right
    assert top < below


def test_without_javascript_all_is_there_but_the_filter(tab, url):
    tab.without_scripts()
    tab.open(url)

    assert tab.evaluate(VISIBLE.format("table.matrix td.failed")) == 1
    assert tab.evaluate(VISIBLE.format("figure.diagram svg")) >= 1
    assert tab.evaluate(VISIBLE.format("table.lives")) == 1
    assert tab.evaluate(VISIBLE.format("#filter")) == 0
    assert tab.evaluate(VISIBLE.format(".again button")) == 0


def test_without_javascript_a_link_opens_what_it_leads_to(tab, url):
    tab.without_scripts()
    tab.open(url)
    closed = "document.querySelector('details.passed table.lives').checkVisibility()"
    assert not tab.evaluate(closed)

    click(tab, "table.matrix td.passed a")

    tab.until(closed)
    assert (
        tab.evaluate(
            "document.querySelector(location.hash).closest('details.schedule')"
            ".querySelector('summary code').textContent"
        )
        == "Process@start"
    )


def test_the_filter_shows_a_verdict(tab, url):
    tab.open(url)
    everything = shown(tab)
    assert len(everything) == 36

    click(tab, "button[data-verdict=ACCEPTED]")

    assert shown(tab) == ["State3@end"]
    assert tab.evaluate("document.getElementById('shown').textContent") == (
        "1 of 36 schedules"
    )
    assert tab.evaluate(
        "[...document.querySelectorAll('[aria-pressed=true]')].map(e => e.textContent)"
    ) == ["ACCEPTED 1"]
    assert tab.evaluate(VISIBLE.format("details.test")) == 1
    assert tab.evaluate(VISIBLE.format("h4")) == 1

    click(tab, "button[data-verdict='']")

    assert shown(tab) == everything
    assert tab.evaluate("document.getElementById('shown').textContent") == ""
    opened = "[...document.querySelectorAll('details.test')].map(e => e.open)"
    assert tab.evaluate(opened) == [True, False, False]


def test_the_filter_shows_what_is_named(tab, url):
    tab.open(url)
    click(tab, "#name")

    tab.call("Input.insertText", text="WIDE effect:30")
    assert shown(tab) == ["State2@effect:30"]

    tab.call("Input.insertText", text="0")
    assert shown(tab) == []
    assert tab.evaluate(VISIBLE.format("#nothing")) == 1


def test_a_link_leads_to_what_was_filtered_away(tab, url):
    tab.open(url)
    click(tab, "button[data-verdict=ACCEPTED]")

    click(tab, "ol.failures a:nth-of-type(2)")

    tab.until("document.activeElement.matches('details[open] > summary')")
    assert tab.evaluate("document.activeElement.querySelector('code').textContent") == (
        "Process@end"
    )
    assert "Process@end" in shown(tab)


def test_the_keyboard_is_enough(tab, url):
    tab.open(url)
    focus = "document.activeElement.textContent.trim()"

    press(tab, "Tab")
    assert tab.evaluate(focus) == "Skip to the tests"
    press(tab, "Tab")
    assert tab.evaluate(focus) == "test_it"
    press(tab, "Tab")
    assert tab.evaluate(focus) == "Process@end"
    outline = tab.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "2px"
    press(tab, "Enter")
    tab.until("location.hash.startsWith('#t1-')")


def test_the_line_to_repeat_it_is_copied(tab, url):
    tab.open(url)
    tab.allow("clipboardReadWrite", "clipboardSanitizedWrite")

    click(tab, ".again button")

    tab.until("document.querySelector('.again button').textContent != 'copy'")
    assert tab.evaluate("navigator.clipboard.readText()") == (
        "pytest 'test_shop.py::test_it' --cano-crash='Process@end'"
    )
    assert tab.evaluate("document.querySelector('.again button').textContent") == (
        "copied"
    )


def test_on_paper_it_is_light_and_there_is_nothing_to_press(tab, url):
    tab.open(url)
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    tab.call("Emulation.setEmulatedMedia", media="print", features=[dark])

    assert tab.evaluate(VISIBLE.format("button, input")) == 0
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(27, 33, 39)"
    assert tab.evaluate(VISIBLE.format("table.matrix, table.lives")) >= 2


def test_a_screenshot_shows_something(tab, url, tmp_path: Path):
    tab.open(url)
    tab.screenshot(tmp_path / "page.png")

    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "page.png").stat().st_size > 20_000
