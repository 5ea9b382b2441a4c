"""What a session has found as one page of Markdown, which is never too long.

What matters most comes first: what does not fit is left out from the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from ..wording import count
from .diagram import diagrams
from .lines import lines_text
from .markdown import block, code, plain, table
from .matrix import Matrix
from .ranking import Failure, failures
from .reexecution import coverage_text, covered_by
from .score import Score

if TYPE_CHECKING:
    from ..records.document import Document, ProgramRecord
    from .source import Sources

LIMIT: Final = 1024 * 1024
"""Bytes that GitHub shows of a step; a longer summary is not shown at all."""

MOST_FAILURES: Final = 50
"""Failing schedules that are told one by one; the tables have all of them."""

MOST_EXCUSED: Final = 200
"""Excused schedules that are listed."""

LONGEST: Final = 2000
"""Characters of one problem that are shown."""

_ROOM: Final = 300
"""Bytes for the sentence that says what was left out."""


@final
@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the page: its heading, and pieces that mean something each alone."""

    heading: str
    pieces: Sequence[str]


def step_summary(document: Document, sources: Sources, limit: int = LIMIT) -> str:
    """Return the page.

    Args:
        document: what it tells.
        sources: what the files in it are called.
        limit: how many bytes it may have.

    Returns:
        Markdown; nothing if not even its head fits.
    """
    written: list[str] = []
    room = limit - _ROOM
    left_out: list[str] = []
    for section in _sections(document, sources):
        heading = f"### {section.heading}\n\n" if section.heading else ""
        for piece in section.pieces:
            text = f"{heading}{piece}\n\n"
            heading = ""
            room -= len(text.encode())
            # Nothing less important takes the place of what did not fit.
            if room < 0:
                left_out.append(section.heading)
                break
            written.append(text)
    if written and left_out:
        written.append(
            f"Left out, for GitHub shows no more than {limit // 1024} KiB of a step: "
            f"{', '.join(left_out).lower()} (in part, or all of it).\n"
        )
    return "".join(written)


def _sections(document: Document, sources: Sources) -> Iterator[_Section]:
    found = failures(document, sources)
    yield _Section("", [_head(document)])
    yield _Section("Problems", [*_problems(document)])
    failed = [each for each in found if each.record.verdict.fails]
    yield _Section("Failing schedules", [*_failed(failed)])
    drawn = sorted(diagrams(document, sources), key=lambda each: not each.failed)
    yield _Section(
        "Workflows",
        [
            f"{_tests(each.tests)}\n\n"
            + (
                block(each.text.rstrip(), "mermaid")
                if each.text
                else "It has too many states to be drawn here."
            )
            for each in drawn
        ],
    )
    crashed = [each for each in document.programs if each.crashed]
    red = [each for each in crashed if each.summary.failed or each.summary.excused]
    yield _Section("States and moments", [*map(_matrix, red)])
    yield _Section("Coverage of recovery", [*_coverage(document)])
    excused = [each for each in found if each.record.verdict.excused]
    yield _Section("Excused schedules", [*_excused(excused)])
    green = [each for each in crashed if each not in red]
    yield _Section("Tests without a finding", [*map(_matrix, green)])
    limits = dict.fromkeys(limit for each in crashed for limit in each.summary.limits)
    yield _Section("Limits", [f"- {plain(limit)}" for limit in limits])


def _head(document: Document) -> str:
    score = Score.of(document.summaries)
    failed = document.problems or any(map(_failing, document.programs))
    passed = f"{score.passed}/{count(score.run, 'schedule')} passed"
    crashed = f"{score.crashed}/{count(score.points, 'crash point')}"
    cells = [
        passed if score.percent is None else f"**{score.percent} %** ({passed})",
        crashed
        if score.coverage_percent is None
        else f"**{score.coverage_percent} %** ({crashed})",
        score.worst or "nothing was run",
    ]
    head = ["score", "coverage", "worst"]
    if score.excused:
        head.append("excused")
        cells.append(
            ", ".join(f"{each.lower()} {n}" for each, n in score.excused.items())
        )
    if score.left_out:
        head.append("left out by the budget")
        cells.append(count(score.left_out, "schedule"))
    shard = f", shard {plain(document.made.shard)}" if document.made.shard else ""
    stopped = ", interrupted" if document.made.interrupted else ""
    title = f"Crash tests {'failed' if failed else 'passed'}{shard}{stopped}"
    return f"## {title}\n\n{table(head, [cells])}"


def _failing(program: ProgramRecord) -> bool:
    stopped = program.outcome in ("failed", "interrupted")
    return bool(stopped or program.problems or program.summary.failed)


def _problems(document: Document) -> Iterator[str]:
    for problem in document.problems:
        yield block(_cut(problem))
    for program in document.programs:
        for problem in program.problems:
            yield f"{code(program.test)}\n\n{block(_cut(problem))}"
        if program.outcome in ("failed", "interrupted"):
            yield f"{code(program.test)}: {program.outcome}"


def _failed(failed: Sequence[Failure]) -> Iterator[str]:
    for each in failed[:MOST_FAILURES]:
        where = each.place.line
        at = f" at {code(f'{where.file}:{where.number}')}" if where else ""
        said = "\n".join((each.message, *each.record.findings[0].details))
        yield (
            f"**{each.record.found}** {code(each.title)}{at}\n\n"
            f"{block(_cut(said))}\n{block(each.record.again, 'sh')}"
        )
    if len(failed) > MOST_FAILURES:
        yield f"… and {len(failed) - MOST_FAILURES} more; the tables have all of them."


def _excused(excused: Sequence[Failure]) -> Iterator[str]:
    if not excused:
        return
    rows = [
        (each.record.verdict.lower(), code(each.title), plain(_cut(each.record.excuse)))
        for each in excused[:MOST_EXCUSED]
    ]
    yield table(("excuse", "schedule", "what, and why"), rows)
    if len(excused) > MOST_EXCUSED:
        yield f"… and {len(excused) - MOST_EXCUSED} more."


def _matrix(program: ProgramRecord) -> str:
    matrix = Matrix.of(program.summary)
    title = code(program.test)
    if program.summary.flaky:
        return f"{title}: FLAKY_BASELINE, not crashed"
    rows = [
        (
            code(state),
            *(
                _cell(str(cell), failed=bool(cell.failed)) if cell else ""
                for moment in matrix.moments
                for cell in [matrix.cells.get((state, moment))]
            ),
        )
        for state in matrix.states
    ]
    beside = len(program.summary.failed) - sum(
        len(cell.failed) for cell in matrix.cells.values()
    )
    more = f"\n\n{count(beside, 'other schedule')} failed, too." if beside else ""
    return f"{title}\n\n{table(('', *matrix.moments), rows)}{more}"


def _cell(text: str, *, failed: bool) -> str:
    return f"**{plain(text)}**" if failed else plain(text)


def _coverage(document: Document) -> Iterator[str]:
    for line in coverage_text(covered_by(document.summaries)).splitlines():
        yield f"- {plain(line)}"
    if measured := lines_text(document.lines):
        yield f"- {plain(measured)}"


def _tests(tests: Iterable[str]) -> str:
    named = [*tests]
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return ", ".join(map(code, named[:3])) + more


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
