"""Which resource, context or data each parameter of a task gets.

A parameter is filled by its annotation (`RunContext`, the workflow's data type) or
else by its name from the resources. What nothing fills keeps its default; without one
it is a problem that `Workflow.validate` reports.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

from .context import RunContext
from .errors import ConfigurationError
from .extension import TaskCall
from .join import SplitResult
from .signature import UNKNOWN, Signature
from .states import State, label_of
from .threads import in_thread, is_async


def entry_point(task: object, method: str = "run") -> Callable[..., Any]:
    """Return the callable behind a task: the task, or its method.

    Args:
        task: as registered.
        method: the method that an object has to have.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(task, type):
        raise ConfigurationError(
            f"{task!r} is a class, no task; register an instance: {task.__name__}()"
        )
    candidate = getattr(task, method, None)
    if candidate is None or inspect.isroutine(task):
        candidate = task
    if not callable(candidate):
        raise ConfigurationError(
            f"{task!r} is no task: give a function, or an object with a method "
            f"{method!r}"
        )
    return typing.cast(Callable[..., Any], candidate)


def task_name(task: object) -> str:
    """Return the name that rows, observers and messages use for a task."""
    name = getattr(task, "name", None)
    if isinstance(name, str) and name:
        return name
    while isinstance(task, functools.partial):
        task = task.func
    return str(getattr(task, "__name__", type(task).__name__))


Source: TypeAlias = Callable[[RunContext], object]
"""Where the value of one parameter comes from, at each attempt."""


@final
@dataclass(frozen=True, slots=True)
class Scope:
    """What a workflow's tasks can be given.

    Attributes:
        resources: the resources' values by name; read at each attempt.
        data_type: the workflow's data type, or None.
        names: what annotations may name although the task's module does not.
        states: whether tasks return states; False for the branches of a split, which
            return values.
    """

    resources: Mapping[str, object]
    data_type: object
    names: Mapping[str, object]
    states: bool = True

    def bind(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        handed: int = 0,
        state_in: Callable[[object], object] | None = None,
        awaited: bool = True,
    ) -> Binding:
        """Say how a callable is called.

        Args:
            function: a task, or a method of one.
            name: the task's name, for messages.
            handed: how many values the engine hands it in front.
            state_in: of its return annotation, the part that names states; None if
                it returns no state.
            awaited: whether its call is awaited (in a thread, if it is sync); False
                for what returns an iterator.
        """
        return Binding(function, name, self, handed, state_in, awaited)


def whole(annotation: object) -> object:
    """Return the part of a return annotation that names states: all of it."""
    return annotation


@final
class Binding:
    """How one callable is called: which value goes to which parameter.

    Attributes:
        problems: what is wrong, each a full sentence; empty for a good binding.
        declares: whether what it returns is, or may hold, the next state.
        transitions: the states that the return annotation declares, or None.
        returns: the evaluated return annotation, or `UNKNOWN`.
        handed: the evaluated annotations of the parameters that are handed in front;
            of an optional one, what it is.
        may_be_none: which of these are optional.
        takes_join: whether it has a parameter for a `SplitResult`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        scope: Scope,
        handed: int,
        state_in: Callable[[object], object] | None,
        awaited: bool,
    ) -> None:
        self._function = (
            function if not awaited or is_async(function) else in_thread(function)
        )
        self._name = name
        self._resources = scope.resources
        self._data_type = scope.data_type
        self.takes_join = False
        self.problems: list[str] = []
        signature = Signature(function, scope.names)
        self.returns = signature.returns
        first = signature.positional[:handed]
        self.handed = tuple(map(signature.annotation, first))
        self.may_be_none = tuple(
            signature.whole_annotation(each) != annotation
            for each, annotation in zip(first, self.handed, strict=True)
        )
        if len(first) < handed and not signature.takes_any:
            self.problems.append(
                f"task {name!r}: {_named(function)} is handed {handed} value(s) in "
                f"front, it takes {len(first)} by position"
            )
        self._positional: list[Source] = []
        self._named: list[tuple[str, Source]] = []
        for parameter in signature.parameters:
            if parameter in first:
                continue
            source = self._source(parameter, signature.annotation(parameter))
            if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                if source is not None:
                    self._named.append((parameter.name, source))
            else:
                # Left out, it would take the value of the next one.
                self._positional.append(source or _constant(parameter.default))
            if source is None and parameter.default is inspect.Parameter.empty:
                self._report(parameter)
        self.declares = state_in is not None
        self.transitions = (
            self._declared(signature, state_in)
            if state_in is not None and scope.states
            else None
        )

    def call(self) -> TaskCall:
        """Return what makes one attempt of the task."""
        function = self._function
        positional = tuple(self._positional)
        named = tuple(self._named)
        if not positional and not named:

            def call_bare(context: RunContext, *values: Any) -> Awaitable[Any]:
                return function(*values)

            return call_bare

        def call_named(context: RunContext, *values: Any) -> Awaitable[Any]:
            # A loop, for a comprehension would cost a frame of its own.
            by_name = {}
            for name, source in named:
                by_name[name] = source(context)
            return function(*values, **by_name)

        if not positional:
            return call_named

        def call_filled(context: RunContext, *values: Any) -> Awaitable[Any]:
            return call_named(
                context, *values, *[source(context) for source in positional]
            )

        return call_filled

    def _source(
        self, parameter: inspect.Parameter, annotation: object
    ) -> Source | None:
        if annotation is RunContext:
            return _context
        if annotation is SplitResult:
            self.takes_join = True
            if parameter.default is inspect.Parameter.empty:
                return RunContext._joined
            return lambda context: (
                context._joined() if context._follows_split else parameter.default
            )
        if self._data_type is not None and annotation == self._data_type:
            return operator.attrgetter("data")
        name, resources = parameter.name, self._resources
        if name in resources:
            return lambda context: resources[name]
        return None

    def _report(self, parameter: inspect.Parameter) -> None:
        by_annotation = ["RunContext", "SplitResult"]
        if self._data_type is not None:
            by_annotation.append(
                getattr(self._data_type, "__name__", repr(self._data_type))
            )
        by_name = ", ".join(sorted(map(str, self._resources))) or "none"
        self.problems.append(
            f"task {self._name!r}: nothing fills its parameter {parameter.name!r}; "
            f"resources by name: {by_name}; by annotation: {', '.join(by_annotation)}"
        )

    def _declared(
        self, signature: Signature, state_in: Callable[[object], object]
    ) -> tuple[State, ...] | None:
        if signature.returns is UNKNOWN:
            written = signature.written_return
            if isinstance(written, str) and re.search(r"\bLiteral\b", written):
                self.problems.append(
                    f"task {self._name!r}: its return annotation {written!r} can't be "
                    "evaluated, so its transitions are unknown"
                )
            return None
        try:
            return _states_in(state_in(signature.returns))
        except ConfigurationError as error:
            self.problems.append(
                f"task {self._name!r}: in its return annotation, {error}"
            )
            return None


def _named(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _context(context: RunContext) -> RunContext:
    return context


def _constant(value: object) -> Source:
    return lambda context: value


def _states_in(annotation: object) -> tuple[State, ...] | None:
    """Return the states that a return annotation names, or None if it names none."""
    annotation = getattr(annotation, "__value__", annotation)  # type X = Literal[...]
    origin = typing.get_origin(annotation)
    if origin is Literal:
        states = typing.get_args(annotation)
        for state in states:
            label_of(state)
        return states
    if origin is typing.Union or origin is types.UnionType:
        found: list[State] = []
        for part in typing.get_args(annotation):
            states_of_part = _states_in(part)
            if states_of_part is None:
                return None
            found.extend(states_of_part)
        return tuple(found)
    return None
