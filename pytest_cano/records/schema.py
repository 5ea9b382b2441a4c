"""The JSON Schema of documents, made from their classes."""

from __future__ import annotations

from typing import Any, Final

from cano_core.checkpoints.row import RowKind

from ..schedule import CrashPoint, Fault, Schedule
from ..story import Verdict
from .document import Document

_TEXTS: Final = {
    CrashPoint: ("STATE@MOMENT", "Process@end"),
    Fault: ("what happens at a crash point", "Process@end=kill"),
    Schedule: ("the faults of successive lives", "Process@end > Process@start=kill"),
}
"""Values that are written as one text: what that is, and an example."""


def schema() -> dict[str, Any]:
    """Return the schema, as JSON Schema 2020-12 has it."""
    from msgspec.json import schema_components

    _, components = schema_components([Document], ref_template="#/$defs/{name}")
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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **document,
        "$defs": dict(sorted(components.items())),
    }
