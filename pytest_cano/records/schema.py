"""The JSON Schema of documents, made from their classes."""

from __future__ import annotations

import json
import re
from inspect import cleandoc
from typing import Any, Final

from cano_core.checkpoints.row import RowKind

from ..schedule import CrashPoint, Fault, Schedule
from ..story import Verdict
from .document import Document

_SECTION: Final = re.compile(r"(?m)^[A-Z]\w+:\n(?P<body>(?:    .*\n|\n)*)")
_ENTRY: Final = re.compile(r"(?m)^    (?P<name>\w+): (?P<said>.*(?:\n     .*)*)")
"""Of a docstring: a section, and in it what is said of one name."""

_TEXTS: Final = {
    CrashPoint: ("One moment at which a life can end: STATE@MOMENT.", "Process@end"),
    Fault: ("What happens at a crash point.", "Process@end=kill"),
    Schedule: ("The faults of successive lives.", "Process@end > Process@start=kill"),
}
"""Values that are written as one text: what that is, and an example."""


def schema() -> dict[str, Any]:
    """Return the schema, as JSON Schema 2020-12 has it."""
    from msgspec.json import schema_components

    _, components = schema_components([Document], ref_template="#/$defs/{name}")
    for component in components.values():
        _describe(component)
        _forget_sets(component)
    for kind, (means, example) in _TEXTS.items():
        components[kind.__name__] = {
            "title": kind.__name__,
            "description": means,
            "type": "string",
            "examples": [example],
        }
    components[RowKind.__name__] = {
        "title": RowKind.__name__,
        "description": "What a row records.",
        "enum": [kind.name for kind in RowKind],
    }
    components[Verdict.__name__] = {
        "title": Verdict.__name__,
        "description": "What can be said of a schedule.",
        "oneOf": [
            {"const": each.value, "description": each.meaning} for each in Verdict
        ],
    }
    document = components.pop(Document.__name__)
    # Both stand in every document, though their classes have defaults.
    document["required"] = ["format", "version"]
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **document,
        "$defs": dict(sorted(components.items())),
    }
    # As whoever reads it has it: tuples are lists.
    as_json: dict[str, Any] = json.loads(json.dumps(made))
    return as_json


def _forget_sets(part: Any) -> None:
    """Leave out what only some versions of msgspec say of sets."""
    if isinstance(part, dict):
        part.pop("uniqueItems", None)
        part = [*part.values()]
    if isinstance(part, list):
        for each in part:
            _forget_sets(each)


def _describe(component: dict[str, Any]) -> None:
    """Move what a class's docstring says of its attributes to these."""
    told = cleandoc(component.get("description", "")) + "\n"
    component["description"] = _SECTION.sub("", told).strip()
    for section in _SECTION.finditer(told):
        for entry in _ENTRY.finditer(section["body"]):
            described = component.get("properties", {}).get(entry["name"])
            if described is not None:
                said = " ".join(entry["said"].split())
                described["description"] = said[0].upper() + said[1:]
