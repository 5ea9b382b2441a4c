"""GitHub's workflow commands: lines that become annotations of a pull request.

What stands in the log as ``::error file=shop/pay.py,line=31,title=...::...`` is shown
beside that line. Of a step the first ten errors, warnings and notices are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from ..story import Verdict
from ..wording import count
from .characters import on_one_line, visible
from .ranking import Failure, failures

if TYPE_CHECKING:
    from ..records.document import Document, ProgramRecord
    from .source import Line, Sources

Level: TypeAlias = Literal["error", "warning", "notice"]

MOST: Final = 10
"""Annotations of one level that GitHub shows of a step."""

LONGEST: Final = 2000
"""Characters of a message; GitHub cuts it at 4096."""

LONGEST_TITLE: Final = 200
"""Characters of a title; GitHub wants no more than 255."""


@final
@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation; its text is the workflow command.

    Attributes:
        level: how bad it is.
        title: the short of it.
        message: what is to be known; may have several lines.
        line: where it is shown; None for the session as a whole.
    """

    level: Level
    title: str
    message: str
    line: Line | None = None

    def __str__(self) -> str:
        given = {} if self.line is None else {"file": self.line.file}
        if self.line is not None:
            given["line"] = str(self.line.number)
        given["title"] = _cut(self.title, LONGEST_TITLE)
        said = ",".join(f"{key}={_property(text)}" for key, text in given.items())
        return f"::{self.level} {said}::{_data(_cut(self.message, LONGEST))}"


def annotations_of(document: Document, sources: Sources) -> list[Annotation]:
    """Return what is worth an annotation: the weightiest first, and each thing once."""
    return [
        *map(_of_session, document.problems),
        *(each for program in document.programs for each in _of(program, sources)),
        *_of_schedules(failures(document, sources)),
    ]


def shown(found: list[Annotation]) -> list[Annotation]:
    """Return those of them that GitHub would show."""
    levels: dict[Level, list[Annotation]] = {}
    for each in found:
        levels.setdefault(each.level, []).append(each)
    return [each for group in levels.values() for each in group[:MOST]]


def _of_session(problem: str) -> Annotation:
    source, _, text = problem.partition(": ")
    return Annotation("error", source, text or problem)


def _of(program: ProgramRecord, sources: Sources) -> Iterator[Annotation]:
    """Return what is wrong with a test as a whole."""
    line = sources.line_of(program.file, program.line)
    for problem in program.problems:
        yield Annotation("error", program.test, problem, line)
    if program.outcome in ("failed", "interrupted"):
        why = "so nothing is known of its crashes"
        said = {"failed": "it failed undisturbed", "interrupted": "it was interrupted"}
        message = f"{said[program.outcome]}, {why}"
        yield Annotation("error", program.test, message, line)


def _of_schedules(found: list[Failure]) -> Iterator[Annotation]:
    alike: dict[tuple[object, ...], list[Failure]] = {}
    for each in found:
        record, line = each.record, each.place.line
        # A label alone may be that of states of several workflows.
        task = (line and line.file, each.place.state)
        alike.setdefault((*task, record.verdict, record.found), []).append(each)
    for first, *others in alike.values():
        record, finding = first.record, first.record.findings[0]
        more = f" and {count(len(others), 'more schedule')}" if others else ""
        lines = [finding.message, *finding.details, f"{first.title}{more}"]
        if record.excuse:
            lines.append(f"{record.verdict.lower()}: {record.excuse}")
        lines.append(f"again: {record.again}")
        excused = "" if record.verdict.fails else f" ({record.verdict.lower()})"
        title = f"{record.found} in {first.place.state}{excused}"
        yield Annotation(
            _level(record.verdict), title, "\n".join(lines), first.place.line
        )


def _level(verdict: Verdict) -> Level:
    if verdict.fails:
        return "error"
    # What a test itself accepts is settled; what is known, or tolerated, is a debt.
    return "notice" if verdict is Verdict.ACCEPTED else "warning"


def _data(text: str) -> str:
    shown = visible(text, keep="\n")
    return shown.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(on_one_line(text)).replace(":", "%3A").replace(",", "%2C")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
