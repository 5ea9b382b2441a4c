"""Documents as JSON, and back: points and schedules as their texts, bytes as base64."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any, Final, TypeVar, get_origin

from cattrs import transform_error
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.preconf.json import JsonConverter, make_converter

from cano_core.checkpoints.row import RowKind

from ..schedule import CrashPoint, Fault, Schedule
from .document import FORMAT, VERSION, Document
from .soundness import problems_of

_T = TypeVar("_T")

_MOST: Final = 3
"""Problems that a message names."""

_TOO_DEEP: Final = "it is nested too deeply for a report"


class FormatError(ValueError):
    """A text is no document, or one of another version; the message says which."""


def encode(value: object) -> Any:
    """Return a value of this package as builtins that JSON knows.

    What has its default is left out.
    """
    return _converter().unstructure(value)


def decode(data: object, kind: type[_T]) -> _T:
    """Return the value of that class that builtins stand for.

    Raises:
        FormatError: they stand for none; the message says where.
    """
    try:
        return _converter().structure(data, kind)
    except BaseValidationError as error:
        raise FormatError("; ".join(transform_error(error)[:_MOST])) from None
    except RecursionError:
        raise FormatError(_TOO_DEEP) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as why:
        raise FormatError(str(why)) from None


def to_text(value: object) -> str:
    """Return a value of this package as JSON, on one line."""
    return json.dumps(encode(value), ensure_ascii=False)


def from_text(text: str, kind: type[_T]) -> _T:
    """Return the value of that class that a text stands for.

    Raises:
        FormatError: it stands for none; the message says where.
    """
    return decode(json.loads(text), kind)


def to_json(document: Document) -> str:
    """Return a document as JSON text."""
    return json.dumps(encode(document), ensure_ascii=False) + "\n"


def joined(document: Document, programs: Sequence[str]) -> str:
    """Return a document as JSON text, as `to_json` would.

    Args:
        document: all of it but its programs.
        programs: each as `to_text` has it: as values they would take far more memory.
    """
    said = encode(replace(document, programs=()))
    parts = {name: json.dumps(each, ensure_ascii=False) for name, each in said.items()}
    if programs:
        parts["programs"] = f"[{', '.join(programs)}]"
    names = (field.name for field in fields(Document) if field.name in parts)
    return "{" + ", ".join(f'"{name}": {parts[name]}' for name in names) + "}\n"


def from_json(text: str | bytes) -> Document:
    """Read a document.

    Raises:
        FormatError: it is none, or what it says makes no sense; the message says where.
    """
    try:
        data = json.loads(text)
    except RecursionError:
        raise FormatError(_TOO_DEEP) from None
    except ValueError as error:
        raise FormatError(f"it is no JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise FormatError("it is no report of pytest-cano (--cano-report=json:FILE)")
    version = data.get("version")
    # True is 1 to Python.
    if type(version) is not int or version != VERSION:
        raise FormatError(
            f"it is a report of format version {version!r}, and this pytest-cano reads "
            f"version {VERSION}"
        )
    document = decode(data, Document)
    if problems := [*problems_of(document)]:
        raise FormatError("; ".join(problems[:_MOST]))
    return document


@cache
def _converter() -> JsonConverter:
    converter = make_converter(omit_if_default=True)
    text: Any
    for text in (CrashPoint, Fault, Schedule):
        converter.register_unstructure_hook(text, str)
        converter.register_structure_hook(text, lambda said, kind: kind.parse(said))
    # The number is what logs hold; the name is what readers know.
    converter.register_unstructure_hook(RowKind, lambda kind: kind.name)
    converter.register_structure_hook(RowKind, lambda name, _: RowKind[name])
    # One set is one text, whatever it was put together from.
    converter.register_unstructure_hook_func(_is_set, sorted)
    said = override(omit_if_default=False)
    converter.register_unstructure_hook(
        Document,
        make_dict_unstructure_fn(
            Document, converter, _cattrs_omit_if_default=True, format=said, version=said
        ),
    )
    return converter


def _is_set(kind: object) -> bool:
    return get_origin(kind) is frozenset
