"""The code of a workflow's tasks, as their author wrote it: which lines it has."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import fields
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from .frames import code_of, passed_over

if TYPE_CHECKING:
    from cano_core.workflow import Workflow

_PARTS = ("task", "tasks", "compensate", "route")
"""What a registration has that its author wrote."""


def codes_of(workflow: Workflow) -> Iterator[CodeType]:
    """Return the code of every function and method that was registered.

    Of an object these are all methods of its class, for they are there for each other;
    nothing of the engine and of the standard library.
    """
    for registration in workflow._registrations:
        for field in fields(registration):  # type: ignore[arg-type]
            if field.name in _PARTS:
                yield from _codes(getattr(registration, field.name))


def starts_of(workflow: Workflow) -> Iterator[tuple[str, str]]:
    """Return for each state where its task begins: ``/src/shop/pay.py:31 in process``.

    Of several tasks it is the first one, of an object the method that runs, or its
    first one where the engine has that.
    """
    for registration in workflow._registrations:
        parts = (getattr(registration, name, ()) for name in _PARTS)
        code = next(
            (
                code
                for part in parts
                for task in (part if isinstance(part, tuple) else (part,))
                for code in (code_of(task), *_codes(task))
                if code is not None and not passed_over(code.co_filename)
            ),
            None,
        )
        if code is not None:
            where = f"{code.co_filename}:{code.co_firstlineno} in {code.co_name}"
            yield registration.label, where


def _codes(task: Any) -> Iterator[CodeType]:
    if isinstance(task, tuple):
        for each in task:
            yield from _codes(each)
        return
    task = _unwrapped(task)
    if isinstance(task, FunctionType):
        if not passed_over(task.__code__.co_filename):
            yield task.__code__
        return
    for kind in type(task).__mro__:
        for name, value in vars(kind).items():
            # What makes or shows the object runs wherever that happens.
            if name == "__call__" or not name.startswith("__"):
                method = _unwrapped(value)
                if isinstance(method, FunctionType):
                    yield from _codes(method)


def _unwrapped(value: Any) -> Any:
    """Return what is behind decorators, partial objects and descriptors."""
    while True:
        if isinstance(value, (functools.partial, functools.cached_property)):
            value = value.func
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, (staticmethod, classmethod, MethodType)):
            value = value.__func__
        elif isinstance(value, FunctionType) and hasattr(value, "__wrapped__"):
            value = value.__wrapped__
        else:
            return value


def lines_of(code: CodeType) -> Iterator[int]:
    """Return the lines of a function's body, and of all that is defined in it.

    Its first line is run by whoever defines it.
    """
    for _, _, line in code.co_lines():
        if line is not None and line != code.co_firstlineno:
            yield line
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from lines_of(constant)
