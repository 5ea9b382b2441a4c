"""Random workflows of every kind of state, crashed at random moments, against a model.

Loops, routers, splits, stepped and compensatable states, attempts that fail and visits
that fail for good. The engine is crashed from outside, through the seam that the plugin
uses: a BaseException at the n-th thing that happens in a life (an operation of the
store, an edge of a task or compensation, either side of an effect). Each life is a new
workflow object over what is on disk. What must come out is said by
`model_program.Program`.

For more examples:
    CANO_MODEL_EXAMPLES=20000 python -m pytest tests/cano_core/test_model_whole.py
"""

import asyncio
import contextlib
import os
from collections import Counter

import msgspec
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cano_core import (
    CheckpointRow,
    CompensationFailedError,
    OutcomeStatus,
    RolledBackError,
    RowKind,
    TaskFailedError,
)
from cano_core.extension import manager
from cano_core.replay import replay
from model_program import RUN, Program, programs
from model_world import Crash, Data, Life, World, expected_calls

EXAMPLES = int(os.environ.get("CANO_MODEL_EXAMPLES", "150"))
NEVER = 0
OTHER = [CheckpointRow(0, "S0", "task", RowKind.STATE_ENTRY, b"theirs", 9)]


def live(world: World, moment: int) -> str:
    """Start the program, and say what became of it."""
    world.life = Life(moment)
    manager.register(world.life)
    try:
        asyncio.run(
            world.workflow().start_or_resume("S0", workflow_id=RUN, data=Data())
        )
    except Crash:
        world.stopped_in.append(world.current())
        return "crashed"
    except TaskFailedError:
        world.stopped_in.append(world.current())
        return "failed"
    except RolledBackError:
        return "rolled back"
    except CompensationFailedError:
        return "not undone"
    finally:
        manager.unregister(world.life)
    return "done"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(programs, st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_no_crash_can_be_seen_from_outside(
    program: Program, moments: list[int]
) -> None:
    world = World(program)
    world.disk._logs["other"] = list(OTHER)
    lives = [live(world, moment) for moment in moments]
    crashes = lives.count("crashed")
    while (end := live(world, NEVER)) == "not undone":
        assert len(lives) < 30
        lives.append(end)
    event(f"{crashes} crashes")
    event(f"the end: {end}")

    check_end(world, end)
    check_visits(world)
    check_effects(world, crashes)
    check_log(world)
    assert world.disk._logs.get("other") == OTHER

    # What is over is over: started once more, it does nothing.
    if world.disk.outcomes:
        before = (list(world.ran), list(world.undone), len(world.disk.history))
        again = live(world, NEVER)
        assert again == ("done" if program.fatal is None else "rolled back")
        assert (world.ran, world.undone, len(world.disk.history)) == before


def check_end(world: World, end: str) -> None:
    """It ends as the model says, and the store knows how."""
    program = world.program
    if program.fatal is None:
        assert end == "done"
        [outcome] = world.disk.outcomes
        assert (outcome.status, outcome.state) == (OutcomeStatus.FINISHED, "Done")
        left = msgspec.msgpack.decode(outcome.payload or b"", type=Data).left
        assert left == [part for visit in world.path for part in visit.left]
    elif program.sagas:
        # The life that failed says so; if it was crashed, the next one knows.
        assert end in ("failed", "rolled back")
        [outcome] = world.disk.outcomes
        fatal = world.by_key[program.fatal]
        assert (outcome.status, outcome.state) == (
            OutcomeStatus.ROLLED_BACK,
            f"S{fatal.index}",
        )
    else:
        assert end == "failed"
        assert not world.disk.outcomes
        assert not world.disk.of_kind(RowKind.ROLLBACK)


def check_visits(world: World) -> None:
    """Every visit ran, in order; again only what a life had left unfinished."""
    expected = [
        part
        for visit in world.program.recorded
        if visit.node.kind not in ("split", "router")
        for part in (
            visit.parts[:1] if visit.key == world.program.fatal else visit.parts
        )
    ]
    again = Counter(world.stopped_in)
    assert list(dict.fromkeys(world.ran)) == expected
    assert world.ran == sorted(world.ran, key=expected.index)
    for key, count in Counter(world.ran).items():
        assert count <= 1 + again[key]
    for key, count in world.branches.items():
        assert count <= 1 + again[key.rpartition("/")[0]]


def check_effects(world: World, crashes: int) -> None:
    """Calls happened, once but for crashes; a failed run is undone, or not begun to."""
    program = world.program
    whole = [visit for visit in program.recorded if visit.key != program.fatal]
    calls = {key for key in world.calls if "/undo" not in key and "/c" in key}
    fatal = [visit for visit in program.recorded if visit.key == program.fatal]
    assert expected_calls(program, whole) <= calls
    assert calls <= expected_calls(program, whole + fatal)
    # One after the other, a crash can lose one call's row; side by side, one each.
    alone = [n for key, n in world.calls.items() if "/undo" in key or "/c" in key]
    assert sum(alone) <= len(alone) + crashes
    assert max(world.calls.values(), default=0) <= 1 + crashes
    if program.fatal is not None:
        order = [visit.key for visit in program.sagas]
        assert set(world.undone) == set(order)
        assert set(world.done) == set(order)
        assert len(world.undone) <= len(order) + crashes
    else:
        assert not world.undone
        assert set(world.done) == {
            visit.key for visit in world.path if visit.node.kind == "saga"
        }


def check_log(world: World) -> None:
    """The log kept its own rules in every one of its moments."""
    history = world.disk.history
    assert [row.sequence for row in history] == list(range(len(history)))
    assert {row.version for row in history} == {4}
    labels = [f"S{index}" for index in range(len(world.program.nodes))]
    for length in range(1, len(history) + 1):
        replay(RUN, history[:length], states=[*labels, "Done"], exits=["Done"])
    entered = [row.state for row in history if row.kind is RowKind.STATE_ENTRY]
    expected = [f"S{visit.index}" for visit in world.program.recorded]
    assert entered == expected + (["Done"] if world.program.fatal is None else [])
    completed = world.disk.of_kind(RowKind.COMPENSATION_COMPLETION)
    assert [row.state for row in completed] == [
        f"S{visit.index}" for visit in world.program.sagas
    ]
    if world.disk.outcomes:
        assert RUN not in world.disk._logs
    with contextlib.suppress(ValueError):
        rollback = [row.kind for row in history].index(RowKind.ROLLBACK)
        assert {row.kind for row in history[rollback + 1 :]} <= {
            RowKind.RESUME,
            RowKind.MEMO,
            RowKind.COMPENSATED,
        }
