"""One schedule, as the page shows it: what was found, and how it came to that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from ...records.document import ProgramRecord, TrialRecord
from ...story import Finding, Verdict
from ..tally import Tally
from ..timeline import failure_of
from .events import Chapter, Room, chapters_of
from .standing import Standing

LONGEST_TEXT: Final = 12_000
"""Characters of a failure, and of a section of output, that are shown."""


@final
class Rooms:
    """How much more the page has room for, so that a browser can still show it."""

    def __init__(self) -> None:
        # What failed is told whatever has passed.
        self.failed = Room(24_000)
        self.passed = Room(16_000)
        self.output = Room(500_000)


@final
@dataclass(frozen=True, slots=True)
class Excerpt:
    """The end of a text that may be long.

    Attributes:
        text: the end; all of it, if it is short.
        left_out: how many characters came before.
    """

    text: str
    left_out: int = 0

    @classmethod
    def of(cls, text: str) -> Excerpt:
        """Cut a text."""
        left_out = max(len(text) - LONGEST_TEXT, 0)
        return cls(text[left_out:], left_out)


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """One schedule.

    Attributes:
        anchor: what links to it lead to.
        name: the schedule as text.
        verdict: what was found.
        standing: how that is to be seen.
        findings: everything found, the weightiest first.
        excuse: why it fails nothing, if it is excused.
        way: how the search came to it, if not by its text.
        chapters: its lives.
        tally: its effects, counted; None where nothing is wrong with it.
        failure: what the test itself failed with, if it did.
        failed_in: number of the life that failed so.
        hints: what the program's author may want to change.
        output: what its lives have written, by title.
        again: the command that runs exactly this once more.
        milliseconds: how long it took.
    """

    anchor: str
    name: str
    verdict: Verdict
    standing: Standing
    findings: tuple[Finding, ...]
    excuse: str
    way: str
    chapters: tuple[Chapter, ...]
    tally: Tally | None
    failure: Excerpt
    failed_in: int
    hints: tuple[str, ...]
    output: tuple[tuple[str, Excerpt], ...]
    again: str
    milliseconds: int

    @classmethod
    def of(
        cls, program: ProgramRecord, trial: TrialRecord, anchor: str, rooms: Rooms
    ) -> Entry:
        """Tell a schedule of a test, as far as there is room."""
        story = trial.story
        tally = Tally.of(program.reference(trial), story)
        standing = Standing.of(trial.verdict)
        passed = standing is Standing.PASSED
        room = rooms.passed if passed else rooms.failed
        return cls(
            anchor,
            trial.name,
            trial.verdict,
            standing,
            trial.findings,
            trial.excuse,
            trial.way,
            tuple(chapters_of(story, tally, room)),
            None if passed else tally,
            Excerpt.of("" if passed else "\n".join(failure_of(story))),
            story.judged.number,
            () if passed else story.hints,
            tuple(_output(trial, rooms.output)),
            trial.again,
            round(story.duration * 1000),
        )

    @property
    def message(self) -> str:
        """What was found, in one line; empty if nothing was."""
        return self.findings[0].message if self.findings else ""

    @property
    def left_out(self) -> int:
        """How many steps of its lives the page had no room for."""
        return sum(each.left_out for each in self.chapters)


def _output(trial: TrialRecord, room: Room) -> Iterator[tuple[str, Excerpt]]:
    for title, text in trial.output:
        excerpt = Excerpt.of(text.rstrip())
        if not excerpt.text:
            continue
        if room.take(len(excerpt.text)):
            yield title, excerpt
        else:
            yield title, Excerpt("", excerpt.left_out + len(excerpt.text))
