"""From what was registered to what a run needs, and every problem on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

from .binding import Binding, task_name
from .context import RunContext
from .errors import ConfigurationError
from .graph import Graph
from .handlers import ExitHandler, Handler, SingleHandler
from .policy import TaskConfig
from .states import State, label_of


@final
@dataclass(frozen=True, slots=True)
class Registration:
    """One state and the task that was registered for it."""

    state: State
    label: str
    task: object
    config: TaskConfig


@final
@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow that is whole: every run of it shares this.

    Attributes:
        table: the handler of every state, exits included.
        by_label: the same by label.
        graph: the same as labels.
    """

    table: Mapping[State, Handler]
    by_label: Mapping[str, Handler]
    graph: Graph

    def handler(self, start: object) -> Handler:
        """Return the handler of a start state.

        Raises:
            ConfigurationError: this is no state of the workflow.
        """
        if isinstance(start, State) and start in self.table:
            return self.table[start]
        known = ", ".join(self.by_label)
        raise ConfigurationError(
            f"start state {start!r} is no state of this workflow ({known})"
        )


def define(
    registrations: Sequence[Registration],
    exits: Sequence[State],
    *,
    resources: Mapping[str, object],
    data_type: object,
) -> Definition:
    """Put a definition together.

    Args:
        registrations: states with tasks.
        exits: exit states.
        resources: the mapping that tasks read the resources' values from.
        data_type: the declared type of the run's data, or None.

    Raises:
        ConfigurationError: lists every problem.
    """
    problems: list[str] = []
    if not registrations and not exits:
        problems.append("the workflow has no states: register a task for each")
    if not exits:
        problems.append("the workflow has no exit state: say add_exit_state(...)")
    labels = {label_of(state): state for state in exits}
    labels |= {each.label: each.state for each in registrations}
    names: dict[str, object] = {"RunContext": RunContext, "Literal": Literal}
    for state in labels.values():
        names[type(state).__name__] = type(state)
    if isinstance(data_type, type):
        names[data_type.__name__] = data_type

    table: dict[State, Handler] = {}
    transitions: dict[str, frozenset[str] | None] = {}
    for each in registrations:
        binding = Binding(
            each.task, resources=resources, data_type=data_type, names=names
        )
        problems += [f"state {each.label!r}: {text}" for text in binding.problems]
        allowed = (
            None if binding.transitions is None else frozenset(binding.transitions)
        )
        for state in binding.transitions or ():
            if labels.get(label_of(state)) != state:
                problems.append(
                    f"state {each.label!r}: task {task_name(each.task)!r} may return "
                    f"{state!r}, which is neither registered nor an exit state"
                )
        transitions[each.label] = (
            None if allowed is None else frozenset(map(label_of, allowed))
        )
        table[each.state] = SingleHandler.of(
            each.state,
            each.label,
            task_name(each.task),
            each.task,
            each.config,
            binding.call(),
            allowed,
        )
    for state in exits:
        table[state] = ExitHandler(state, label_of(state))
    if problems:
        raise ConfigurationError(*problems)
    graph = Graph(
        tuple(each.label for each in registrations),
        frozenset(map(label_of, exits)),
        transitions,
    )
    return Definition(
        table, {handler.label: handler for handler in table.values()}, graph
    )
