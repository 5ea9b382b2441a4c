"""Selectors: what of a baseline's points is crashed."""

import pytest

from pytest_cano.schedule import CrashPoint
from pytest_cano.selectors import (
    Selector,
    SelectorError,
    parse_endings,
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
ALL = ["", "=freeze", "=cancel", "=kill"]
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


@pytest.mark.parametrize("text", ["random", "random:0", "random:-1", "random:many"])
def test_made_up_schedules_have_a_number(text: str):
    with pytest.raises(SelectorError, match="write random:N, with a number from 1 on"):
        parse_selectors(text)


@pytest.mark.parametrize(
    ("text", "schedules"),
    [
        ("Process@end=kill", ["Process@end=kill"]),
        ("process@end=all", [f"Process@end{each}" for each in ALL]),
        ("Start=cancel", [f"{point}=cancel" for point in MET[:3]]),
        ("all=fail", [f"{MET[number]}=fail" for number in range(1, 9)]),
        ("all=hang", [f"{point}=hang" for point in MET[:-1]]),
        ("@end=torn:512", [f"{MET[number]}=torn:512" for number in (2, 6, 7, 8)]),
        ("Process@end=freeze > Start@end", ["Process@end=freeze > Start@end"]),
        (
            "Process@start=fail + process@end > Start@end",
            ["Process@start=fail + Process@end > Start@end"],
        ),
    ],
)
def test_what_happens_there_is_said_behind_it(text: str, schedules: list[str]):
    assert selected(text) == schedules


def test_the_endings_of_the_session_are_meant_where_nothing_is_said():
    def with_endings(text: str) -> list[str]:
        (selector,) = parse_selectors(text)
        return [str(each) for each in selector.select(POINTS, (), ("raise", "kill"))]

    assert with_endings("Process@end") == ["Process@end", "Process@end=kill"]
    assert with_endings("2:Other") == ["2:Other@end", "2:Other@end=kill"]
    assert with_endings("Process@end=freeze") == ["Process@end=freeze"]
    assert with_endings("Start@end > Process@end") == [
        "Start@end > Process@end",
        "Start@end=kill > Process@end=kill",
    ]
    assert with_endings("Start@end=cancel > Process@end") == [
        "Start@end=cancel > Process@end"
    ]


def test_a_search_of_its_own_kind_selects_no_point():
    everywhere, killing, made_up = parse_selectors(
        "everywhere,everywhere=kill,random:7"
    )

    assert everywhere.search == killing.search == "everywhere"
    assert killing.kinds == (("kill", None),)
    assert (made_up.search, made_up.count) == ("random", 7)
    assert not everywhere.select(POINTS)


@pytest.mark.parametrize(
    ("text", "endings"),
    [
        ("raise", ("raise",)),
        (["kill", "raise"], ("kill", "raise")),
        ("kill,raise,kill", ("kill", "raise")),
        ("all", ("raise", "freeze", "cancel", "kill")),
    ],
)
def test_endings(text: str | list[str], endings: tuple[str, ...]):
    assert parse_endings(text) == endings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kil",
            "'kil' is no ending (raise, freeze, cancel, kill, or all of them); did",
        ),
        ("fail", "'fail' ends no life; ask for it by name: --cano-crash='all=fail'"),
        ("torn", "--cano-crash='all=torn:N'"),
        ([], "no ending is named"),
    ],
)
def test_what_is_no_ending_is_said(text: str | list[str], message: str):
    with pytest.raises(SelectorError) as raised:
        parse_endings(text)

    assert message in str(raised.value)


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
