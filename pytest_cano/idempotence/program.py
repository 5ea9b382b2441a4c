"""A workflow as a program that comes to one task, runs it, and goes no further."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from cano_core.cancellation import Cancellation
from cano_core.checkpoints.row import Outcome
from cano_core.context import RunContext
from cano_core.errors import (
    ConfigurationError,
    RolledBackError,
    RunCancelledError,
    RunConflictError,
)
from cano_core.states import State, label_of
from cano_core.workflow import Workflow

from ..notation import did_you_mean
from ..view import WorldView
from .passage import Guide, Kept, Passage, guided

Build: TypeAlias = Callable[[WorldView], Any]
"""Makes the workflow in a world; sync or async, called once per life."""


@final
@dataclass(frozen=True, slots=True)
class Wanted:
    """Which task is wanted, and how a run comes to it.

    Attributes:
        build: makes the workflow.
        state: whose task it is.
        start: where the run starts.
        data: what it starts with.
    """

    build: Build
    state: State
    start: State
    data: Any = None

    @property
    def label(self) -> str:
        """The state's label."""
        return label_of(self.state)


@final
class TaskProgram:
    """Called with a world, it runs the workflow there as far as the wanted task.

    What the task leads to is observed: the next state, and the data that it is
    entered with.

    Args:
        wanted: which task.
        passage: how far to go.
        undoing: stop the run after the task, so that it is undone.

    Attributes:
        wanted: which task.
        passage: how far to go.
        compensatable: whether the task has a compensation; known after a run.
        meanwhile: called once, in the next life, before the task (or before anything
            is undone), and forgotten.
    """

    def __init__(
        self, wanted: Wanted, passage: Passage, *, undoing: bool = False
    ) -> None:
        self.__name__ = wanted.label
        self.wanted = wanted
        self.passage = passage
        self.compensatable = False
        self.meanwhile: Callable[[], None] | None = None
        self._undoing = undoing
        self._paused = False

    async def __call__(self, world: WorldView) -> None:
        """Run it, in one life."""
        self._paused = False
        workflow = await self._built(world)
        start = _registered(workflow, self.wanted.start)
        kinds = workflow.graph.kinds
        self.compensatable = kinds[self.wanted.label] == "compensatable"
        cancellation = Cancellation()
        guide = Guide(
            self.passage,
            frozenset(label for label, kind in kinds.items() if kind == "router"),
            arrived=lambda label, context: _tell(world, label, _data_of(context)),
            meanwhile=self._pause,
            undoing=self._undoing,
            returned=lambda: cancellation.cancel(rollback=True),
        )
        with guided(workflow, guide):
            try:
                reached = await workflow.start_or_resume(
                    start,
                    workflow_id=world.workflow_id,
                    data=self.wanted.data,
                    cancel=cancellation if self._undoing else None,
                )
            except Kept:
                return
            except (RunCancelledError, RolledBackError):
                if self._undoing:
                    return
                raise
            except RunConflictError:
                if self._paused:
                    return  # another process has gone on with the run
                raise
        data = await _data_at_end(workflow, world.workflow_id, guide.outcome)
        _tell(world, label_of(reached), data)

    async def _built(self, world: WorldView) -> Workflow:
        built = self.wanted.build(world)
        if inspect.isawaitable(built):
            built = await built
        if not isinstance(built, Workflow):
            name = getattr(self.wanted.build, "__name__", "build")
            raise TypeError(f"{name}(world) has to return a Workflow, not {built!r}")
        _registered(built, self.wanted.state)
        return built

    def _pause(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
            self._paused = True


def _registered(workflow: Workflow, state: State) -> State:
    """Return the state as it is registered, if it has a task.

    Raises:
        ValueError: it has none.
    """
    label, graph = label_of(state), workflow.graph
    if label in graph.states:
        return workflow._states[label]
    if label in graph.exits:
        raise ValueError(f"{label!r} is an exit state: it has no task")
    raise ValueError(
        f"the workflow has no state {label!r} ({', '.join(graph.states)})"
        + did_you_mean(label, graph.states)
    )


def _tell(world: WorldView, label: str, data: tuple[Any, ...]) -> None:
    world.observe("the next state", label)
    for value in data:
        world.observe("the data there", value)


def _data_of(context: RunContext) -> tuple[Any, ...]:
    try:
        return (context.data,)
    except ConfigurationError:
        return ()  # it carries none


async def _data_at_end(
    workflow: Workflow, workflow_id: str, outcome: Outcome | None
) -> tuple[Any, ...]:
    try:
        if outcome is None:
            # It had ended before.
            outcome = await workflow.outcome(workflow_id)
        if outcome is None or outcome.payload is None:
            return ()
        return (workflow.data_of(outcome),)
    except ConfigurationError:
        return ()  # its store remembers none
