"""Which resource, context or data each parameter of a task gets.

A parameter is filled by its annotation (`RunContext`, the workflow's data type) or
else by its name from the resources. What nothing fills keeps its default; without one
it is a problem that `Workflow.validate` reports.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, final

from .context import RunContext
from .errors import ConfigurationError
from .extension import TaskCall
from .states import State

UNKNOWN = object()
"""An annotation that could not be evaluated."""


def entry_point(task: object) -> Callable[..., Awaitable[Any]]:
    """Return the async callable behind a task: the task, or its ``run`` method.

    Raises:
        ConfigurationError: it is neither.
    """
    run = getattr(task, "run", None)
    candidate = task if run is None or inspect.isroutine(task) else run
    if isinstance(candidate, type) or not callable(candidate):
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


@final
class Signature:
    """A task's parameters and return annotation, evaluated as far as possible.

    Args:
        function: the task's entry point.
        names: what annotations may name although the module does not (classes made
            inside a function, when annotations are strings).
    """

    def __init__(
        self, function: Callable[..., Any], names: Mapping[str, object]
    ) -> None:
        signature = inspect.signature(function)
        self.parameters = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind
            not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        ]
        self._namespace = _namespace_of(function, names)
        self.returns = self._evaluate(signature.return_annotation)
        self.written_return = signature.return_annotation

    def annotation(self, parameter: inspect.Parameter) -> object:
        """Return a parameter's evaluated annotation."""
        return self._evaluate(parameter.annotation)

    def _evaluate(self, annotation: object) -> object:
        if annotation is inspect.Signature.empty:
            return UNKNOWN
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, self._namespace)
        except Exception:  # noqa: BLE001 -- a name that is not there at run time
            return UNKNOWN


def _namespace_of(
    function: Callable[..., Any], names: Mapping[str, object]
) -> dict[str, object]:
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    function = inspect.unwrap(getattr(function, "__func__", function))
    found: dict[str, object] = {**names, **getattr(function, "__globals__", {})}
    if isinstance(function, types.FunctionType) and function.__closure__:
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__, strict=True
        ):
            try:
                found[name] = cell.cell_contents
            except ValueError:
                continue
    return found


@final
class Binding:
    """How one task is called: which value goes to which parameter.

    Args:
        task: the task as registered.
        resources: names of the workflow's resources.
        data_type: the workflow's data type, or None.
        names: see `Signature`.
        handed: how many values the engine hands in front of the named parameters.

    Attributes:
        problems: what is wrong, each a full sentence; empty for a good binding.
        transitions: the states that the return annotation declares, or None.
    """

    def __init__(
        self,
        task: object,
        *,
        resources: Iterable[str],
        data_type: object,
        names: Mapping[str, object],
        handed: int = 0,
    ) -> None:
        self._function = entry_point(task)
        self._name = task_name(task)
        self.problems: list[str] = []
        signature = Signature(self._function, names)
        available = set(resources)
        self._positional: list[str] = []
        self._sources: dict[str, str] = {}
        for parameter in signature.parameters[handed:]:
            source = _source(
                signature.annotation(parameter), parameter, available, data_type
            )
            if source is None:
                if parameter.default is inspect.Parameter.empty:
                    self._report(parameter, available, data_type)
                continue
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                self._positional.append(source)
            else:
                self._sources[parameter.name] = source
        self.transitions = self._declared(signature)

    def call(self, resources: Mapping[str, object]) -> TaskCall:
        """Return what makes one attempt of the task.

        Args:
            resources: the resources' values; read at each attempt.
        """
        function = self._function
        if not self._sources and not self._positional:

            def call_bare(context: RunContext, *values: Any) -> Awaitable[Any]:
                return function(*values)

            return call_bare

        def value(source: str, context: RunContext) -> object:
            if source == _CONTEXT:
                return context
            if source == _DATA:
                return context.data
            return resources[source]

        positional = tuple(self._positional)
        sources = tuple(self._sources.items())

        def call_filled(context: RunContext, *values: Any) -> Awaitable[Any]:
            return function(
                *values,
                *[value(source, context) for source in positional],
                **{name: value(source, context) for name, source in sources},
            )

        return call_filled

    def _report(
        self, parameter: inspect.Parameter, available: set[str], data_type: object
    ) -> None:
        by_annotation = ["RunContext"]
        if data_type is not None:
            by_annotation.append(getattr(data_type, "__name__", repr(data_type)))
        by_name = ", ".join(sorted(available)) or "none"
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
            self.problems.append(f"task {self._name!r}: {error}")
            return None


_CONTEXT = "\0context"
_DATA = "\0data"


def _source(
    annotation: object,
    parameter: inspect.Parameter,
    available: set[str],
    data_type: object,
) -> str | None:
    if annotation is RunContext:
        return _CONTEXT
    if data_type is not None and annotation == data_type:
        return _DATA
    return parameter.name if parameter.name in available else None


def _states_in(annotation: object) -> tuple[State, ...] | None:
    """Return the states that a return annotation names, or None if it names none."""
    origin = typing.get_origin(annotation)
    if origin is Literal:
        states = typing.get_args(annotation)
        for state in states:
            if not isinstance(state, State):
                raise ConfigurationError(
                    f"its return annotation names {state!r}, which is no state"
                )
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
