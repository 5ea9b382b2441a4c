"""The whole page as a value: what it says first, and then test by test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from ...records.document import Document, Made
from ...story import Verdict
from ...task_lines import TaskLines
from ...wording import count
from ..score import Score
from .programs import Section
from .recovery import Recovery, recovery_of
from .schedules import Entry, Rooms
from .standing import Standing

MOST_FAILURES: Final = 12
"""Failures that the top of the page names."""

MOST_ALIKE: Final = 8
"""Schedules that it names of those that failed alike."""


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """Schedules of one test of which the same was found.

    Attributes:
        section: the test.
        verdict: what was found.
        message: the same in a line.
        entries: the schedules.
    """

    section: Section
    verdict: Verdict
    message: str
    entries: tuple[Entry, ...]

    @property
    def named(self) -> tuple[Entry, ...]:
        """Those that there is room for."""
        return self.entries[:MOST_ALIKE]

    @property
    def more(self) -> int:
        """How many more there are."""
        return len(self.entries) - len(self.named)


@final
@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows.

    Attributes:
        headline: what became of the session, in a sentence.
        standing: the same at a glance.
        score: of all tests; with its coverage and its worst verdict.
        problems: what is wrong with the session as a whole.
        made: how the document came about.
        facts: the same, for readers.
        failures: what failed, as much of it as fits at the top of the page.
        more_failures: how many more there are of them.
        sections: every test, those first that somebody has to look at.
        verdicts: how many schedules there are of each, the weightiest first.
        recovery: what all tests together have re-executed.
        lines: which lines of the tasks ran, if that was measured.
        left_out: of how many schedules the log and ledger found no room.
    """

    headline: str
    standing: Standing
    score: Score
    problems: tuple[str, ...]
    made: Made
    facts: tuple[tuple[str, str], ...]
    failures: tuple[Failure, ...]
    more_failures: int
    sections: tuple[Section, ...]
    verdicts: tuple[tuple[Verdict, int], ...]
    recovery: tuple[Recovery, ...]
    lines: TaskLines | None
    left_out: int

    @classmethod
    def of(cls, document: Document) -> Page:
        """Tell a document."""
        rooms = Rooms()
        order = [*Standing]
        sections = sorted(
            (
                Section.of(program, f"t{number}", rooms)
                for number, program in enumerate(document.programs, 1)
            ),
            key=lambda each: order.index(each.standing),
        )
        entries = [entry for section in sections for entry in section.entries]
        counted = Counter(entry.verdict for entry in entries)
        summaries = document.summaries
        score = Score.of(summaries)
        wrong = sum(section.wrong for section in sections)
        failures = [*_failures(sections)]
        standing = _standing(score, wrong, document)
        return cls(
            _headline(score, wrong, document, len(entries)),
            standing,
            score,
            document.problems,
            document.made,
            tuple(_facts(document.made)),
            tuple(failures[:MOST_FAILURES]),
            max(len(failures) - MOST_FAILURES, 0),
            tuple(sections),
            tuple((each, counted[each]) for each in Verdict if counted[each]),
            recovery_of(summaries),
            document.lines,
            sum(bool(entry.left_out) for entry in entries),
        )

    @property
    def troubled(self) -> list[Section]:
        """The tests that have a problem of their own, beside their schedules."""
        return [
            section
            for section in self.sections
            if section.wrong and (section.problems or section.outcome)
        ]


def _failures(sections: Iterable[Section]) -> Iterator[Failure]:
    for section in sections:
        alike: dict[tuple[Verdict, str], list[Entry]] = {}
        for entry in section.standing_so(Standing.FAILED):
            alike.setdefault((entry.verdict, entry.message), []).append(entry)
        for (verdict, message), entries in alike.items():
            yield Failure(section, verdict, message, tuple(entries))


def _standing(score: Score, wrong: int, document: Document) -> Standing:
    if wrong or document.problems or document.made.interrupted:
        return Standing.FAILED
    if not score.run:
        return Standing.UNTRIED
    return Standing.EXCUSED if score.excused else Standing.PASSED


def _headline(score: Score, wrong: int, document: Document, told: int) -> str:
    failed = score.run - score.passed - sum(score.excused.values())
    if failed:
        return f"{failed} of {count(score.run, 'schedule')} failed"
    if wrong:
        return f"{count(wrong, 'test')} failed, though no schedule did"
    if document.problems:
        return "Every schedule passed, and the session failed all the same"
    if document.made.interrupted:
        return "The session was ended before its end"
    if not told:
        return "Nothing was crashed"
    if score.excused:
        excused = ", ".join(
            f"{number} {verdict.lower()}" for verdict, number in score.excused.items()
        )
        return f"No schedule failed: {score.passed} passed, {excused}"
    return f"All {count(score.run, 'schedule')} passed"


def _facts(made: Made) -> Iterator[tuple[str, str]]:
    if made.shard:
        yield "part", f"{made.shard} of the plan; the other parts are elsewhere"
    if made.interrupted:
        yield "ended", "before its end: what is missing here was not run"
    if made.started:
        yield "began", made.started.replace("T", " ").replace("+00:00", " UTC")
    if made.seconds:
        yield "took", f"{made.seconds:.1f} s"
    if made.arguments:
        yield "pytest", " ".join(made.arguments)
    versions = [f"pytest-cano {made.version}", f"Python {made.python}", made.platform]
    if made.version:
        yield "made by", ", ".join(filter(None, versions))
