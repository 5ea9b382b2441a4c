"""The entrance: fail unless a state's task is idempotent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cano_core.checkpoints.store import CheckpointStore
from cano_core.states import State
from cano_core.workflow import Workflow

from ..injection import listening
from ..places import opener, outside_of_loops, worlds
from .levels import LEVELS
from .program import Build, Wanted
from .repeating import Repeating, Repetitions

if TYPE_CHECKING:
    from ..spy import KeyFunction


def assert_idempotent(
    build: Build,
    state: State,
    level: int = 2,
    *,
    start: State | None = None,
    data: Any = None,
    directory: Path | str | None = None,
    workflow_id: str = "cano-idempotent",
    store: str | Callable[[Path], CheckpointStore] = "sqlite",
    ignore_effects: tuple[str, ...] = (),
    ignore_observations: tuple[str, ...] = (),
    effect_key: KeyFunction | None = None,
    called: str = "assert_idempotent",
) -> Repetitions:
    """Fail if anybody outside can tell that a state's task ran more than once.

    The task is run as the engine runs it: in a run that begins in its state, or comes
    to it from ``start``, and that goes no further than the next state's row. Each
    time the workflow is built anew, in a world of its own. A compensatable state's
    compensation is repeated likewise.

    Args:
        build: makes the workflow, given a `WorldView`: with ``world.store`` as its
            checkpoint store, and effects that ``world.ledger`` is told of. Sync or
            async.
        state: whose task it is.
        level: 1, run twice; 2, stopped after any of its effects, and run again, which
            is what a resume does; 3, stopped several times; 4, run once more by a
            process that stood still until the next state's task had run. Each level
            includes those below it.
        start: where the run begins; in ``state`` itself unless given.
        data: what the run begins with, if the workflow carries data.
        directory: where disks are made, and those of failures left; a temporary
            directory, which is removed, unless given.
        workflow_id: what ``world.workflow_id`` is.
        store: what ``world.store`` is: ``sqlite``, ``memory``, or a function that
            opens a store in a directory.
        ignore_effects: names of effects (fnmatch patterns) that are not judged.
        ignore_observations: names of observations (fnmatch patterns) that are not
            compared.
        effect_key: given name, positional and keyword arguments of a spied call that
            has no key by itself, it returns the key, or None.
        called: what reports call this function.

    Returns:
        What was tried, and what was left out; print it to see.

    Raises:
        AssertionError: it is not idempotent; the message tells the story.
        ValueError: there is no such level, or no such state with a task, or the run
            never came to it.
        TypeError: ``build`` makes no workflow.
        Exception: whatever the workflow raises undisturbed.
    """
    __tracebackhide__ = True
    _check(build, level)
    first = state if start is None else start
    again = _call(called, build, state, level, start)
    open_store = opener(store)

    def repeat() -> Repetitions:
        with listening(), worlds(directory, workflow_id) as new_world:
            return Repeating(
                Wanted(build, state, first, data),
                level,
                new_world=new_world,
                open_store=open_store,
                ignore_effects=ignore_effects,
                ignore_observations=ignore_observations,
                effect_key=effect_key,
                again=again,
            ).run()

    repetitions = outside_of_loops(repeat)
    if not repetitions.passed:
        raise AssertionError(str(repetitions))
    return repetitions


def _check(build: object, level: object) -> None:
    if isinstance(build, Workflow):
        raise TypeError(
            "assert_idempotent takes a function that builds the workflow, not the "
            "workflow: each repetition needs one in a fresh world, with nothing in "
            "memory: assert_idempotent(lambda world: Workflow(checkpoint_store="
            "world.store, ...), ...)"
        )
    if not callable(build):
        raise TypeError(f"{build!r} is no function that builds a workflow in a world")
    # 2.0 is equal to one of them, but nothing can be cut off after 2.0 levels.
    if not isinstance(level, int) or level not in [each.number for each in LEVELS]:
        known = ", ".join(f"{each.number} ({each.name})" for each in LEVELS)
        raise ValueError(f"there is no level {level!r}: {known}")


def _call(
    called: str, build: Build, state: State, level: int, start: State | None
) -> str:
    name = getattr(build, "__name__", type(build).__name__)
    begins = "" if start is None else f", start={_named(start)}"
    return f"{called}({name}, {_named(state)}, level={level}{begins})"


def _named(state: State) -> str:
    return repr(state) if isinstance(state, str) else str(state)
