"""No false alarms and no false greens: random programs against a model of their own.

The model knows nothing of stores, tasks or lives: it counts what a program that is
killed and resumed does, from the promise of the engine alone.
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

from cano_core import MemoryCheckpointStore, RunContext, Workflow
from programs import THRICE
from pytest_cano.explorer import Explorer
from pytest_cano.functions import FunctionProgram
from pytest_cano.schedule import Schedule
from pytest_cano.view import WorldView
from pytest_cano.world import World

BARE, KEYED, BARE_ONCE, KEYED_ONCE, FAIL = (
    "bare",
    "keyed",
    "bare once",
    "keyed once",
    "fail",
)
"""What a task does: an effect without or with a key, the same as a memo, or a failure
in its first attempt."""


@dataclass(frozen=True)
class Shape:
    """A program: for each state what its task does, and how often it is visited."""

    states: tuple[tuple[tuple[str, ...], int], ...]

    @property
    def path(self) -> list[tuple[int, int]]:
        """Every visit: the state and the how-many-th."""
        return [
            (state, visit)
            for state, (_, visits) in enumerate(self.states)
            for visit in range(1, visits + 1)
        ]


SHAPES = st.builds(
    Shape,
    st.lists(
        st.tuples(
            st.lists(
                st.sampled_from([BARE, KEYED, BARE_ONCE, KEYED_ONCE, FAIL]), max_size=3
            ).map(tuple),
            st.integers(1, 2),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


# The program


def program(shape: Shape) -> Callable[[WorldView], Any]:
    def task(world: WorldView, state: int) -> Any:
        operations, visits = shape.states[state]

        async def work(run: RunContext) -> str:
            def act(number: int, key: str | None) -> None:
                world.ledger.effect("act", state, number, key=key)

            for number, operation in enumerate(operations):
                key = run.idempotency_key if operation.startswith(KEYED) else None
                if operation == FAIL:
                    if run.attempt == 1:
                        raise ConnectionError("the first attempt fails")
                elif operation.endswith("once"):
                    await run.once(str(number), act, number, key)
                else:
                    act(number, key)
            if run.visit < visits:
                return f"S{state}"
            return f"S{state + 1}" if state + 1 < len(shape.states) else "Done"

        return work

    async def run(world: WorldView) -> str:
        workflow = Workflow(checkpoint_store=world.store).add_exit_state("Done")
        for state in range(len(shape.states)):
            workflow.register(f"S{state}", task(world, state), config=THRICE)
        reached = await workflow.start_or_resume("S0", workflow_id=world.workflow_id)
        return str(reached)

    return run


# The model


@dataclass
class Model:
    """What a program does when it is killed at these points, life after life."""

    shape: Shape
    bare: Counter[tuple[int, int]] = field(default_factory=Counter)
    keys: set[tuple[int, int, int]] = field(default_factory=set)
    met: list[list[str]] = field(default_factory=list)

    def live(
        self, at: int, memos: set[int], *, fresh: bool
    ) -> Iterator[tuple[str, int]]:
        """One life from a visit on: each point, and the visit that is current there."""
        if at == len(self.shape.path):
            return
        for position in range(at, len(self.shape.path)):
            state, visit = self.shape.path[position]
            suffix = "" if visit == 1 else f"#{visit}"
            if position == at:
                yield f"S{state}@enter{suffix}", -1 if fresh else position
            for step in self.visit(position, memos):
                yield f"S{state}@{step}{suffix}", position
            memos.clear()
        yield "Done@cleared", len(self.shape.path)

    def visit(self, position: int, memos: set[int]) -> Iterator[str]:
        state, visit = self.shape.path[position]
        effects = memo_rows = 0
        yield "start"
        for attempt in (1, 2):
            for number, operation in enumerate(self.shape.states[state][0]):
                if operation == FAIL:
                    if attempt == 1:
                        break
                    continue
                if number in memos:
                    continue
                if operation.startswith(KEYED):
                    self.keys.add((state, number, visit))
                else:
                    self.bare[state, number] += 1
                effects += 1
                yield f"effect:{effects}"
                if operation.endswith("once"):
                    memos.add(number)
                    memo_rows += 1
                    yield f"memo:{memo_rows}"
            else:
                yield "end"
                return

    def through(self, *crashes: str) -> bool:
        """Live through crashes and to the end; False if one was never reached."""
        position, fresh = 0, True
        memos: set[int] = set()
        for crash in (*crashes, None):
            self.met.append([])
            for point, current in self.live(position, memos, fresh=fresh):
                self.met[-1].append(point)
                if point == crash:
                    position, fresh = max(current, 0), current < 0
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
        return "PASS" if self.bare == usual.bare else "DUPLICATED"


# The comparison


@pytest.fixture(scope="module")
def explorer_of() -> Iterator[Callable[[Shape], Explorer]]:
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as directory:

        def new_world() -> World:
            disk = Path(directory, str(next(numbers)))
            disk.mkdir()
            return World(disk)

        def make(shape: Shape) -> Explorer:
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
    max_examples=int(os.environ.get("CANO_MODEL_EXAMPLES", "25")),
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
    max_examples=int(os.environ.get("CANO_MODEL_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(SHAPES, st.data())
def test_nested_crashes_are_judged_as_the_model_says(explorer_of, shape, data):
    explorer = explorer_of(shape)
    crashes: list[str] = []
    for _ in range(data.draw(st.integers(2, 3))):
        model = Model(shape)
        if not model.through(*crashes) or not model.met[-1]:
            break
        crashes.append(data.draw(st.sampled_from(model.met[-1])))
    if data.draw(st.booleans()):
        crashes.append("S0@start#9")

    verdict = explorer.run(Schedule.parse(" > ".join(crashes))).verdict.value
    assert verdict == Model(shape).verdict(*crashes)
