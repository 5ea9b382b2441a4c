"""Which attributes of a client have calls of their own to be recorded."""

from __future__ import annotations

import sys
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Final
from unittest.mock import NonCallableMock

_HEAP_TYPE: Final = 1 << 9
_PLAIN: Final = (
    *(str, bytes, int, float, complex),
    *(tuple, list, dict, set, frozenset),
    *(BaseException, Enum),
)
_RECORDS: Final = ("__pydantic_fields__", "__struct_fields__", "__attrs_attrs__")


def is_service(value: object) -> bool:
    """Say whether a value has doings of its own: a part of a client, not data.

    A stand-in for data would get in the way of ``is`` and of arithmetic, and reading
    it is no effect.
    """
    kind = type(value)
    if issubclass(kind, (NonCallableMock, SimpleNamespace, ModuleType)):
        return True
    if issubclass(kind, _PLAIN) or any(hasattr(kind, name) for name in _RECORDS):
        return False
    if not kind.__flags__ & _HEAP_TYPE:
        return False
    if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        return False
    # What is equal by value, and may be a key of a dict, is a value.
    by_value = kind.__eq__ is not object.__eq__
    return not (by_value and kind.__hash__ is not None)


def is_about_the_mock(target: object, name: str) -> bool:
    """Say whether an attribute belongs to a mock itself: ``assert_called_once``."""
    kind = type(target)
    return issubclass(kind, NonCallableMock) and hasattr(kind, name)
