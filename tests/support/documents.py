"""Documents by hand, for reports: what a session has found, without the session."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pytest_cano.coverage import coverage_of
from pytest_cano.notation import quote
from pytest_cano.records.document import Document, Made, ProgramRecord, TrialRecord
from pytest_cano.schedule import Schedule
from pytest_cano.story import Finding, LifeStory, Verdict
from pytest_cano.summary import Summary
from stories import baseline, effect, run, story

# Everything that could be taken for syntax by whoever reads a report.
HOSTILE = (
    'Pay\r\n"now", 100%0A ::error file=x::]]> \x1b[31m\x00\ud800 <b>&amp;|`*_#[a](b) '
    "```\u202eé漢 \U0001f4a5 $(x) 'y' ##[error]"
)

MADE = Made(
    version="0.1.0", started="2026-01-02T03:04:05+00:00", seconds=1.5, root="/repo"
)


def trial(
    verdict: str = "PASS",
    *,
    schedule: str = "Process@end",
    name: str = "",
    again: str = "pytest 'test_shop.py::test_it' --cano-crash='Process@end'",
    message: str = "charge() happened 2 times, 1 in the undisturbed run",
    details: Sequence[str] = (),
    found: str = "",
    excuse: str = "",
    output: Sequence[tuple[str, str]] = (),
    **observed: Any,
) -> TrialRecord:
    """A schedule, and what was found: of an excused one, by `found`."""
    weighs = Verdict[found or verdict]
    findings = (
        () if weighs is Verdict.PASS else (Finding(weighs, message, tuple(details)),)
    )
    told = story(schedule=schedule, **observed)
    return TrialRecord(
        name=name or schedule,
        verdict=Verdict[verdict],
        schedule=Schedule.parse(schedule),
        story=told,
        findings=findings,
        again=again,
        excuse=excuse,
        output=tuple(output),
    )


def program(
    *trials: TrialRecord,
    test: str = "tests/test_shop.py::test_it",
    file: str = "tests/test_shop.py",
    line: int = 7,
    points: Iterable[str] = ("Process@end",),
    **more: Any,
) -> ProgramRecord:
    """A test and its schedules; the summary counts them."""
    undisturbed = more.pop("baseline", None) or baseline(
        effects=(effect("charge()"),), points=tuple(points)
    )
    stories = (undisturbed, *(each.story for each in trials))
    summary = Summary(
        test.rpartition("::")[2],
        points=tuple(points),
        verdicts={each.name: each.verdict.value for each in trials},
        excused={each.name: each.excuse for each in trials if each.excuse},
        covered=tuple(
            covered.as_builtins() for told in stories for covered in coverage_of(told)
        ),
    )
    return ProgramRecord(
        test,
        summary,
        file=file,
        line=line,
        baseline=undisturbed,
        trials=trials,
        **more,
    )


def document(*programs: ProgramRecord, **more: Any) -> Document:
    return Document(made=more.pop("made", MADE), programs=programs, **more)


def twice(**more: Any) -> TrialRecord:
    """A schedule that an effect was repeated in, by the second of two lives."""
    effects = (effect("charge()"), effect("charge()", life=2))
    more.setdefault("effects", effects)
    return trial(more.pop("verdict", "DUPLICATED"), **more)


def hostile() -> Document:
    """A document in which nothing that a user may name is harmless."""
    label, identity = quote(HOSTILE), f"charge({HOSTILE})"
    schedule = f"{label}@end"
    undisturbed = baseline(
        effects=(effect(identity, point=f"{label}@effect:1"),),
        points=(schedule,),
        runs=[run(transitions={HOSTILE: frozenset({"Done"})}, kinds={HOSTILE: "task"})],
    )
    found = trial(
        "DUPLICATED",
        schedule=schedule,
        again=f"pytest {HOSTILE}",
        message=f"{identity} happened 2 times",
        details=[HOSTILE],
        output=[(HOSTILE, HOSTILE)],
        effects=(effect(identity, point=f"{label}@effect:1"),) * 2,
        runs=undisturbed.runs.values(),
        lives=(
            LifeStory(
                1, "crashed", (HOSTILE,), Schedule.parse(schedule).faults[0].point
            ),
            LifeStory(2, "failed", (HOSTILE,), failure=f"E  {HOSTILE}"),
        ),
    )
    known = replace(
        found,
        name=f"everywhere {HOSTILE}",
        verdict=Verdict.KNOWN,
        excuse=f"DUPLICATED: {HOSTILE}",
    )
    return document(
        program(
            found,
            known,
            test=f"tests/test_shop.py::test_it[{HOSTILE}]",
            points=(schedule,),
            baseline=undisturbed,
            problems=(HOSTILE,),
        ),
        problems=(f"--cano-fail-under: {HOSTILE}",),
    )
