"""Crash points, faults and schedules: the text is the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cano.faults import FAULTS
from pytest_cano.moments import MOMENTS
from pytest_cano.notation import split
from pytest_cano.schedule import CrashPoint, Fault, Schedule
from pytest_cano.selectors import SelectorError

LABELS = st.one_of(
    st.sampled_from(
        ["Process", "all", "everywhere", "random", "2:x", "a b", "a@b", "x > y", "a,b"]
    ),
    st.text(min_size=1),
)


@st.composite
def points(draw: st.DrawFn) -> CrashPoint:
    moment = draw(st.sampled_from(list(MOMENTS.values())))
    index = draw(st.integers(1, 1000)) if moment.indexed else None
    visit, run = draw(st.integers(1, 1000)), draw(st.integers(1, 1000))
    return CrashPoint(draw(LABELS), moment.name, index, visit, run)


@given(points())
def test_a_crash_point_reads_back_as_itself(point: CrashPoint):
    assert CrashPoint.parse(str(point)) == point


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    point = draw(points())
    possible = [
        kind for kind in FAULTS.values() if not kind.excluded_from(point.moment)
    ]
    kind = draw(st.sampled_from(possible))
    least = 1 if kind.listed else 0
    amount = draw(st.integers(least, 9)) if kind.counted else None
    return Fault(point, kind.name, amount)


@given(faults())
def test_a_fault_reads_back_as_itself(fault: Fault):
    assert Fault.parse(str(fault)) == fault


@given(
    st.lists(
        st.lists(
            faults().filter(lambda fault: fault.kind != "twin"), min_size=1, max_size=3
        ).filter(lambda life: sum(fault.described.ends for fault in life) < 2),
        min_size=1,
        max_size=4,
    )
)
def test_a_schedule_reads_back_as_itself(lives: list[list[Fault]]):
    schedule = Schedule(tuple(map(tuple, lives)))

    assert Schedule.parse(str(schedule)) == schedule
    assert Schedule.parse(schedule.written_out) == schedule


@pytest.mark.parametrize(
    "text",
    [
        "A@end=twin + B@end=torn:1",
        "A@end=twin > B@end=torn:1",
        "A@end=unsynced:1 + A@end=twin",
    ],
)
def test_a_power_loss_ends_both_of_two_processes(text: str):
    with pytest.raises(SelectorError, match="a power loss ends both of two processes"):
        Schedule.parse(text)


@pytest.mark.parametrize("text", ["A@start + B@end", "A@end=kill + A@end=torn:1"])
def test_a_life_ends_only_once(text: str):
    with pytest.raises(SelectorError, match="a life ends only once; write '>'"):
        Schedule.parse(text)


def test_a_power_loss_after_two_processes_is_one_like_any_other():
    for text in (
        "A@end=torn:1 > A@start=twin > B@end",
        "A@end=twin > B@end > A@start=torn:1",
        "A@end=twin > B@end=twin > A@start=torn:1",
    ):
        assert str(Schedule.parse(text)) == text


@given(points())
def test_a_crash_point_is_printable_on_one_line(point: CrashPoint):
    assert str(point).isprintable()


@pytest.mark.parametrize(
    ("point", "text"),
    [
        (CrashPoint("Process", "end"), "Process@end"),
        (CrashPoint("Process", "effect", 3, visit=2, run=2), "2:Process@effect:3#2"),
        (CrashPoint("a/b-c.d 1", "memo", 1), "a/b-c.d 1@memo:1"),
        (CrashPoint("Ü", "start", visit=3), "Ü@start#3"),
        (CrashPoint("all", "end"), '"all"@end'),
        (CrashPoint("a@b", "end"), '"a@b"@end'),
        (CrashPoint('say "x"', "end"), r'"say \"x\""@end'),
        (CrashPoint(" padded ", "end"), '" padded "@end'),
        (CrashPoint("line\nbreak", "end"), r'"line\nbreak"@end'),
    ],
)
def test_the_text_of_a_crash_point(point: CrashPoint, text: str):
    assert str(point) == text


def test_an_ending_is_printed_only_where_it_is_not_the_usual_one():
    assert str(Fault.parse("Process@end=raise")) == "Process@end"


def test_spaces_around_the_parts_mean_nothing():
    assert Schedule.parse(" A@end  >B@start ") == Schedule.parse("A@end > B@start")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Process@ends", "there is no moment 'ends' (load, enter, start, effect:K, "),
        ("Process@ends", "did you mean 'end'?"),
        ("Process@end:2", "the moment 'end' takes no ':K'"),
        ("Process@effect", "is no crash point: write STATE@MOMENT"),
        ("Process", "is no crash point"),
        ("@end", "is no crash point"),
        ("Process@effect:0", "counted from 1"),
        ("0:Process@end", "counted from 1"),
        ("Process@end#0", "counted from 1"),
        ("a@b@c", "neither a state, a moment nor a crash point"),
        ('"a@end', "neither a state, a moment nor a crash point"),
        ("", "neither a state, a moment nor a crash point"),
        (r'"\q"@end', "is no JSON string"),
        ("Process@end=rise", "'rise' does not exist (raise, freeze, cancel, kill, "),
        ("Process@end=rise", "did you mean 'raise'?"),
        ("Process@end=torn", "the fault is written 'torn:N'"),
        ("Process@end=kill:2", "the fault is written 'kill'"),
        ("Process@enter=fail", "'fail' can't happen at 'enter': only a task can fail"),
        ("Done@cleared=error", "can't happen at 'cleared': no store operation follows"),
        ("Process@end=all", "a schedule names one ending for each life"),
    ],
)
def test_a_bad_fault_says_what_is_wrong(text: str, problem: str):
    with pytest.raises(SelectorError) as raised:
        Fault.parse(text)

    assert problem in str(raised.value)


def test_a_crash_point_has_no_ending():
    with pytest.raises(SelectorError, match="has no '=raise'"):
        CrashPoint.parse("Process@end=raise")


@pytest.mark.parametrize(
    "arguments",
    [("A", "ends"), ("A", "effect"), ("A", "end", 1), ("A", "end", None, 0)],
)
def test_an_impossible_crash_point_can_not_be_made(arguments: tuple[object, ...]):
    with pytest.raises(ValueError, match=r"moment|counted"):
        CrashPoint(*arguments)  # type: ignore[arg-type]


def test_an_impossible_fault_can_not_be_made():
    with pytest.raises(ValueError, match="no fault 'kil'"):
        Fault(CrashPoint("A", "end"), "kil")
    with pytest.raises(ValueError, match="written 'torn:N'"):
        Fault(CrashPoint("A", "end"), "torn")
    with pytest.raises(ValueError, match="'powerloss:N' is counted from 1"):
        Fault(CrashPoint("A", "end"), "powerloss", 0)
    with pytest.raises(SelectorError, match="'powerloss:N' is counted from 1"):
        Fault.parse("A@end=powerloss:0")
    with pytest.raises(ValueError, match="only a task can fail"):
        Fault(CrashPoint("A", "enter"), "fail")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        ('"a,b",c', ['"a,b"', "c"]),
        (r'"a\",b",c', [r'"a\",b"', "c"]),
        ('a"b,c', ['a"b', "c"]),
        ("", [""]),
        ("a,,b", ["a", "", "b"]),
    ],
)
def test_a_separator_counts_outside_of_json_strings(text: str, parts: list[str]):
    assert split(text, ",") == parts


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=lambda moment: moment.name)
def test_every_moment_has_a_phrase(moment):
    point = CrashPoint("A", moment.name, 7 if moment.indexed else None)

    assert point.phrase()
    assert ("7" in point.phrase()) == moment.indexed


def test_a_schedule_has_a_fault():
    with pytest.raises(ValueError, match="at least one fault"):
        Schedule(())
