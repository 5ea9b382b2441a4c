"""Known exceptions: for one verdict at some points, while it is found there."""

from collections.abc import Sequence
from typing import Any

import pytest

from programs import charging, processing, sound
from pytest_cano import Accept, SelectorError, check
from pytest_cano.acceptance import ACCEPTABLE, Acceptances
from pytest_cano.schedule import Schedule
from pytest_cano.story import Finding, Trial, Verdict
from stories import baseline, story

POINTS = ("Start@end", "Process@effect:1", "Process@end", "Done@cleared")
WHY = "the bank knows no keys"


def trial(schedule: str, *verdicts: str) -> Trial:
    findings = tuple(Finding(Verdict[each], f"it is {each}") for each in verdicts)
    return Trial(
        Schedule.parse(schedule),
        findings[0].verdict if findings else Verdict.PASS,
        findings,
        story(),
        baseline(),
    )


class Exceptions:
    """Acceptances over the trials of a session."""

    def __init__(self, *accepts: tuple[str, str]) -> None:
        self.acceptances = Acceptances(
            [Accept(selector, verdict, WHY) for selector, verdict in accepts],
            baseline(points=POINTS),
            "accept",
        )

    def judge(self, schedule: str, *verdicts: str) -> str:
        self.judged = self.acceptances.judge(trial(schedule, *verdicts))
        return self.judged.verdict.value

    @property
    def problems(self) -> list[str]:
        return list(self.acceptances.problems())


@pytest.mark.parametrize(
    ("selector", "schedule", "verdict"),
    [
        ("Process@end", "Process@end", "ACCEPTED"),
        ("process@end", "Process@end", "ACCEPTED"),
        ("Process@end", "Process@effect:1", "DUPLICATED"),
        ("Process", "Process@effect:1", "ACCEPTED"),
        ("@end", "Start@end", "ACCEPTED"),
        ("all", "Start@end", "ACCEPTED"),
        ("Start@end, Process@end", "Process@end", "ACCEPTED"),
        # Where a life ends at the point, whatever happens before and after.
        ("Process@end", "Process@end > Process@start", "ACCEPTED"),
        ("Process@end", "Start@end > Process@end", "ACCEPTED"),
        ("Process@end", "Start@end > Process@start", "DUPLICATED"),
        # In whatever way, unless it says.
        ("Process@end", "Process@end=kill", "ACCEPTED"),
        ("Process@end=kill", "Process@end=kill", "ACCEPTED"),
        ("Process@end=kill", "Process@end", "DUPLICATED"),
        ("Process@end=all", "Process@end=freeze", "ACCEPTED"),
        ("Process@end=powerloss", "Process@end=powerloss:3", "ACCEPTED"),
        ("Process@end=powerloss:2", "Process@end=powerloss:3", "DUPLICATED"),
        # A whole schedule is that one.
        ("Start@end > Process@end", "Start@end > Process@end", "ACCEPTED"),
        ("start@end > Process@end", "Start@end=kill > Process@end=kill", "ACCEPTED"),
        ("Start@end > Process@end", "Process@end", "DUPLICATED"),
        ("Start@end > Process@end=kill", "Start@end > Process@end=kill", "ACCEPTED"),
        ("Start@end > Process@end=kill", "Start@end > Process@end", "DUPLICATED"),
    ],
)
def test_a_selector_says_where_something_is_accepted(
    selector: str, schedule: str, verdict: str
) -> None:
    exceptions = Exceptions((selector, "DUPLICATED"))

    assert exceptions.judge(schedule, "DUPLICATED") == verdict
    excuse = f"DUPLICATED: {WHY}" if verdict == "ACCEPTED" else ""
    assert exceptions.judged.excuse == excuse


def test_another_verdict_is_not_accepted() -> None:
    exceptions = Exceptions(("Process@end", "DUPLICATED"))

    assert exceptions.judge("Process@end", "LOST") == "LOST"
    assert exceptions.judge("Process@end") == "PASS"


def test_what_is_found_beside_it_still_fails() -> None:
    accept = Accept("Process@end", "DUPLICATED", WHY)
    acceptances = Acceptances([accept], baseline(points=POINTS), "accept")

    judged = acceptances.judge(trial("Process@end", "DUPLICATED", "BAD_LOG"))

    assert judged.verdict is Verdict.BAD_LOG
    assert [finding.verdict for finding in judged.findings] == [Verdict.BAD_LOG]
    assert judged.excuse == ""
    # It was found, so the exception is needed.
    assert not [*acceptances.problems()]


def test_several_exceptions_accept_several_findings() -> None:
    exceptions = Exceptions(("@end", "DUPLICATED"), ("Process@end", "BAD_LOG"))

    assert exceptions.judge("Process@end", "DUPLICATED", "BAD_LOG") == "ACCEPTED"
    assert exceptions.judged.excuse == f"DUPLICATED: {WHY}; BAD_LOG: {WHY}"


# Strictness


def test_an_exception_that_is_none_any_more_is_a_problem() -> None:
    exceptions = Exceptions(("Process@end", "DUPLICATED"))

    assert exceptions.judge("Process@end") == "PASS"

    assert exceptions.problems == [
        (
            "accept('Process@end', verdict='DUPLICATED'): DUPLICATED was not found "
            "there any more; remove it, it was there because: the bank knows no keys"
        )
    ]


@pytest.mark.parametrize(
    ("selector", "run", "stale"),
    [
        ("Process@end", ["Start@end"], False),
        ("Process@end", ["Start@end > Process@end"], False),
        ("Process@end", ["Process@end=kill"], True),
        ("Process@end=kill", ["Process@end"], False),
        ("Process@end=kill", ["Process@end=kill"], True),
        ("Process", ["Process@end"], False),
        ("Process", ["Process@end", "Process@effect:1"], True),
        ("Start@end, Process@end", ["Process@end"], False),
        ("Start@end > Process@end", ["Process@end", "Start@end"], False),
        ("Start@end > Process@end", ["Start@end > Process@end"], True),
        # Points that only a resumed run meets.
        ("Process@start", ["Process@end"], False),
    ],
)
def test_it_is_one_only_once_all_its_points_were_crashed(
    selector: str, run: Sequence[str], stale: bool
) -> None:
    exceptions = Exceptions((selector, "DUPLICATED"))

    for schedule in run:
        exceptions.judge(schedule)

    assert bool(exceptions.problems) is stale


def test_it_is_needed_where_it_is_found_at_one_of_its_points() -> None:
    exceptions = Exceptions(("@end", "DUPLICATED"))

    exceptions.judge("Start@end")
    exceptions.judge("Process@end", "DUPLICATED")

    assert exceptions.problems == []


def test_a_state_that_is_not_there_is_a_problem() -> None:
    exceptions = Exceptions(("Proces@end", "DUPLICATED"))

    (problem,) = exceptions.problems

    assert "no run was in a state 'Proces' (" in problem
    assert problem.endswith("did you mean 'Process'?")


@pytest.mark.parametrize(
    ("selector", "run", "stale"),
    [
        ("Process@end", ["Process@end"], False),
        ("Process@end", ["Process@end", "Process@end=error"], False),
        ("Process@end", ["Process@end", "Process@end=kill"], True),
        ("Process", ["Process@end", "Process@end=kill", "Process@effect:1"], False),
        ("Start@end > Process@end", ["Start@end > Process@end"], False),
        (
            "Start@end > Process@end",
            ["Start@end > Process@end", "Start@end=kill > Process@end=kill"],
            True,
        ),
    ],
)
def test_one_ending_alone_does_not_say_that_endings_agree(
    selector: str, run: Sequence[str], stale: bool
) -> None:
    exceptions = Exceptions((selector, "ENDINGS_DISAGREE"))

    for schedule in run:
        exceptions.judge(schedule)

    assert bool(exceptions.problems) is stale


# What makes no sense


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Process@ende", "LOST", WHY), "no moment 'ende'.*did you mean 'end'"),
        (("", "LOST", WHY), "selects nothing"),
        ((7, "LOST", WHY), "7 is no text"),
        (("everywhere", "LOST", WHY), "'everywhere' names no points"),
        (("random:3", "LOST", WHY), "'random:3' names no points"),
        (("all", "DUPLICATE", WHY), "did you mean 'DUPLICATED'"),
        (("all", "PASS", WHY), "'PASS' is nothing that can be accepted"),
        (("all", "NOT_FIRED", WHY), "nothing that can be accepted"),
        (("all", None, WHY), "verdict=None is nothing"),
        (("all", "LOST", "  "), "it needs a reason"),
        (("all", "LOST", None), "it needs a reason"),
    ],
)
def test_an_exception_that_makes_no_sense_is_refused(
    arguments: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(SelectorError, match=said):
        Accept(*arguments)


def test_what_proves_nothing_can_not_be_accepted() -> None:
    assert {"DUPLICATED", "STUCK", "ENDINGS_DISAGREE"} <= {*ACCEPTABLE}
    assert not {"PASS", "ACCEPTED", "NOT_FIRED", "FLAKY_BASELINE"} & {*ACCEPTABLE}


# Without test items


def test_check_takes_exceptions() -> None:
    program = processing(charging)
    accept = [Accept("Process", "DUPLICATED", WHY)]

    report = check(program, accept=accept)

    assert report.passed
    assert report.verdicts["Process@end"] == "ACCEPTED"
    text = str(report)
    assert "program  5/7 crash points  2 accepted  " in text
    assert f"accepted  program [Process@end] DUPLICATED: {WHY}" in text
    assert "score  5/7 schedules passed (71 %), 2 accepted   coverage  7/7" in text
    assert "__" not in text


def test_check_fails_for_an_exception_that_is_none_any_more() -> None:
    report = check(sound, accept=[Accept("Process@end", "DUPLICATED", WHY)])

    assert not report.passed
    assert "verdict='DUPLICATED'): DUPLICATED was not found there" in str(report)
