"""A workflow's definition as labels: what leads where, as far as it is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

Kind: TypeAlias = Literal[
    "task", "router", "split", "compensatable", "stepped", "stream"
]
"""What a state is registered as."""


@final
@dataclass(frozen=True, slots=True)
class Graph:
    """The states of a workflow and their declared transitions.

    Attributes:
        states: labels of the states that have a task, in order of registration.
        exits: labels of the exit states.
        transitions: for each of ``states`` the labels that its task declares to
            return, or None where it declares nothing (any state may follow).
        kinds: what each of ``states`` is.
        tasks: names of the tasks of each of ``states``: of a split its branches, of
            a compensatable state its task and what undoes it.
    """

    states: tuple[str, ...]
    exits: frozenset[str]
    transitions: Mapping[str, frozenset[str] | None]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    tasks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def unreachable_from(self, start: str) -> tuple[str, ...]:
        """Return the states and exits that no declared way leads to from ``start``.

        Empty as soon as a reachable task declares nothing: it may go anywhere.
        """
        seen = {start}
        waiting = [start]
        while waiting:
            label = waiting.pop()
            following = self.transitions.get(label, frozenset())
            if following is None:
                return ()
            waiting.extend(following - seen)
            seen |= following
        every = (*self.states, *sorted(self.exits))
        return tuple(label for label in every if label not in seen)
