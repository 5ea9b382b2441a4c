"""Where a task that leaves cursors begins, or goes on."""

from __future__ import annotations

from typing import Any

from ..codec import Codec
from ..context import RunContext
from ..wording import described
from .parts import halted


def position(context: RunContext) -> tuple[int, bytes | None]:
    """Return how many cursors this part of the visit has had, and the last one."""
    return context._visit.progress.cursors.get(context._part, (0, None))


def is_alone(context: RunContext) -> bool:
    """Tell whether only what ends the run, and undoes nothing, can stop the task.

    For a model that is under no limits as a whole; see `Run.record`.
    """
    return not context._part and context._run.interruption is None


def decode_cursor(
    context: RunContext, codec: Codec[Any], payload: bytes | None, name: str
) -> Any:
    """Return a cursor; None before the first.

    Raises:
        ConfigurationError: the log's cursor is no such cursor; the run stops.
    """
    if payload is None:
        return None
    try:
        return codec.decode(payload)
    except Exception as error:
        raise halted(
            context,
            f"the cursor of {name} in the log can't be read: {described(error)}; "
            "write cursors that older ones can be read as, or raise the workflow's "
            "version",
        ) from error
