"""The workflows of a document as Mermaid diagrams, coloured by how they went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias, final

from cano_core.checkpoints.row import RowKind
from cano_core.graph import Graph, Kind
from cano_core.mermaid import mermaid

if TYPE_CHECKING:
    from ..records.document import Document
    from ..story import RunStory, Story
    from .source import Sources

COLOURS: Final = {
    "failed": "fill:#ffd8d3,stroke:#cf222e,stroke-width:2px,color:#660018",
    "excused": "fill:#fff1c2,stroke:#9a6700,color:#4d2d00",
    "passed": "fill:#d2f4d9,stroke:#1a7f37,color:#044f1e",
    "unmet": "fill:#eaeef2,stroke:#59636e,stroke-dasharray:4 3,color:#25292e",
}
"""How a state is drawn in which something failed, was excused, passed, or that no test
has entered; the first that holds. Without any: nothing was crashed there."""

LONGEST: Final = 50_000
"""Characters that Mermaid draws; more is an error message instead of a diagram."""

MOST_EDGES: Final = 500
"""The same for edges."""

_ROLLED_BACK: Final = " (rolled back)"

_Definition: TypeAlias = tuple[object, ...]


@final
@dataclass(slots=True)
class _Workflow:
    """One workflow, and what has become of its states so far.

    Attributes:
        transitions: declared ones, by label.
        kinds: of its states.
        tests: that run it.
        exits: labels of the exit states that are known.
        seen: for each label what followed it.
        entered: labels of the states that were entered.
        classes: by label.
    """

    transitions: Mapping[str, frozenset[str] | None]
    kinds: Mapping[str, Kind]
    tests: list[str] = field(default_factory=list)
    exits: set[str] = field(default_factory=set)
    seen: dict[str, set[str]] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)
    classes: dict[str, str] = field(default_factory=dict)

    def add(self, run: RunStory) -> None:
        """Take what a run went through."""
        for log in run.logs:
            way = [row.state for row in log if row.kind is RowKind.STATE_ENTRY]
            self.entered.update(way)
            for before, after in pairwise(way):
                self.seen.setdefault(before, set()).add(after)
        # That is where it failed: no exit state.
        if run.exit is not None and not run.exit.endswith(_ROLLED_BACK):
            self.exits.add(run.exit)

    def colour(self, label: str, name: str) -> None:
        """Give a state a class, unless it has a weightier one."""
        order = [*COLOURS]
        before = self.classes.get(label, name)
        self.classes[label] = min(before, name, key=order.index)

    def drawn(self) -> str:
        """Return the diagram."""
        transitions = {
            # What declares nothing is drawn as far as it was seen.
            label: frozenset(self.seen.get(label, ())) or None if said is None else said
            for label, said in self.transitions.items()
        }
        following = {each for said in transitions.values() for each in said or ()}
        exits = frozenset((following | self.exits) - transitions.keys())
        for label in (*transitions, *exits):
            if label not in self.entered:
                self.colour(label, "unmet")
        graph = Graph(tuple(transitions), exits, transitions, self.kinds)
        used = {*self.classes.values()}
        return mermaid(graph, classes=self.classes) + "".join(
            f"    classDef {name} {style}\n"
            for name, style in COLOURS.items()
            if name in used
        )


@final
@dataclass(frozen=True, slots=True)
class Diagram:
    """One workflow as a diagram.

    Attributes:
        tests: the tests that run it.
        text: Mermaid; empty if it is too large to be drawn.
        failed: whether something failed in it.
    """

    tests: tuple[str, ...]
    text: str
    failed: bool


def diagrams(document: Document, sources: Sources) -> Iterator[Diagram]:
    """Return a diagram for each workflow."""
    for workflow in _workflows(document, sources).values():
        text = workflow.drawn()
        edges = text.count("-->") + text.count("-.->")
        fits = len(text) <= LONGEST and edges <= MOST_EDGES
        yield Diagram(
            tuple(workflow.tests),
            text if fits else "",
            "failed" in workflow.classes.values(),
        )


def _workflows(document: Document, sources: Sources) -> dict[_Definition, _Workflow]:
    known: dict[_Definition, _Workflow] = {}

    def take(test: str, story: Story) -> Iterator[tuple[int, _Workflow]]:
        for number, run in story.runs.items():
            if not run.transitions:
                continue
            definition = (*run.transitions.items(), *sorted(run.kinds.items()))
            workflow = known.setdefault(
                definition, _Workflow(run.transitions, run.kinds)
            )
            if test not in workflow.tests:
                workflow.tests.append(test)
            workflow.add(run)
            yield number, workflow

    for program in document.programs:
        usual = program.baseline
        runs = {} if usual is None else dict(take(program.test, usual))
        for record in program.trials:
            found = runs | dict(take(program.test, record.story))
            points = [fault.point for fault in record.schedule.faults]
            name = "passed"
            if record.findings:
                name = "failed" if record.verdict.fails else "excused"
                place = sources.place(program, record).point
                points = [] if place is None else [place]
            for point in points:
                if point.run in found:
                    found[point.run].colour(point.state, name)
    return known
