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
from typing import Any, Literal, TypeAlias, final

from .context import RunContext
from .errors import ConfigurationError
from .extension import TaskCall
from .signature import UNKNOWN, Signature
from .states import State, label_of


def entry_point(task: object) -> Callable[..., Awaitable[Any]]:
    """Return the async callable behind a task: the task, or its ``run`` method.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(task, type):
        raise ConfigurationError(
            f"{task!r} is a class, no task; register an instance: {task.__name__}()"
        )
    run = getattr(task, "run", None)
    candidate = task if run is None or inspect.isroutine(task) else run
    if not callable(candidate):
        raise ConfigurationError(
            f"{task!r} is no task: give an async function, or an object with an async "
            "run method"
        )
    unwrapped: Any = candidate
    while isinstance(unwrapped, functools.partial):
        unwrapped = unwrapped.func
    if not (
        inspect.iscoroutinefunction(unwrapped)
        or inspect.iscoroutinefunction(getattr(unwrapped, "__call__", None))  # noqa: B004 -- the method is wanted, not whether there is one
    ):
        raise ConfigurationError(
            f"task {task!r} is not async: write 'async def', and "
            "'await asyncio.to_thread(...)' around what blocks"
        )
    return typing.cast(Callable[..., Awaitable[Any]], candidate)


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
class Binding:
    """How one task is called: which value goes to which parameter.

    Args:
        task: the task as registered.
        resources: the resources' values by name; read at each attempt.
        data_type: the workflow's data type, or None.
        names: what annotations may name although the task's module does not.

    Attributes:
        problems: what is wrong, each a full sentence; empty for a good binding.
        transitions: the states that the return annotation declares, or None.
    """

    def __init__(
        self,
        task: object,
        *,
        resources: Mapping[str, object],
        data_type: object,
        names: Mapping[str, object],
    ) -> None:
        self._function = entry_point(task)
        self._name = task_name(task)
        self._resources = resources
        self._data_type = data_type
        self.problems: list[str] = []
        signature = Signature(self._function, names)
        self._positional: list[Source] = []
        self._named: list[tuple[str, Source]] = []
        for parameter in signature.parameters:
            source = self._source(parameter, signature.annotation(parameter))
            if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                if source is not None:
                    self._named.append((parameter.name, source))
            else:
                # Left out, it would take the value of the next one.
                self._positional.append(source or _constant(parameter.default))
            if source is None and parameter.default is inspect.Parameter.empty:
                self._report(parameter)
        self.transitions = self._declared(signature)

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
        if self._data_type is not None and annotation == self._data_type:
            return operator.attrgetter("data")
        name, resources = parameter.name, self._resources
        if name in resources:
            return lambda context: resources[name]
        return None

    def _report(self, parameter: inspect.Parameter) -> None:
        by_annotation = ["RunContext"]
        if self._data_type is not None:
            by_annotation.append(
                getattr(self._data_type, "__name__", repr(self._data_type))
            )
        by_name = ", ".join(sorted(map(str, self._resources))) or "none"
        self.problems.append(
            f"task {self._name!r}: nothing fills its parameter {parameter.name!r}; "
            f"resources by name: {by_name}; by annotation: {', '.join(by_annotation)}"
        )

    def _declared(self, signature: Signature) -> tuple[State, ...] | None:
        if signature.returns is UNKNOWN:
            written = signature.written_return
            if isinstance(written, str) and re.search(r"\bLiteral\b", written):
                self.problems.append(
                    f"task {self._name!r}: its return annotation {written!r} can't be "
                    "evaluated, so its transitions are unknown"
                )
            return None
        try:
            return _states_in(signature.returns)
        except ConfigurationError as error:
            self.problems.append(
                f"task {self._name!r}: in its return annotation, {error}"
            )
            return None


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
