"""The states of a workflow, drawn: what leads where, and what crashes came to there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from ...coverage import Coverage, coverage_of, merged, transitions_taken
from ...kept_log import ROLLED_BACK
from ...records.document import ProgramRecord
from ...schedule import CrashPoint
from ...story import RunStory, Story, Verdict
from ..groups import single_point
from .layout import Edge, Layout, Size, lay_out
from .standing import Standing, worst

MOST_DOTS: Final = 36
"""Crash points of a state that have a dot."""

LONGEST_NAME: Final = 22
"""Characters of a state's name."""

_DOT: Final = 13.0
_MARGIN: Final = 14.0
_GAP: Final = 56.0
_NARROW_GAP: Final = 36.0
_FEW: Final = 7


@final
@dataclass(frozen=True, slots=True)
class Dot:
    """A crash point.

    Attributes:
        x: of its middle.
        y: of its middle.
        standing: what crashes came to there.
        title: the same in words.
    """

    x: float
    y: float
    standing: Standing
    title: str


@final
@dataclass(frozen=True, slots=True)
class Node:
    """A state.

    Attributes:
        label: its name, cut if it is long.
        title: its whole name, and what is to be said of it.
        kind: what it is, unless it is a plain task: ``split``, ``exit``.
        x: of its left side.
        y: of its upper side.
        width: of its box.
        height: of its box.
        standing: the worst of its crash points.
        entered: whether a test ever came to it.
        dots: its crash points.
        more: how many more it has.
    """

    label: str
    title: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    standing: Standing
    entered: bool
    dots: tuple[Dot, ...]
    more: int = 0


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A transition.

    Attributes:
        path: as SVG has it.
        taken: whether a run went through.
        title: in words.
    """

    path: str
    taken: bool
    title: str


@final
@dataclass(frozen=True, slots=True)
class Diagram:
    """One workflow, as a test has run it.

    Attributes:
        anchor: a name of its own on the page.
        width: in pixels.
        height: in pixels.
        nodes: its states.
        lines: its transitions.
        undeclared: the states that do not say what may follow.
        nothing_declared: whether that is all of them.
    """

    anchor: str
    width: float
    height: float
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    undeclared: tuple[str, ...] = ()
    nothing_declared: bool = False

    @property
    def untaken(self) -> bool:
        """Whether a transition was never taken."""
        return not all(line.taken for line in self.lines)

    @property
    def words(self) -> str:
        """All of it for those who do not see it."""
        states = (node.title for node in self.nodes)
        return "; ".join((*states, *(line.title for line in self.lines)))


def diagrams_of(program: ProgramRecord, anchor: str) -> Iterator[Diagram]:
    """Draw each workflow that a test has run.

    Args:
        program: the test.
        anchor: what the names of the diagrams begin with.
    """
    stories = [] if program.baseline is None else [program.baseline]
    stories += [trial.story for trial in program.trials]
    alike: dict[object, list[tuple[Story, RunStory]]] = {}
    for story in stories:
        for run in story.runs.values():
            if run.transitions:
                definition = tuple(run.transitions.items())
                alike.setdefault(definition, []).append((story, run))
    found = _verdicts(program)
    for number, runs in enumerate(alike.values(), 1):
        numbers = {run.run for _, run in runs}
        points = {
            point: verdicts for point, verdicts in found.items() if point.run in numbers
        }
        yield _Drawing(runs, points).diagram(f"{anchor}-d{number}")


def _verdicts(program: ProgramRecord) -> dict[CrashPoint, dict[str, Verdict]]:
    """Return for each crash point the schedules whose last fault is there."""
    found: dict[CrashPoint, dict[str, Verdict]] = {}
    for text in program.summary.points:
        if (point := single_point(text)) is not None:
            found[point] = {}
    for trial in program.trials:
        last = trial.schedule.faults[-1].point
        alone = single_point(trial.name) is not None
        # What only a recovery meets is drawn if something is wrong there.
        if alone or last in found or trial.verdict is not Verdict.PASS:
            found.setdefault(last, {})[trial.name] = trial.verdict
    return found


@final
class _Drawing:
    def __init__(
        self,
        runs: Sequence[tuple[Story, RunStory]],
        points: Mapping[CrashPoint, Mapping[str, Verdict]],
    ) -> None:
        self._run = runs[0][1]
        self._stories = {id(story): story for story, _ in runs}.values()
        self._points: dict[str, list[CrashPoint]] = {}
        for point in points:
            self._points.setdefault(point.state, []).append(point)
        self._found = points
        covered = merged(
            each
            for story in self._stories
            for each in coverage_of(story)
            if each.states == tuple(self._run.transitions)
        )
        self._covered: Coverage = covered[0]
        self._taken = {
            pair
            for story, run in runs
            for pair in transitions_taken(
                run, [each for each in story.task_runs if each.run == run.run]
            )
        }

    def diagram(self, anchor: str) -> Diagram:
        transitions = self._run.transitions
        declared = {
            (label, following)
            for label, all_following in transitions.items()
            for following in sorted(all_following or ())
        }
        undeclared = tuple(
            label for label, following in transitions.items() if following is None
        )
        # Where nothing is declared, what was seen has to do.
        seen = {
            edge
            for edge in self._taken
            if edge[0] in undeclared and not edge[1].endswith(ROLLED_BACK)
        }
        edges = sorted(declared | seen)
        named = [label for edge in edges for label in edge]
        labels = [*dict.fromkeys((*self._first(), *transitions, *named))]
        sizes = {label: self._size(label) for label in labels}
        # A long way is drawn closer, so that it fits.
        across = _GAP if len(labels) <= _FEW else _NARROW_GAP
        layout = lay_out(sizes, edges, across=across)
        return Diagram(
            anchor,
            layout.width + 2 * _MARGIN,
            layout.height + 2 * _MARGIN,
            tuple(self._node(label, layout, sizes[label]) for label in labels),
            tuple(self._line(edge, layout, sizes) for edge in edges),
            undeclared,
            len(undeclared) == len(transitions),
        )

    def _first(self) -> Iterator[str]:
        """Give the state that runs begin in."""
        for story in self._stories:
            for each in story.task_runs:
                if each.run == self._run.run:
                    yield each.state
                    return

    def _kind(self, label: str) -> str:
        if label not in self._run.transitions:
            return "exit"
        kind = self._run.kinds.get(label, "task")
        return "" if kind == "task" else kind

    def _size(self, label: str) -> Size:
        dots = min(len(self._points.get(label, ())), MOST_DOTS)
        columns = min(max(dots, 1), 9)
        width = max(
            8.0 * len(_cut(label)) + 26,
            6.2 * len(self._kind(label)) + 26,
            columns * _DOT + 22,
            76.0,
        )
        rows = -(-dots // columns)
        return Size(width, 34 + 13 * bool(self._kind(label)) + rows * _DOT)

    def _node(self, label: str, layout: Layout, size: Size) -> Node:
        x, y = layout.centres[label]
        left, top = x - size.width / 2 + _MARGIN, y - size.height / 2 + _MARGIN
        points = self._points.get(label, [])
        kind = self._kind(label)
        dots = [*self._dots(points[:MOST_DOTS], left, top, size, kind)]
        entered = (
            any(following == label for _, following in self._taken)
            if kind == "exit"
            else label in self._covered.entered
        )
        standing = worst(
            Standing.of_verdicts(self._found[point].values()) for point in points
        )
        title = f"{label} ({kind})" if kind else label
        if not entered:
            title += ": never entered"
        elif points:
            title += f": {standing.of_points}"
        return Node(
            _cut(label),
            title,
            kind,
            left,
            top,
            size.width,
            size.height,
            standing,
            entered,
            tuple(dots),
            max(len(points) - MOST_DOTS, 0),
        )

    def _dots(
        self,
        points: Sequence[CrashPoint],
        left: float,
        top: float,
        size: Size,
        kind: str,
    ) -> Iterator[Dot]:
        columns = max(int((size.width - 22 + 0.01) // _DOT), 1)
        first = left + size.width / 2 - (min(len(points), columns) - 1) * _DOT / 2
        for number, point in enumerate(points):
            verdicts = self._found[point]
            row, column = divmod(number, columns)
            said = ", ".join(
                str(verdict) if text == str(point) else f"{verdict} in {text}"
                for text, verdict in verdicts.items()
                if verdict is not Verdict.PASS
            )
            yield Dot(
                first + column * _DOT,
                top + 33 + 13 * bool(kind) + row * _DOT,
                Standing.of_verdicts(verdicts.values()),
                f"{point}: {said or ('ok' if verdicts else 'not crashed')}",
            )

    def _line(self, edge: Edge, layout: Layout, sizes: Mapping[str, Size]) -> Line:
        taken = edge in self._taken
        title = f"{edge[0]} leads to {edge[1]}" + ("" if taken else ": never taken")
        route = layout.routes.get(edge)
        if route is None:
            x, y = layout.centres[edge[0]]
            return Line(_loop(x, y, sizes[edge[0]]), taken, title)
        return Line(_curve(route.points), taken, title)


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return a line that leaves and arrives level."""
    (x, y), *others = [(x + _MARGIN, y + _MARGIN) for x, y in points]
    path = f"M{x:.1f} {y:.1f}"
    for left, top in others:
        middle = (x + left) / 2
        path += f"C{middle:.1f} {y:.1f} {middle:.1f} {top:.1f} {left:.1f} {top:.1f}"
        x, y = left, top
    return path


def _loop(x: float, y: float, size: Size) -> str:
    """Return a line from a state to itself, over its upper right corner."""
    right, top = x + _MARGIN + size.width / 2, y + _MARGIN - size.height / 2
    return f"M{right - 26:.1f} {top:.1f}c0 -14 40 -14 40 4s-8 10 -14 10"


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
