"""From what was registered to what a run needs, and every problem on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

from .binding import Scope
from .context import RunContext
from .errors import ConfigurationError
from .graph import Graph, Kind
from .handlers import ExitHandler, Handler
from .join import SplitResult
from .registrations import Registration
from .states import State, label_of


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
    names: dict[str, object] = {
        "RunContext": RunContext,
        "SplitResult": SplitResult,
        "Literal": Literal,
    }
    for state in labels.values():
        names[type(state).__name__] = type(state)
    if isinstance(data_type, type):
        names[data_type.__name__] = data_type
    scope = Scope(resources, data_type, names)

    table: dict[State, Handler] = {}
    transitions: dict[str, frozenset[str] | None] = {}
    kinds: dict[str, Kind] = {}
    tasks: dict[str, tuple[str, ...]] = {}
    for each in registrations:
        built = each.build(scope)
        problems += [f"state {each.label!r}: {text}" for text in built.problems]
        for state in built.transitions or ():
            if labels.get(label_of(state)) != state:
                name = built.handler.name
                leads = f"task {name!r} may return" if name else "its join leads to"
                problems.append(
                    f"state {each.label!r}: {leads} {state!r}, which is neither "
                    "registered nor an exit state"
                )
        transitions[each.label] = (
            None
            if built.transitions is None
            else frozenset(map(label_of, built.transitions))
        )
        kinds[each.label] = built.kind
        tasks[each.label] = built.tasks or (built.handler.name,)
        table[each.state] = built.handler
    for state in exits:
        table[state] = ExitHandler(state, label_of(state))
    if problems:
        raise ConfigurationError(*problems)
    graph = Graph(
        tuple(each.label for each in registrations),
        frozenset(map(label_of, exits)),
        transitions,
        kinds,
        tasks,
    )
    return Definition(
        table, {handler.label: handler for handler in table.values()}, graph
    )
