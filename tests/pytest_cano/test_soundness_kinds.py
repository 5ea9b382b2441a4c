"""No false alarms and no false greens, for every kind of state and for rollbacks.

As in `test_soundness` the model knows nothing of stores or lives; it says what is
durable at each moment, from the promise of the engine alone.
"""

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cano_core import (
    Done,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    More,
    RunContext,
    Workflow,
)
from programs import ONCE
from pytest_cano.explorer import Explorer
from pytest_cano.functions import FunctionProgram
from pytest_cano.schedule import Schedule
from pytest_cano.view import WorldView
from pytest_cano.world import World
from saga_programs import UNDONE

TASK, ROUTER, SPLIT, STEPPED, UNDOABLE, REFUSAL = (
    *("task", "router", "split", "stepped", "undoable", "refusal"),
)


@dataclass(frozen=True)
class State:
    """One state of a line of states.

    Attributes:
        kind: what it is; a refusal is a task that fails.
        keys: whether each of its effects has a key: of the task, of its steps or
            branches; of an undoable one the last is that of the compensation.
    """

    kind: str
    keys: tuple[bool, ...]


def state(kind: str, least: int, most: int) -> st.SearchStrategy[State]:
    keys = st.lists(st.booleans(), min_size=least, max_size=most).map(tuple)
    return st.builds(State, st.just(kind), keys)


BRANCH = st.just(State(SPLIT, (True,))) | st.just(State(SPLIT, (False,)))
"""Of several branches it is not promised which rows become durable together."""
SHAPES = st.tuples(
    st.lists(
        state(TASK, 0, 2)
        | st.sampled_from([State(ROUTER, ()), State(ROUTER, (False,))])
        | BRANCH
        | state(STEPPED, 1, 3)
        | state(UNDOABLE, 2, 2),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([(), (State(REFUSAL, ()),), (State(REFUSAL, (True,)),)]),
).map(
    lambda parts: (
        # Without anything to undo, a run that fails does not end.
        *parts[0],
        *(parts[1] if any(each.kind == UNDOABLE for each in parts[0]) else ()),
    )
)


# The program


def program(shape: tuple[State, ...]) -> Callable[[WorldView], Any]:
    async def run(world: WorldView) -> str:
        workflow = Workflow(checkpoint_store=world.store).add_exit_state("Done")
        for number, each in enumerate(shape):
            following = f"S{number + 1}" if number + 1 < len(shape) else "Done"
            register(workflow, world, number, each, following)
        try:
            reached = await workflow.start_or_resume(
                "S0", workflow_id=world.workflow_id
            )
        except UNDONE:
            return "undone"
        return str(reached)

    return run


def register(
    workflow: Workflow, world: WorldView, number: int, each: State, following: str
) -> None:
    label, keys = f"S{number}", each.keys

    def act(index: int, run: RunContext | None = None) -> None:
        key = run.idempotency_key + str(index) if run and keys[index] else None
        world.ledger.effect("act", number, index, key=key)

    async def work(run: RunContext) -> str:
        for index in range(len(keys)):
            act(index, run)
        if each.kind == REFUSAL:
            raise ConnectionError("no")
        return following

    async def route() -> str:
        for index in range(len(keys)):
            act(index)
        return following

    async def step(cursor: int | None, run: RunContext) -> More[int] | Done[str]:
        act(cursor or 0, run)
        left = (cursor or 0) + 1 < len(keys)
        return More((cursor or 0) + 1) if left else Done(following)

    async def do(run: RunContext) -> tuple[str, int]:
        act(0, run)
        return following, 1

    async def undo(index: int, run: RunContext) -> None:
        act(index, run)

    def branch(index: int) -> Any:
        async def call(run: RunContext) -> None:
            act(index, run)

        return call

    if each.kind == ROUTER:
        workflow.register_router(label, route, config=ONCE)
    elif each.kind == STEPPED:
        workflow.register_stepped(label, step, config=ONCE)
    elif each.kind == UNDOABLE:
        workflow.register_with_compensation(label, do, compensate=undo, config=ONCE)
    elif each.kind == SPLIT:
        branches = [branch(index) for index in range(len(keys))]
        join = JoinConfig(JoinStrategy.ALL, following)
        workflow.register_split(label, branches, join, config=ONCE)
    else:
        workflow.register(label, work, config=ONCE)


# The model


@dataclass
class Model:
    """What a program does when it is killed at these points, life after life.

    Attributes:
        at: the state of the last row; -1 before the first.
        over: whether that is the row that concludes it.
        cursor: steps, or branches, of it that are rows.
        undoing: what is to be undone, once that has begun.
        ended: whether the outcome is there.
    """

    shape: tuple[State, ...]
    at: int = -1
    over: bool = False
    cursor: int = 0
    undoing: list[int] | None = None
    ended: bool = False
    acts: Counter[tuple[int, int]] = field(default_factory=Counter)
    keys: set[tuple[int, int]] = field(default_factory=set)
    met: list[list[str]] = field(default_factory=list)

    def live(self) -> Iterator[str]:
        """One life: every point that it meets."""
        counts: Counter[tuple[int, str]] = Counter()
        last = len(self.shape) - 1
        if self.ended:
            return
        if self.undoing is None:
            yield f"S{max(self.at, 0)}@enter"
            first = self.at + 1 if self.over or self.at < 0 else self.at
            for number in range(first, last + 1):
                yield from self.visit(number, counts)
            if not self.shape or self.shape[last].kind != REFUSAL:
                self.ended = True
                yield "Done@cleared"
                return
            self.undoing = [
                number
                for number, each in enumerate(self.shape)
                if each.kind == UNDOABLE
            ]
        else:
            yield f"S{last}@enter"
        while self.undoing:
            number = self.undoing[-1]
            yield f"S{number}@undo"
            yield self.act(number, 1, counts)
            yield f"S{number}@undone"
            self.undoing.pop()
        self.ended = True
        yield f"S{last}@cleared"

    def visit(self, number: int, counts: Counter[tuple[int, str]]) -> Iterator[str]:
        each = self.shape[number]
        if self.at != number:
            if each.kind != ROUTER or number == 0:
                self.at, self.over, self.cursor = number, False, 0
            elif self.shape[number - 1].kind == UNDOABLE:
                self.over = True
        if each.kind != ROUTER or number == 0:
            yield f"S{number}@start"
        rows = {STEPPED: "cursor", SPLIT: "branch"}.get(each.kind)
        forward = 1 if each.kind == UNDOABLE else len(each.keys)
        for index in range(self.cursor if self.at == number else 0, forward):
            yield self.act(number, index, counts)
            if rows and (each.kind == SPLIT or index + 1 < forward):
                self.cursor += 1
                counts[number, rows] += 1
                yield f"S{number}@{rows}:{counts[number, rows]}"
        if each.kind != REFUSAL:
            yield f"S{number}@end"

    def act(self, number: int, index: int, counts: Counter[tuple[int, str]]) -> str:
        if self.shape[number].keys[index]:
            self.keys.add((number, index))
        else:
            self.acts[number, index] += 1
        counts[number, "effect"] += 1
        return f"S{number}@effect:{counts[number, 'effect']}"

    def through(self, *crashes: str) -> bool:
        """Live through crashes and to the end; False if one was never reached."""
        for crash in (*crashes, None):
            self.met.append([])
            for point in self.live():
                self.met[-1].append(point)
                if point == crash:
                    break
            else:
                if crash is not None:
                    return False
        return True

    def verdict(self, *crashes: str) -> str:
        usual = Model(self.shape)
        usual.through()
        if not self.through(*crashes):
            return "NOT_FIRED"
        return "PASS" if self.acts == usual.acts else "DUPLICATED"


# The comparison


@pytest.fixture(scope="module")
def explorer_of() -> Iterator[Callable[[tuple[State, ...]], Explorer]]:
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as directory:

        def new_world() -> World:
            disk = Path(directory, str(next(numbers)))
            disk.mkdir()
            return World(disk)

        def make(shape: tuple[State, ...]) -> Explorer:
            store = lambda world: world.keep("store", MemoryCheckpointStore)  # noqa: E731
            explorer = Explorer(
                FunctionProgram(program(shape), store),
                new_world=new_world,
                selectors=(),
            )
            baseline = explorer.record()
            assert explorer.confirm(baseline) is None
            return explorer

        yield make


@settings(
    max_examples=int(os.environ.get("CANO_MODEL_EXAMPLES", "30")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(SHAPES)
def test_every_point_is_met_and_judged_as_the_model_says(explorer_of, shape):
    explorer = explorer_of(shape)
    model = Model(shape)
    model.through()

    points = [str(point) for point in explorer.record().points]
    assert points == model.met[0]
    verdicts = {
        point: explorer.run(Schedule.parse(point)).verdict.value for point in points
    }
    assert verdicts == {point: Model(shape).verdict(point) for point in points}


@settings(
    max_examples=int(os.environ.get("CANO_MODEL_EXAMPLES", "50")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(SHAPES, st.data())
def test_nested_crashes_are_judged_as_the_model_says(explorer_of, shape, data):
    explorer = explorer_of(shape)
    crashes: list[str] = []
    for _ in range(data.draw(st.integers(2, 4))):
        model = Model(shape)
        if not model.through(*crashes) or not model.met[-1]:
            break
        crashes.append(data.draw(st.sampled_from(model.met[-1])))
    if data.draw(st.booleans()):
        crashes.append("S0@start#9")

    verdict = explorer.run(Schedule.parse(" > ".join(crashes))).verdict.value
    assert verdict == Model(shape).verdict(*crashes)
