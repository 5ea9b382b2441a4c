"""Documents of several sessions, put together: of shards, or of different tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from .. import task_lines
from ..coverage import Coverage, merged
from ..faults import FAULTS
from ..schedule import CrashPoint
from ..story import Verdict
from ..summary import Summary
from .document import Document, Gate, ProgramRecord, TrialRecord
from .rejudging import unmet_excuses, with_trials

_WEIGHT: Final = {verdict: place for place, verdict in enumerate(Verdict)}
_OUTCOMES: Final = ("failed", "interrupted", "expected to fail", "skipped", "passed")
"""How an undisturbed run may have ended, the weightiest first."""


def merge(documents: Mapping[str, Document]) -> Document:
    """Return one document of several.

    What several have in common is taken once, as the one has it that found more.

    Args:
        documents: by the name that messages call each, usually a file's.
    """
    first = next(iter(documents.values()))
    by_test: dict[str, list[ProgramRecord]] = {}
    for document in documents.values():
        for program in document.programs:
            by_test.setdefault(program.test, []).append(program)
    problems = [
        *(problem for each in documents.values() for problem in each.problems),
        *_missing(documents),
        *_different(by_test),
        *_differently_run(documents),
    ]
    made = [document.made for document in documents.values()]
    return replace(
        first,
        made=replace(
            first.made,
            arguments=(),
            shard="",
            started=min(each.started for each in made),
            seconds=round(sum(each.seconds for each in made), 3),
            interrupted=any(each.interrupted for each in made),
        ),
        programs=tuple(_merged(programs) for programs in by_test.values()),
        problems=tuple(dict.fromkeys(problems)),
        failed=_once(
            each for document in documents.values() for each in document.failed
        ),
        gate=_strictest([document.gate for document in documents.values()]),
    ).sorted()


def _missing(documents: Mapping[str, Document]) -> Iterator[str]:
    """Say which part of a plan nobody has run, or not to its end."""
    shards: dict[int, Counter[int]] = {}
    for name, document in documents.items():
        if document.made.interrupted:
            yield f"{name}: the session was ended before its end"
        if document.made.shard:
            part, whole = map(int, document.made.shard.split("/"))
            shards.setdefault(whole, Counter())[part] += 1
    if len(shards) > 1:
        found = ", ".join(map(str, sorted(shards)))
        yield f"the reports are of plans split into different numbers of parts: {found}"
    for whole, parts in shards.items():
        for part in range(1, whole + 1):
            if not parts[part]:
                yield f"there is no report of --cano-shard={part}/{whole}"


def _different(by_test: Mapping[str, Sequence[ProgramRecord]]) -> Iterator[str]:
    """Say which tests were not the same everywhere."""
    for test, programs in by_test.items():
        points = {tuple(each.summary.points) for each in programs if each.trials}
        if len(points) > 1:
            yield (
                f"{test}: the sessions met different crash points; all of them must "
                "run the same code"
            )


def _differently_run(documents: Mapping[str, Document]) -> Iterator[str]:
    """Say where the parts of one plan were not the same plan."""
    parts = {name: each for name, each in documents.items() if each.made.shard}
    if not parts:
        return
    plans = [each.made.plan for each in parts.values()]
    for option in dict.fromkeys(option for plan in plans for option in plan):
        if len({plan.get(option, "") for plan in plans}) > 1:
            yield f"the parts were run with different values of {option}"
    met = {
        name: {each.test: each for each in part.programs if not each.checked}
        for name, part in parts.items()
    }
    for test in dict.fromkeys(test for tests in met.values() for test in tests):
        if not any(
            tests[test].summary.points for tests in met.values() if test in tests
        ):
            continue
        for name, tests in met.items():
            found = tests.get(test)
            if found is None or (not found.summary.points and not found.summary.flaky):
                how = "was not run" if found is None else f"{found.outcome} undisturbed"
                yield f"{name}: {test} {how}, so its part of the plan is missing"


def _strictest(gates: Sequence[Gate]) -> Gate:
    """Return limits that hold for all."""

    def most(name: str) -> int | None:
        said = (getattr(gate, name) for gate in gates)
        return max((each for each in said if each is not None), default=None)

    accepted = [each.max_accepted for each in gates if each.max_accepted is not None]
    verdicts = {gate.fail_on for gate in gates}
    return Gate(
        fail_under=most("fail_under"),
        fail_under_coverage=most("fail_under_coverage"),
        cov_fail_under=most("cov_fail_under"),
        max_accepted=min(accepted, default=None),
        fail_on=verdicts.pop() if len(verdicts) == 1 else (),
    )


def _merged(programs: Sequence[ProgramRecord]) -> ProgramRecord:
    told = [each for each in programs if each.baseline is not None]
    first = told[0] if told else programs[0]
    whole = replace(
        first,
        summary=_summary([each.summary for each in programs]),
        outcome=min((each.outcome for each in programs), key=_weight_of_outcome),
        references={
            name: story for each in programs for name, story in each.references.items()
        },
        problems=_once(problem for each in programs for problem in each.problems),
        lines=task_lines.merged(each.lines for each in programs),
    )
    whole = with_trials(whole, _trials(programs, whole.summary.points))
    if len(programs) > 1:
        problems = _once((*whole.problems, *unmet_excuses(whole)))
        whole = replace(whole, problems=problems)
    return whole


def _weight_of_outcome(outcome: str) -> int:
    return _OUTCOMES.index(outcome) if outcome in _OUTCOMES else 0


def _trials(
    programs: Sequence[ProgramRecord], points: Sequence[str]
) -> list[TrialRecord]:
    """Return every schedule once, as it was found worst; in the order of a plan."""
    trials: dict[str, TrialRecord] = {}
    for program in programs:
        for record in program.trials:
            known = trials.setdefault(record.name, record)
            # What was planned here may have been made up elsewhere.
            order = (_WEIGHT[record.verdict], bool(record.way))
            if order < (_WEIGHT[known.verdict], bool(known.way)):
                trials[record.name] = record
    kinds = [*FAULTS]
    place = {point: number for number, point in enumerate(points)}

    def planned(record: TrialRecord) -> tuple[Any, ...]:
        schedule = record.schedule
        of: list[CrashPoint] = [fault.point for fault in schedule.faults]
        return (
            bool(record.way),
            schedule.depth,
            kinds.index(schedule.faults[0].kind),
            [(place.get(str(point), len(place)), str(point)) for point in of],
        )

    return sorted(trials.values(), key=planned)


def _summary(summaries: Sequence[Summary]) -> Summary:
    first = summaries[0]
    seen: Counter[int] = Counter()
    for each in summaries:
        seen.update(each.seen)
    covered = merged(
        Coverage.of_builtins(one) for each in summaries for one in each.covered
    )
    return replace(
        first,
        points=_once(point for each in summaries for point in each.points),
        seconds=sum(each.seconds for each in summaries),
        limits=_once(limit for each in summaries for limit in each.limits),
        flaky=any(each.flaky for each in summaries),
        seen=dict(seen),
        left_out=sum(each.left_out for each in summaries),
        outdated=_once(name for each in summaries for name in each.outdated),
        covered=[each.as_builtins() for each in covered],
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
