"""Random workflows, crashed at random moments, against a model that is a page long.

The engine is crashed from outside, through the same seam that the plugin uses: a
wrapper around the store and the tasks, which raises a BaseException at the n-th thing
that happens in a life. Each life is a new workflow object over what is on disk.

For more examples:
    CANO_MODEL_EXAMPLES=5000 python -m pytest tests/cano_core/test_model.py
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cano_core import (
    CheckpointRow,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    Retry,
    RowKind,
    RunContext,
    TaskConfig,
    Workflow,
)
from cano_core.extension import hookimpl, manager
from cano_core.progress import Memo

EXAMPLES = int(os.environ.get("CANO_MODEL_EXAMPLES", "150"))


class Crash(BaseException):
    """The end of a life."""


# A program: its states, and how often each may still be entered.


@dataclass(frozen=True)
class Node:
    """One state: what its task does before it goes on."""

    calls: int
    failures: int
    awaits: int
    back: int | None
    turns: int


@dataclass(frozen=True)
class Program:
    nodes: tuple[Node, ...]

    def following(self, index: int, visit: int) -> int:
        """Go back as often as the node's turns allow, then forward."""
        node = self.nodes[index]
        if node.back is not None and visit <= node.turns:
            return min(node.back, index)
        return index + 1

    def visits(self) -> list[tuple[int, int]]:
        """The model: every visit of an undisturbed run, in order."""
        entered: Counter[int] = Counter()
        path, index = [], 0
        while index < len(self.nodes):
            entered[index] += 1
            path.append((index, entered[index]))
            index = self.following(index, entered[index])
        return path


nodes = st.builds(
    Node,
    calls=st.integers(0, 2),
    failures=st.integers(0, 2),
    awaits=st.integers(0, 1),
    back=st.none() | st.integers(0, 3),
    turns=st.integers(1, 2),
)
programs = st.builds(
    Program, st.lists(nodes, min_size=1, max_size=4).map(tuple)
).filter(lambda program: len(program.visits()) <= 30)


# The disk and the outside world, which every life shares.


class Disk(MemoryCheckpointStore):
    """Remembers every row that was ever durable, and minds the other runs."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[CheckpointRow] = []
        self.outcomes: list[Outcome] = []

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        assert workflow_id == "r"
        await super().append(workflow_id, *rows)
        self.history.extend(rows)

    async def finish(self, workflow_id: str, rows: Any, outcome: Outcome) -> None:
        assert workflow_id == "r"
        await super().finish(workflow_id, rows, outcome)
        self.history.extend(rows)
        self.outcomes.append(outcome)

    async def clear(self, workflow_id: str) -> None:
        raise AssertionError("with outcomes to remember nothing is cleared")


@dataclass
class Data:
    visits: list[str] = field(default_factory=list)


@dataclass
class World:
    program: Program
    disk: Disk = field(default_factory=Disk)
    ran: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    crashed_in: list[str | None] = field(default_factory=list)

    def workflow(self) -> Workflow:
        retry = Retry.fixed(2, 0)
        workflow = Workflow(checkpoint_store=self.disk, data=Data, version=4)
        for index, node in enumerate(self.program.nodes):
            workflow.register(
                f"S{index}", self.task(index, node), config=TaskConfig(retry=retry)
            )
        return workflow.add_exit_state("Done")

    def task(self, index: int, node: Node) -> Any:
        async def task(run: RunContext, data: Data) -> str:
            key = run.idempotency_key
            assert key == f"r/{run.label}/{run.visit}"
            if run.attempt == 1:
                self.ran.append(key)
            # What the attempt sees is what the states before it left.
            assert data.visits == self.path()[: self.path().index(key)]
            for number in range(node.calls):
                result = await run.once(f"call {number}", self.call, f"{key}/{number}")
                assert result == f"result of {key}/{number}"
            data.visits.append(key)
            for _ in range(node.awaits):
                await asyncio.sleep(0)
            self.tries[key] += 1
            if self.tries[key] <= node.failures:
                raise RuntimeError("this attempt")
            following = self.program.following(index, run.visit)
            last = following == len(self.program.nodes)
            return "Done" if last else f"S{following}"

        return task

    def call(self, key: str) -> str:
        self.calls[key] += 1
        return f"result of {key}"

    def path(self) -> list[str]:
        return [f"r/S{index}/{visit}" for index, visit in self.program.visits()]

    def current(self) -> str | None:
        """The visit that the log is in."""
        entries = Counter[str]()
        key = None
        for row in self.disk._logs.get("r", ()):
            if row.kind is RowKind.STATE_ENTRY:
                entries[row.state] += 1
                key = f"r/{row.state}/{entries[row.state]}"
        return key


class Life:
    """The plugin that ends a life at its n-th moment."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.passed = 0

    def pass_by(self) -> None:
        self.passed += 1
        if self.passed == self.moment:
            raise Crash

    @hookimpl
    def cano_wrap_run(self, workflow: Workflow, workflow_id: str | None) -> Any:
        return self

    def wrap_store(self, store: Any) -> Any:
        return Crashing(store, self)

    def wrap_task(self, state: str, task: object, call: Any) -> Any:
        async def wrapped(context: RunContext, *values: Any) -> Any:
            self.pass_by()
            result = await call(context, *values)
            self.pass_by()
            return result

        return wrapped


class Crashing:
    """Lets a life end before and after every operation of a store."""

    def __init__(self, store: Any, life: Life) -> None:
        self.store = store
        self.life = life

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.store, name)

        async def around(*arguments: Any) -> Any:
            self.life.pass_by()
            result = await operation(*arguments)
            self.life.pass_by()
            return result

        return around


@contextmanager
def registered(plugin: object) -> Iterator[None]:
    manager.register(plugin)
    try:
        yield
    finally:
        manager.unregister(plugin)


def live(world: World, moment: int) -> bool:
    """Start the program; say whether it came to its end."""
    with registered(Life(moment)):
        try:
            exit_state = asyncio.run(
                world.workflow().start_or_resume("S0", workflow_id="r", data=Data())
            )
        except Crash:
            world.crashed_in.append(world.current())
            return False
    assert exit_state == "Done"
    return True


NEVER = 0


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(programs, st.lists(st.integers(1, 25), min_size=1, max_size=4))
def test_no_crash_can_be_seen_from_outside(
    program: Program, moments: list[int]
) -> None:
    world = World(program)
    lives = sum(1 for moment in moments if not live(world, moment))
    assert live(world, NEVER)
    ran, rows = list(world.ran), len(world.disk.history)
    assert live(world, NEVER)
    event(f"{lives} crashes")

    # A finished run does nothing when its program is started once more.
    assert (world.ran, len(world.disk.history)) == (ran, rows)

    # Every visit ran, in order; again only the one that a crash left the log in.
    again = Counter(world.crashed_in)
    assert list(dict.fromkeys(ran)) == world.path()
    for key, count in Counter(ran).items():
        assert count <= 1 + again[key]
    assert ran == sorted(ran, key=world.path().index)

    # Every call was made, and again only where a crash kept its row from being written.
    expected = {
        f"r/S{index}/{visit}/{number}"
        for index, visit in program.visits()
        for number in range(program.nodes[index].calls)
    }
    assert set(world.calls) == expected
    assert sum(world.calls.values()) <= len(expected) + lives

    check_log(world, lives)


def check_log(world: World, lives: int) -> None:
    history = world.disk.history
    # Dense, of one version, and what it says is what happened.
    assert [row.sequence for row in history] == list(range(len(history)))
    assert {row.version for row in history} == {4}
    entries = [row for row in history if row.kind is RowKind.STATE_ENTRY]
    assert [row.state for row in entries] == [
        *(f"S{index}" for index, _ in world.program.visits()),
        "Done",
    ]
    path = world.path()
    for number, row in enumerate(entries):
        data = msgspec.msgpack.decode(row.payload or b"", type=Data)
        assert data.visits == path[:number]
    # Each call is recorded once.
    state, names = "", Counter[str]()
    for row in history:
        if row.kind is RowKind.STATE_ENTRY:
            state, names = row.state, Counter()
        assert row.state == state
        if row.kind is RowKind.MEMO:
            names[Memo.decode(row.payload).key] += 1
            assert max(names.values()) == 1
    resumes = [row for row in history if row.kind is RowKind.RESUME]
    assert len(resumes) <= lives
    assert len(history) == len(entries) + len(resumes) + sum(
        row.kind is RowKind.MEMO for row in history
    )
    # One end, with the data of all visits, and nothing else left behind.
    [outcome] = world.disk.outcomes
    assert (outcome.status, outcome.state) == (OutcomeStatus.FINISHED, "Done")
    assert msgspec.msgpack.decode(outcome.payload or b"", type=Data).visits == path
    assert world.disk._logs == {}
