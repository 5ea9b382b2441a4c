"""What was recorded, judged again: by the oracles there are, or by other excuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, final

from ..acceptance import Acceptances
from ..disagreement import Disagreements
from ..known import Known, Listed, Ratchet
from ..oracles import judge
from ..story import Trial, Verdict
from ..tolerance import Tolerance
from .document import Gate, ProgramRecord, TrialRecord

_SOURCE: Final = "@pytest.mark.cano_accept"


def judged_again(program: ProgramRecord, gate: Gate) -> ProgramRecord:
    """Return a program as the oracles of today judge what was recorded of it.

    Args:
        program: what was recorded.
        gate: says which verdicts are tolerated.
    """
    if program.baseline is None:
        return program
    acceptances = Acceptances(program.accepts, program.baseline, _SOURCE)
    tolerance = Tolerance([verdict.value for verdict in gate.fail_on])
    ratchet = Ratchet(
        {
            record.name: Known(record.found, record.excuse.partition(": ")[2])
            for record in program.trials
            if record.verdict is Verdict.KNOWN
        },
        "",
    )
    disagreements = Disagreements()
    records: list[TrialRecord] = []
    for record in program.trials:
        if record.found is Verdict.ENDINGS_DISAGREE:
            continue
        trial = acceptances.judge(_by_oracles(program, record))
        disagreements.learn(trial)
        records.append(_told(record, ratchet.judge(tolerance.judge(trial))))
    by_name = {record.name: record for record in program.trials}
    for trial in map(acceptances.judge, disagreements.found()):
        told = TrialRecord(
            trial.text,
            trial.verdict,
            trial.schedule,
            trial.story,
            way=trial.way,
            selector=trial.exact,
        )
        told = by_name.get(trial.text, told)
        records.append(_told(told, ratchet.judge(tolerance.judge(trial))))
    again = with_trials(program, records)
    passed = program.checked == "passed"
    return with_trials(again, map(_expected, records)) if passed else again


def as_its_test_ended(program: ProgramRecord, failed: Collection[str]) -> ProgramRecord:
    """Return a search that a test has made itself, as that test has judged it.

    What was found and did not fail the test is what the test has expected.

    Args:
        program: what was recorded.
        failed: ids of all that failed in the session.
    """
    if not program.checked:
        return program
    test = program.test.partition(" ")[0]
    if any(each == test or program.test.startswith(f"{each} ") for each in failed):
        return replace(program, checked="failed")
    return with_trials(program, map(_expected, program.trials))


def _expected(record: TrialRecord) -> TrialRecord:
    if not record.verdict.fails:
        return record
    said = record.findings[0].message if record.findings else record.verdict.meaning
    excuse = f"{record.found}: {said}; its test has passed all the same"
    return replace(record, verdict=Verdict.TOLERATED, excuse=excuse)


def tolerated(program: ProgramRecord, gate: Gate) -> ProgramRecord:
    """Return a program by other verdicts that fail than those it was recorded with."""
    if program.checked:
        return program
    tolerance = Tolerance([verdict.value for verdict in gate.fail_on])
    records = []
    for record in program.trials:
        trial = program.trial(record)
        if trial.verdict is Verdict.TOLERATED:
            trial = replace(trial, verdict=record.found, excuse="")
        records.append(_told(record, tolerance.judge(trial)))
    return with_trials(program, records)


def excused(program: ProgramRecord, listed: Listed, ratchet: Ratchet) -> ProgramRecord:
    """Return a program with its known failures excused, as a file lists them now.

    Args:
        program: what was recorded.
        listed: its known failures.
        ratchet: judges them.
    """
    records = []
    for record in program.trials:
        trial = program.trial(record)
        if trial.verdict is Verdict.KNOWN:
            trial = replace(trial, verdict=record.found, excuse="")
        records.append(_told(record, ratchet.judge(trial)))
    if program.baseline is not None:
        gone = [*ratchet.gone(program.baseline), *program.summary.outdated]
        ratchet.outdated(name for name in dict.fromkeys(gone) if name in listed)
    whole = with_trials(program, records)
    agreed = (*whole.summary.outdated, *ratchet.agreed())
    return replace(whole, summary=replace(whole.summary, outdated=agreed))


def unmet_excuses(program: ProgramRecord) -> Iterator[str]:
    """Say which known exceptions of a program were not found any more."""
    if program.baseline is None:
        return
    acceptances = Acceptances(program.accepts, program.baseline, _SOURCE)
    for record in program.trials:
        acceptances.judge(_by_oracles(program, record))
    yield from acceptances.problems()


def with_trials(program: ProgramRecord, trials: Iterable[TrialRecord]) -> ProgramRecord:
    """Return a program with other trials, and a summary that tells of them."""
    trials = tuple(trials)
    summary = replace(
        program.summary,
        verdicts={record.name: record.verdict.value for record in trials},
        ways={record.name: record.way for record in trials if record.way},
        excused={
            record.name: record.excuse for record in trials if record.verdict.excused
        },
    )
    return replace(program, trials=trials, summary=summary)


@final
class Changes:
    """What a second judgement says otherwise than the first."""

    def __init__(self, before: Sequence[ProgramRecord], after: Sequence[ProgramRecord]):
        self._before = {
            (program.test, record.name): record
            for program in before
            for record in program.trials
        }
        self._after = {
            (program.test, record.name): record
            for program in after
            for record in program.trials
        }

    def lines(self) -> Iterator[str]:
        """Return a line for each schedule with another verdict."""
        for key in dict.fromkeys((*self._before, *self._after)):
            then, now = self._before.get(key), self._after.get(key)
            was = "not there" if then is None else then.verdict.value
            is_ = "not there" if now is None else now.verdict.value
            if was != is_:
                yield f"{key[0]} [{key[1]}]  was {was}, is {is_}"


def _by_oracles(program: ProgramRecord, record: TrialRecord) -> Trial:
    trial = replace(program.trial(record), excuse="")
    if record.found is Verdict.ENDINGS_DISAGREE:
        return replace(trial, verdict=Verdict.ENDINGS_DISAGREE)
    findings = judge(trial.baseline, trial.story)
    verdict = findings[0].verdict if findings else Verdict.PASS
    return replace(trial, findings=findings, verdict=verdict)


def _told(record: TrialRecord, trial: Trial) -> TrialRecord:
    return replace(
        record, verdict=trial.verdict, findings=trial.findings, excuse=trial.excuse
    )
