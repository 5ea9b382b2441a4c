"""Random workflows of every kind of state, and a page that says what they must do."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import strategies as st

RUN = "r"


@dataclass(frozen=True)
class Node:
    """One state.

    Attributes:
        kind: task, saga, stepped, split or router.
        parts: recorded calls of a task or saga; steps; branches.
        failures: attempts that fail before one succeeds; of a split, how many of its
            branches fail for good, which its quorum does without.
        awaits: how often it gives the loop a turn.
        back: where it goes back to, as often as `turns` says.
        turns: see `back`.
        undo_failures: how often undoing it fails before it succeeds.
    """

    kind: str
    parts: int
    failures: int
    awaits: int
    back: int | None
    turns: int
    undo_failures: int

    @property
    def branches(self) -> int:
        return self.parts + 1

    @property
    def steps(self) -> int:
        return self.parts + 1

    @property
    def bad_branches(self) -> range:
        return range(self.branches - min(self.failures, self.parts), self.branches)


@dataclass(frozen=True)
class Visit:
    """One visit of the undisturbed run; routers, which leave no row, have number 0."""

    index: int
    number: int
    node: Node

    @property
    def key(self) -> str:
        return f"{RUN}/S{self.index}/{self.number}"

    @property
    def parts(self) -> list[str]:
        """The keys under which its work is done, in order."""
        if self.node.kind == "stepped":
            return [f"{self.key}/{number}" for number in range(self.node.steps)]
        return [self.key]

    @property
    def left(self) -> list[str]:
        """What it adds to the run's data."""
        return [] if self.node.kind in ("split", "router") else self.parts


@dataclass(frozen=True)
class Program:
    """States S0, S1, … and Done; the run ends at the visit that fails for good."""

    nodes: tuple[Node, ...]
    fails: int | None = None

    def label(self, index: int) -> str:
        return f"S{index}" if index < len(self.nodes) else "Done"

    def after(self, index: int, number: int) -> int:
        """Where a task goes from its n-th visit."""
        node = self.nodes[index]
        if node.back is not None and number <= node.turns:
            return min(node.back, index)
        return index + 1

    def routed(self, index: int, left: list[str]) -> int:
        """Where a router goes, by what the run's data says."""
        node = self.nodes[index]
        if node.back is not None and node.back < index:
            target = f"{RUN}/S{node.back}/"
            if 0 < sum(key.startswith(target) for key in left) <= node.turns:
                return node.back
        return index + 1

    def path(self) -> list[Visit]:
        """Every visit of an undisturbed run that does not fail, at most 31."""
        entered = Counter[int]()
        path: list[Visit] = []
        left: list[str] = []
        index = 0
        while index < len(self.nodes) and len(path) < 31:
            node = self.nodes[index]
            if node.kind == "router":
                path.append(Visit(index, 0, node))
                index = self.routed(index, left)
                continue
            entered[index] += 1
            visit = Visit(index, entered[index], node)
            path.append(visit)
            left += visit.left
            index = (
                index + 1 if node.kind == "split" else self.after(index, entered[index])
            )
        return path

    @property
    def recorded(self) -> list[Visit]:
        """The visits that leave rows, up to the one that fails for good."""
        visits = [
            visit
            for place, visit in enumerate(self.path())
            if visit.number or not place
        ]
        if self.fatal is None:
            return visits
        return visits[: [visit.key for visit in visits].index(self.fatal) + 1]

    @property
    def fatal(self) -> str | None:
        """The key of the visit that fails for good."""
        keys = [visit.key for visit in self.path() if visit.number]
        if self.fails is None or not keys:
            return None
        return keys[self.fails % len(keys)]

    @property
    def sagas(self) -> list[Visit]:
        """The visits that a rollback has to undo, in order of completion."""
        return [
            visit
            for visit in self.recorded
            if visit.node.kind == "saga" and visit.key != self.fatal
        ]


KINDS = ["task", "saga", "saga", "stepped", "split", "router"]

nodes = st.builds(
    Node,
    kind=st.sampled_from(KINDS),
    parts=st.integers(0, 2),
    failures=st.integers(0, 2),
    awaits=st.integers(0, 1),
    back=st.none() | st.integers(0, 3),
    turns=st.integers(1, 2),
    undo_failures=st.sampled_from([0, 0, 0, 1]),
)
programs = st.builds(
    Program,
    st.lists(nodes, min_size=1, max_size=5).map(tuple),
    st.none() | st.integers(0, 30),
).filter(lambda program: len(program.path()) <= 30)
