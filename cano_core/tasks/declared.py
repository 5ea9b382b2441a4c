"""What the methods of a model declare to return, taken apart."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union

from ..binding import Binding
from ..codec import Codec
from ..errors import ConfigurationError
from ..results import UNTYPED, codec_of_type
from ..signature import UNKNOWN

NOTHING: Any = Literal[()]
"""Declares no state at all."""


def alternatives(annotation: object) -> Iterator[object]:
    """Give the members of a union, or the annotation itself."""
    annotation = getattr(annotation, "__value__", annotation)  # type X = ...
    if typing.get_origin(annotation) in (Union, types.UnionType):
        for each in typing.get_args(annotation):
            yield from alternatives(each)
    else:
        yield annotation


def held_by(kind: type, annotation: object, *beside: object) -> object:
    """Return what ``kind[...]`` holds in a return annotation.

    Args:
        kind: the generic class.
        annotation: the annotation.
        beside: what else may be returned, and holds nothing of that sort.

    Returns:
        What it holds, `NOTHING` if only others may be returned, and `UNKNOWN` if
        the annotation does not say.
    """
    held: list[Any] = []
    for each in alternatives(annotation):
        origin = typing.get_origin(each)
        if origin is kind:
            held.append(typing.get_args(each)[0])
        elif each not in beside and origin not in beside:
            return UNKNOWN
    if UNKNOWN in held:
        return UNKNOWN
    return Union[tuple(held)] if held else NOTHING  # noqa: UP007 -- as many as there are


def plainly(held: object) -> object:
    """Return what a split is to know of what a branch returns."""
    return UNKNOWN if held == NOTHING else held


def cursor_codec(
    method: Binding, returned: object, name: str, problems: list[str]
) -> Codec[Any]:
    """Return what writes and reads a model's cursors, or note why there is nothing.

    Args:
        method: is handed the cursor, or None before the first.
        returned: the type of cursor that its return annotation declares.
        name: the task's name, for messages.
        problems: where to note it.
    """
    declared = method.handed[0] if method.handed else UNKNOWN
    if declared in (UNKNOWN, Any, object, types.NoneType):
        declared = Any if returned in (UNKNOWN, NOTHING) else returned
    try:
        return codec_of_type(declared)
    except ConfigurationError as error:
        problems.append(f"task {name!r}: its cursor: {error}")
        return UNTYPED
