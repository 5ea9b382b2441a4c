"""What was said about one state, and how it becomes the state's handler."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, final

from .assembly import Assembly, Model, assembled
from .attempts import Attempts
from .binding import Binding, Scope, entry_point, task_name, whole
from .codec import Codec, OrNone, codec_for
from .errors import ConfigurationError
from .graph import Kind
from .handlers import Handler, RouterHandler, Station, TaskHandler
from .policy import TaskConfig
from .results import UNTYPED
from .saga import CompensatableHandler
from .signature import UNKNOWN
from .states import State
from .tasks.stepped import returns_steps


@final
@dataclass(frozen=True, slots=True)
class Built:
    """A state's handler, and what is to be known of it.

    Attributes:
        handler: does what the state does.
        transitions: the states that it declares to lead to, or None.
        problems: what is wrong, each a full sentence.
        kind: what the state is.
        tasks: names of its tasks, if it has not exactly one.
    """

    handler: Handler
    transitions: tuple[State, ...] | None
    problems: list[str]
    kind: Kind = "task"
    tasks: tuple[str, ...] = ()


class Registration(Protocol):
    """One state and what was registered for it."""

    @property
    def state(self) -> State:
        """The state, as registered."""

    @property
    def label(self) -> str:
        """Its label."""

    def build(self, scope: Scope) -> Built:
        """Make its handler."""


@final
@dataclass(frozen=True, slots=True)
class TaskState:
    """A state with a task.

    Attributes:
        model: what makes its calls, if that is not the task itself.
    """

    state: State
    label: str
    task: object
    config: TaskConfig
    model: Model | None = None

    def build(self, scope: Scope) -> Built:
        """Make its handler."""
        maker = self.model or self.task
        assembly = assembled(maker, scope, self.config)
        problems = assembly.problems
        if not isinstance(maker, Model) and returns_steps(assembly.bindings[0].returns):
            hint = (
                f"task {task_name(self.task)!r} returns More or Done, as a step does; "
                "register it with register_stepped()"
            )
            problems = [hint, *problems]
        return Built(
            TaskHandler(_station(self, assembly)),
            assembly.transitions,
            problems,
            maker._kind if isinstance(maker, Model) else "task",
        )


@final
@dataclass(frozen=True, slots=True)
class RouterState:
    """A state that only chooses the next one."""

    state: State
    label: str
    task: object
    route: Callable[..., Any]
    config: TaskConfig

    def build(self, scope: Scope) -> Built:
        """Make its handler."""
        binding = scope.bind(self.route, task_name(self.task), state_in=whole)
        assembly = Assembly.of(binding.call(), self.config, binding)
        handler = RouterHandler(_station(self, assembly))
        return Built(handler, assembly.transitions, assembly.problems, "router")


@final
@dataclass(frozen=True, slots=True)
class CompensatableState:
    """A state whose work can be undone."""

    state: State
    label: str
    task: object
    compensate: Callable[..., Any]
    config: TaskConfig

    def build(self, scope: Scope) -> Built:
        """Make its handler."""
        name = task_name(self.task)
        forward = scope.bind(entry_point(self.task), name, state_in=_first_of_two)
        backward = scope.bind(self.compensate, f"{name} (compensation)", handed=1)
        problems: list[str] = []
        codec: Codec[Any] = UNTYPED
        try:
            codec = _output_codec(forward, backward)
        except ConfigurationError as error:
            problems.append(f"task {name!r}: its output: {error}")
        if backward.takes_join:
            problems.append(
                f"task '{name} (compensation)' takes a SplitResult, which only the "
                "task of the state after a split gets; put what undoing needs into "
                "the output"
            )
        assembly = Assembly.of(forward.call(), self.config, forward, backward)
        handler = CompensatableHandler(
            _station(self, assembly),
            Attempts.of(name, self.config, backward.call()),
            codec,
        )
        return Built(
            handler,
            assembly.transitions,
            assembly.problems + problems,
            "compensatable",
            (name, task_name(self.compensate)),
        )


def compensation_of(
    task: object, compensate: Callable[..., Any] | None
) -> Callable[..., Any]:
    """Return what undoes a task: as given, or its own ``compensate`` method.

    Raises:
        ConfigurationError: there is none, or the task is a processing model.
    """
    if isinstance(task, Model):
        raise ConfigurationError(
            f"task {task_name(task)!r} is a {type(task).__mro__[1].__name__}, which "
            "can't be compensated; let a state of its own do what has to be undone"
        )
    found = getattr(task, "compensate", None) if compensate is None else compensate
    if not callable(found):
        raise ConfigurationError(
            f"task {task_name(task)!r} can't be undone: give compensate=, or an object "
            "with a method 'compensate'"
        )
    return typing.cast(Callable[..., Any], found)


def _station(
    registration: TaskState | RouterState | CompensatableState, assembly: Assembly
) -> Station:
    transitions = assembly.transitions
    return Station(
        registration.state,
        registration.label,
        registration.task,
        assembly.attempts(registration.task),
        None if transitions is None else frozenset(transitions),
        assembly.takes_join,
    )


def _first_of_two(annotation: object) -> object:
    if typing.get_origin(annotation) is tuple:
        parts = typing.get_args(annotation)
        if len(parts) == 2:
            return parts[0]
    return UNKNOWN


def _output_codec(forward: Binding, backward: Binding) -> Codec[Any]:
    taken = backward.handed[0] if backward.handed else UNKNOWN
    if taken in _SAYS_NOTHING and typing.get_origin(forward.returns) is tuple:
        taken = typing.get_args(forward.returns)[-1]
    if taken in _SAYS_NOTHING:
        return UNTYPED
    return OrNone(codec_for(taken)) if any(backward.may_be_none) else codec_for(taken)


_SAYS_NOTHING = (UNKNOWN, Any, object)
