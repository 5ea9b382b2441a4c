"""The document of a session: everything that reports are made of.

Its JSON text (`pytest_cano.records.codec`) is the report ``json:FILE``; the schema is
made from these very classes (`pytest_cano.records.schema`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, final

from ..acceptance import Accept
from ..schedule import Schedule
from ..story import Finding, Story, Trial, Verdict
from ..summary import Summary
from ..task_lines import TaskLines, merged

FORMAT: Final = "pytest-cano report"
VERSION: Final = 1
"""Of the document; a later one that adds fields is still of the same version."""


@final
@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One schedule of a program, what was observed, and what was found.

    Attributes:
        name: the schedule as text, or whatever else this is the trial of.
        verdict: what was found, or PASS.
        schedule: the schedule.
        story: what was observed.
        findings: everything found, the weightiest first.
        compared_with: which of the program's references it was compared with; empty
            for the undisturbed run.
        way: how the search came to it, if not by its text.
        selector: what ``--cano-crash`` takes for exactly this.
        again: the command that runs exactly this once more.
        excuse: why it fails nothing although something was found; empty if it does.
        output: what its lives have written, as sections, if it has failed.
    """

    name: str
    verdict: Verdict
    schedule: Schedule
    story: Story
    findings: tuple[Finding, ...] = ()
    compared_with: str = ""
    way: Literal["", "everywhere", "random"] = ""
    selector: str = ""
    again: str = ""
    excuse: str = ""
    output: tuple[tuple[str, str], ...] = ()

    @property
    def found(self) -> Verdict:
        """The weightiest verdict, excused or not."""
        return self.findings[0].verdict if self.findings else self.verdict


@final
@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """One program: a test and all its schedules.

    Attributes:
        test: its id; for a test its node id.
        file: where it is, relative to the root directory.
        line: of that file, from 1; 0 if unknown.
        outcome: how its undisturbed run ended: ``passed``, ``failed``, ``skipped``.
        summary: what is known of it, as numbers and texts.
        baseline: what its undisturbed run did; None if it was not crashed.
        references: what else its schedules were compared with: planned failures alone.
        trials: every schedule that was run, in order.
        accepts: the known exceptions that it declares.
        problems: what is wrong with it as a whole: full texts.
        lines: which lines of its tasks ran; None if nothing was measured.
        checked: how the test ended that has made this search itself, by
            ``cano.check()``; empty for a test that was crashed.
    """

    test: str
    summary: Summary
    file: str = ""
    line: int = 0
    outcome: str = "passed"
    baseline: Story | None = None
    references: Mapping[str, Story] = field(default_factory=dict)
    trials: tuple[TrialRecord, ...] = ()
    accepts: tuple[Accept, ...] = ()
    problems: tuple[str, ...] = ()
    lines: TaskLines | None = None
    checked: Literal["", "passed", "failed"] = ""

    @property
    def crashed(self) -> bool:
        """Whether it was to be crashed, and had something to be crashed at."""
        return self.baseline is not None or self.summary.flaky

    def reference(self, record: TrialRecord) -> Story:
        """Return what a trial was compared with."""
        known = self.references.get(record.compared_with, self.baseline)
        return record.story if known is None else known

    def trial(self, record: TrialRecord) -> Trial:
        """Return a trial as the search found it."""
        return Trial(
            record.schedule,
            record.verdict,
            record.findings,
            record.story,
            self.reference(record),
            way=record.way,
            name="" if record.name == str(record.schedule) else record.name,
            selector=record.selector,
            output=record.output,
            excuse=record.excuse,
        )

    def labels(self) -> tuple[str, ...]:
        """Return every state that its workflows have."""
        runs = () if self.baseline is None else self.baseline.runs.values()
        return tuple(dict.fromkeys(label for run in runs for label in run.transitions))


@final
@dataclass(frozen=True, slots=True)
class Gate:
    """What a session has to reach: each limit None, or empty, where there is none.

    Attributes:
        fail_under: percent of the schedules that must pass.
        fail_under_coverage: percent of the crash points that must be crashed.
        cov_fail_under: percent of the tasks' lines that must have run resumed.
        max_accepted: how many schedules may be accepted as they fail.
        fail_on: the verdicts that fail a test; empty for all that say it failed.
    """

    fail_under: int | None = None
    fail_under_coverage: int | None = None
    cov_fail_under: int | None = None
    max_accepted: int | None = None
    fail_on: tuple[Verdict, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Made:
    """How a document came about.

    Attributes:
        version: of pytest-cano.
        python: its version.
        platform: the operating system.
        started: when, as ISO 8601 text in UTC.
        seconds: how long the session took.
        arguments: of the command line.
        plan: what says which schedules there are: options, and what they were.
        shard: which part of the plan was run: ``2/5``; empty for all of it.
        interrupted: whether the session was ended before its end.
        root: the directory that the paths of files are relative to.
    """

    version: str = ""
    python: str = ""
    platform: str = ""
    started: str = ""
    seconds: float = 0.0
    arguments: tuple[str, ...] = ()
    plan: Mapping[str, str] = field(default_factory=dict)
    shard: str = ""
    interrupted: bool = False
    root: str = ""


@final
@dataclass(frozen=True, slots=True)
class Document:
    """Everything that is known of a session's crash tests.

    Attributes:
        format: what this is.
        version: of the format.
        made: how it came about.
        gate: what it had to reach.
        programs: every test that was to be crashed, by its id.
        problems: what is wrong with the session as a whole: full texts.
        failed: ids of all that failed in the session, crash tests or not.
    """

    format: Literal["pytest-cano report"] = FORMAT
    version: Literal[1] = VERSION
    made: Made = Made()
    gate: Gate = Gate()
    programs: tuple[ProgramRecord, ...] = ()
    problems: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def summaries(self) -> list[Summary]:
        """The summary of each program that was crashed."""
        return [each.summary for each in self.programs if each.crashed]

    @property
    def lines(self) -> TaskLines | None:
        """Which lines of all tasks ran; None if nothing was measured."""
        return merged(program.lines for program in self.programs)

    def sorted(self) -> Document:
        """Return the same with its programs by id: no order of workers shows."""
        return replace(
            self, programs=tuple(sorted(self.programs, key=lambda each: each.test))
        )
