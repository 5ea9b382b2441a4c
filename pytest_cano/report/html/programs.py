"""One test, as the page shows it: its matrix, its diagram and its schedules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from ...moments import MOMENTS
from ...records.document import ProgramRecord
from ...story import Verdict
from ...summary import Summary
from ...task_lines import TaskLines
from ..groups import other_groups, schedule_of
from ..matrix import Cell, Matrix
from ..summary import summary_parts
from .diagram import Diagram, diagrams_of
from .recovery import Recovery, recovery_of
from .schedules import Entry, Rooms
from .standing import Standing, worst


@final
@dataclass(frozen=True, slots=True)
class Mark:
    """One of several schedules that share a cell.

    Attributes:
        anchor: of the schedule; empty if it was not run.
        name: the schedule as text.
        label: what it is in its cell: ``2``, ``kill``.
        standing: how it stands.
    """

    anchor: str
    name: str
    label: str
    verdict: str
    standing: Standing


@final
@dataclass(frozen=True, slots=True)
class Field:
    """A cell of the matrix.

    Attributes:
        text: ``ok``, ``DUPLICATED 1/3``, ``-``.
        standing: how it stands.
        marks: its schedules, the worst first.
    """

    text: str
    standing: Standing
    marks: tuple[Mark, ...]

    @property
    def first(self) -> Mark | None:
        """The schedule to look at first."""
        return next(iter(self.marks), None)


@final
@dataclass(frozen=True, slots=True)
class Grid:
    """The matrix.

    Attributes:
        moments: the columns, each with what is durable there.
        rows: a state, and its cells; None where there is no such moment.
        untried: whether some crash point was not crashed.
    """

    moments: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[Field | None, ...]], ...]
    untried: bool


@final
@dataclass(frozen=True, slots=True)
class Group:
    """The schedules that are more than one crash, counted by their likes.

    Attributes:
        name: ``depth 2``, ``everywhere``.
        passed: how many passed.
        run: how many there are.
        standing: the worst of them.
        anchor: of the first that stands so.
    """

    name: str
    passed: int
    run: int
    standing: Standing
    anchor: str


@final
@dataclass(frozen=True, slots=True)
class Section:
    """One test.

    Attributes:
        anchor: what links to it lead to.
        name: of the test.
        test: its whole id.
        place: file and line.
        outcome: how its undisturbed run ended, if it did not pass.
        standing: how it stands as a whole.
        parts: what its line of the summary says.
        problems: what is wrong with it as a whole.
        limits: what was left out, and why.
        grid: the matrix; None if nothing is in it.
        groups: what the matrix does not show.
        diagrams: its workflows.
        recovery: what was re-executed.
        lines: which lines of its tasks ran, if that was measured.
        entries: its schedules, what failed first.
    """

    anchor: str
    name: str
    test: str
    place: str
    outcome: str
    standing: Standing
    parts: tuple[str, ...]
    problems: tuple[str, ...]
    limits: tuple[str, ...]
    grid: Grid | None
    groups: tuple[Group, ...]
    diagrams: tuple[Diagram, ...]
    recovery: tuple[Recovery, ...]
    lines: TaskLines | None
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, program: ProgramRecord, anchor: str, rooms: Rooms) -> Section:
        """Tell a test, as far as there is room."""
        order = [*Standing]
        trials = sorted(
            program.trials, key=lambda each: order.index(Standing.of(each.verdict))
        )
        entries = tuple(
            Entry.of(program, trial, f"{anchor}-{number}", rooms)
            for number, trial in enumerate(trials, 1)
        )
        anchors = {entry.name: entry.anchor for entry in entries}
        summary = program.summary
        return cls(
            anchor,
            _name(program),
            program.test,
            f"{program.file}:{program.line}" if program.line else program.file,
            "" if program.outcome == "passed" else program.outcome,
            _standing(program),
            tuple(summary_parts(summary)),
            program.problems,
            tuple(summary.limits),
            _grid(Matrix.of(summary), anchors),
            tuple(_groups(summary, anchors)),
            tuple(diagrams_of(program, anchor)),
            recovery_of([summary]),
            program.lines,
            entries,
        )

    def standing_so(self, standing: str) -> list[Entry]:
        """Return the schedules that stand so."""
        return [entry for entry in self.entries if entry.standing == standing]

    @property
    def wrong(self) -> bool:
        """Whether somebody has to look at it."""
        return self.standing is Standing.FAILED


def _name(program: ProgramRecord) -> str:
    """Return the name of a test; of what it has checked itself, with the test's."""
    name = program.summary.name
    if f"::{name}" in program.test:
        return name
    return program.test.partition("::")[2] or name


def _standing(program: ProgramRecord) -> Standing:
    broken = program.problems or program.summary.flaky
    if broken or program.outcome in ("failed", "interrupted"):
        return Standing.FAILED
    return _worst_of(program.summary.verdicts.values())


def _worst_of(verdicts: Iterable[str]) -> Standing:
    return Standing.of_verdicts(Verdict[each] for each in verdicts)


def _grid(matrix: Matrix, anchors: Mapping[str, str]) -> Grid | None:
    if not matrix.cells:
        return None
    rows = tuple(
        (
            state,
            tuple(
                _field(matrix.cells.get((state, moment)), anchors)
                for moment in matrix.moments
            ),
        )
        for state in matrix.states
    )
    fields = [each for _, row in rows for each in row if each is not None]
    return Grid(
        tuple((name, MOMENTS[name].durable) for name in matrix.moments),
        rows,
        any(each.standing is Standing.UNTRIED for each in fields),
    )


def _field(cell: Cell | None, anchors: Mapping[str, str]) -> Field | None:
    if cell is None:
        return None
    labels = _labels(cell.verdicts)
    marks = tuple(
        Mark(anchors.get(text, ""), text, label, said, Standing.of(Verdict[said]))
        for label, (text, said) in zip(labels, cell.verdicts.items(), strict=True)
    )
    order = [*Standing]
    marks = tuple(sorted(marks, key=lambda mark: order.index(mark.standing)))
    return Field(str(cell), worst(mark.standing for mark in marks), marks)


def _labels(texts: Iterable[str]) -> list[str]:
    """Say what each schedule of a cell has that others there have not."""
    parts = []
    for text in texts:
        schedule = schedule_of(text)
        fault = None if schedule is None else schedule.faults[0]
        parts.append(
            ("", "", text)
            if fault is None
            else (
                "" if fault.point.index is None else str(fault.point.index),
                f"#{fault.point.visit}",
                fault.kind + ("" if fault.amount is None else f":{fault.amount}"),
            )
        )
    differ = [len({*column}) > 1 for column in zip(*parts, strict=True)]
    return [
        " ".join(part for part, differs in zip(each, differ, strict=True) if differs)
        for each in parts
    ]


def _groups(summary: Summary, anchors: Mapping[str, str]) -> Iterator[Group]:
    for name, texts in sorted(other_groups(summary).items()):
        known = [text for text in texts if text in summary.verdicts]
        if not known:
            continue
        standings = {
            text: Standing.of(Verdict[summary.verdicts[text]]) for text in known
        }
        standing = worst(standings.values())
        first = next(text for text, each in standings.items() if each is standing)
        # What came to a known state has passed there, and has no story of its own.
        depth = name.removeprefix("depth ")
        seen = summary.seen.get(int(depth), 0) if depth.isdecimal() else 0
        passed = sum(each is Standing.PASSED for each in standings.values())
        yield Group(
            name, passed + seen, len(known) + seen, standing, anchors.get(first, "")
        )
