"""Selectors: what of a baseline's points is crashed."""

import pytest

from pytest_cano.schedule import CrashPoint
from pytest_cano.selectors import (
    Selector,
    SelectorError,
    parse_selectors,
    unmet_message,
)

MET = [
    "Start@enter",
    "Start@start",
    "Start@end",
    "Process@start",
    "Process@effect:1",
    "Process@effect:2",
    "Process@end",
    "Process@end#2",
    "2:Other@end",
    "Done@cleared",
]
POINTS = [CrashPoint.parse(text) for text in MET]


def selected(text: str, labels: tuple[str, ...] = ()) -> list[str]:
    return [
        str(schedule)
        for selector in parse_selectors(text)
        for schedule in selector.select(POINTS, labels)
    ]


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("all", MET),
        ("Start", MET[:3]),
        ("Process", MET[3:8]),
        ("Process#2", ["Process@end#2"]),
        ("@end", ["Start@end", "Process@end", "Process@end#2", "2:Other@end"]),
        ("2:@end", ["2:Other@end"]),
        ("2:Other", ["2:Other@end"]),
        ("1:Other", []),
        ("Process@end", ["Process@end"]),
        ("Process@end#2", ["Process@end#2"]),
        ("Process@effect", ["Process@effect:1", "Process@effect:2"]),
        ("@effect", ["Process@effect:1", "Process@effect:2"]),
        ("@effect:2", ["Process@effect:2"]),
        ("Process@effect:2", ["Process@effect:2"]),
        ("Other@end", []),
        ("2:Other@end", ["2:Other@end"]),
        ("process", MET[3:8]),
        ("process@end", ["Process@end"]),
        ("Start@enter, Done", ["Start@enter", "Done@cleared"]),
        ("Process@end > Process@start", ["Process@end > Process@start"]),
        ("process@end > done@cleared", ["Process@end > Done@cleared"]),
        ("Process@end > Nowhere@start", []),
        ("Process@memo:1 > Process@start", []),
        ("Nowhere", []),
    ],
)
def test_what_a_selector_selects(text: str, points: list[str]):
    assert selected(text) == points


def test_a_nested_schedule_may_name_states_that_only_the_graph_knows():
    assert selected("Process@end > Rare@start", labels=("Rare",)) == [
        "Process@end > Rare@start"
    ]


def test_a_state_matches_exactly_before_it_matches_without_case():
    points = [CrashPoint("process", "end"), CrashPoint("Process", "end")]

    assert Selector.parse("process").select(points) == (
        Selector.parse("process@end").schedule,
    )
    assert len(Selector.parse("PROCESS").select(points)) == 2


def test_a_state_with_the_name_of_a_selector_is_quoted():
    points = [CrashPoint("all", "end"), CrashPoint("A", "end")]

    assert len(Selector.parse("all").select(points)) == 2
    assert len(Selector.parse('"all"').select(points)) == 1


@pytest.mark.parametrize("text", ["", " ", "A,", ",A"])
def test_an_empty_selector_is_refused(text: str):
    with pytest.raises(SelectorError, match="selects nothing"):
        parse_selectors(text)


@pytest.mark.parametrize("text", ["everywhere", "random", "random:5"])
def test_what_this_version_does_not_have_is_said(text: str):
    with pytest.raises(SelectorError, match="not available in this version"):
        parse_selectors(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Proces",
            "'Proces' (Start, Process, Other, Done); did you mean 'Process'?",
        ),
        ("ALL", "did you mean 'all'?"),
        ("Proces@end > Start@end", "did you mean 'Process'?"),
        ("Process@effect:3", "no run met it; what was met: Start@enter, Start@start"),
        ("Process@effect:3", "did you mean 'Process@effect:"),
        ("@memo", "no run met it"),
        ("Other@end", "did you mean '2:Other@end'?"),
    ],
)
def test_an_unmet_selector_is_told_what_there_is(text: str, message: str):
    assert message in unmet_message(text, MET)


def test_an_unmet_selector_where_nothing_ran():
    assert unmet_message("all", []) == (
        "'all': no run met any crash point, so nothing was crashed"
    )


def test_a_message_does_not_list_hundreds_of_points():
    points = [f"A@effect:{number}" for number in range(1, 300)]

    assert "A@effect:20 and 279 more" in unmet_message("A@end", points)
