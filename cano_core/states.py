"""States, their labels, and what a workflow id may look like."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from .errors import ConfigurationError

State: TypeAlias = Enum | str
"""A state: an Enum member (label: its name) or a string (label: itself)."""

LONGEST_ID = 255
"""Characters that a name may have, so that any store can key it."""


def label_of(state: object) -> str:
    """Return the label that rows, messages and observers use for a state.

    Raises:
        ConfigurationError: this is no state, or its label can't be stored.
    """
    if isinstance(state, Enum):
        label = state.name
    elif isinstance(state, str):
        label = state
    else:
        raise ConfigurationError(
            f"{state!r} is no state: states are Enum members or strings"
        )
    if problem := text_problem(label):
        raise ConfigurationError(f"state {state!r}: its label {problem}")
    return label


def check_workflow_id(workflow_id: object) -> str:
    """Return the id, if it is one that every store can keep.

    Raises:
        ConfigurationError: it is no string, empty, too long, or not printable.
    """
    if not isinstance(workflow_id, str):
        raise ConfigurationError(f"workflow id {workflow_id!r} is no string")
    if problem := text_problem(workflow_id):
        shown = workflow_id if len(workflow_id) < 60 else workflow_id[:40] + "…"
        raise ConfigurationError(f"workflow id {shown!r} {problem}")
    return workflow_id


def text_problem(text: str) -> str | None:
    """Say why a text is no name that every store can keep; None if it is one."""
    if not text:
        return "is empty"
    if len(text) > LONGEST_ID:
        return f"has {len(text)} characters, {LONGEST_ID} are allowed"
    if not text.replace(" ", "").isprintable():
        return "has control or other unprintable characters"
    return None
