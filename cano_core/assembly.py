"""What a task is made of: the call that does it, and the configuration it is under.

A plain task is one call. A processing model (`PollTask` and its like) makes one call
out of several methods; to a run it looks the same, and so it does to whoever wraps
tasks from outside. Whatever can be a task can be a branch of a split.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, final

from .attempts import Attempts
from .binding import Binding, Scope, entry_point, task_name, whole
from .extension import TaskCall
from .graph import Kind
from .policy import TaskConfig
from .states import State


@final
@dataclass(frozen=True, slots=True)
class Assembly:
    """A task, put together.

    Attributes:
        call: does it once.
        config: what the call as a whole is under; a model may keep a part of the
            task's own configuration for the calls that it makes itself.
        bindings: its methods, as far as they are bound; the first one's return
            annotation declares what the task returns.
        transitions: the states that it declares to return, or None.
        problems: what is wrong with it, each a full sentence.
    """

    call: TaskCall
    config: TaskConfig
    bindings: tuple[Binding, ...]
    transitions: tuple[State, ...] | None
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        call: TaskCall,
        config: TaskConfig,
        *bindings: Binding,
        problems: tuple[str, ...] = (),
    ) -> Assembly:
        """Put a task together.

        Its transitions are those of all bindings that declare any.
        """
        declared = [each.transitions for each in bindings if each.declares]
        return cls(
            call,
            config,
            bindings,
            None
            if not declared or None in declared
            else tuple(state for states in declared for state in states or ()),
            [*problems, *(text for each in bindings for text in each.problems)],
        )

    @property
    def takes_join(self) -> bool:
        """Whether it has a parameter for a `SplitResult`."""
        return any(each.takes_join for each in self.bindings)

    def attempts(self, task: object) -> Attempts:
        """Return what makes its attempts."""
        return Attempts.of(task_name(task), self.config, self.call)


class Model(ABC):
    """A task whose call is made out of several methods."""

    _kind: ClassVar[Kind] = "task"

    @abstractmethod
    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        """Put it together for a workflow."""


def assembled(task: object, scope: Scope, config: TaskConfig) -> Assembly:
    """Put any task together for a workflow.

    Raises:
        ConfigurationError: it is no task.
    """
    if isinstance(task, Model):
        return task._assemble(scope, config)
    binding = scope.bind(entry_point(task), task_name(task), state_in=whole)
    return Assembly.of(binding.call(), config, binding)
