"""What a callable says of itself: its parameters and its result, evaluated.

Annotations may be strings, and may name what only the type checker imports or what
only the function around knows; what can't be evaluated is `UNKNOWN`.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, final

UNKNOWN = object()
"""An annotation that is not there, or that could not be evaluated."""


@final
class Signature:
    """A callable's parameters and return annotation, evaluated as far as possible.

    Args:
        function: any callable; what a `functools.partial` binds by keyword is no
            parameter any more.
        names: what annotations may name although the callable can't see it.

    Attributes:
        parameters: those that can be filled, in order.
        positional: those among them that can be filled by position.
        takes_any: whether it takes any number of values by position.
        returns: the evaluated return annotation, or `UNKNOWN`.
        written_return: the return annotation as it is written.
    """

    def __init__(
        self, function: Callable[..., Any], names: Mapping[str, object]
    ) -> None:
        signature = inspect.signature(function)
        bound: set[str] = set()
        while isinstance(function, functools.partial):
            bound.update(function.keywords)
            function = function.func
        self.parameters = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind not in _VARIABLE and parameter.name not in bound
        ]
        self.positional = [
            parameter
            for parameter in self.parameters
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
        ]
        self.takes_any = any(
            parameter.kind is inspect.Parameter.VAR_POSITIONAL
            for parameter in signature.parameters.values()
        )
        self._namespace = {**names, **_visible_to(_code_behind(function))}
        self.written_return = signature.return_annotation
        self.returns = _evaluated(signature.return_annotation, self._namespace)

    def annotation(self, parameter: inspect.Parameter) -> object:
        """Return a parameter's evaluated annotation: of an optional one, what it is."""
        annotation = self.whole_annotation(parameter)
        if typing.get_origin(annotation) in _UNIONS:
            parts = set(typing.get_args(annotation)) - {types.NoneType}
            if len(parts) == 1:
                return parts.pop()
        return annotation

    def whole_annotation(self, parameter: inspect.Parameter) -> object:
        """Return a parameter's evaluated annotation."""
        return _evaluated(parameter.annotation, self._namespace)


def declared_result(function: Callable[..., Any]) -> object:
    """Return the type that calling (and awaiting) a callable is declared to give."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        return function
    code = _code_behind(function)
    written = getattr(code, "__annotations__", {}).get("return", UNKNOWN)
    declared = _evaluated(written, _visible_to(code))
    if typing.get_origin(declared) in _AWAITABLE:
        return typing.get_args(declared)[-1]
    return declared


_VARIABLE = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
_UNIONS = {typing.Union, types.UnionType}
_AWAITABLE = {Awaitable, Coroutine}


def _evaluated(annotation: object, namespace: dict[str, object]) -> object:
    if annotation is inspect.Signature.empty:
        return UNKNOWN
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, namespace)
    except Exception:  # noqa: BLE001 -- a name that is not there at run time
        return UNKNOWN


def _code_behind(function: Callable[..., Any]) -> Callable[..., Any]:
    if not inspect.isroutine(function):
        function = type(function).__call__
    code: Callable[..., Any] = inspect.unwrap(getattr(function, "__func__", function))
    return code


def _visible_to(code: Callable[..., Any]) -> dict[str, object]:
    """Return what a function can name: its globals, and its closure."""
    found: dict[str, object] = dict(getattr(code, "__globals__", {}))
    if isinstance(code, types.FunctionType) and code.__closure__:
        for name, cell in zip(code.__code__.co_freevars, code.__closure__, strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:
                continue
    return found
