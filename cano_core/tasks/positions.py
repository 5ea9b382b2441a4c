"""Where a task that leaves cursors begins or goes on, and how it comes further."""

from __future__ import annotations

import asyncio
from typing import Any, final

from ..codec import Codec
from ..context import RunContext
from ..errors import ConfigurationError
from ..progress import Cursor
from ..results import encode_result
from ..wording import described
from .parts import data_to_record, halted


@final
class Position:
    """How far one part of a visit has come.

    Args:
        context: that of the attempt at the whole task, which is under no limits.
        codec: writes and reads cursors.

    Attributes:
        number: how many steps, or items of a stream, the cursors so far conclude.
        payload: the last one, encoded; None before the first.
    """

    __slots__ = ("_alone", "_codec", "_context", "number", "payload")

    def __init__(self, context: RunContext, codec: Codec[Any]) -> None:
        self._context = context
        self._codec = codec
        part, run = context._part, context._run
        self.number = 0
        self.payload: bytes | None = None
        if part in context._visit.progress.cursors:
            self.number, self.payload = context._visit.progress.cursors[part]
        # In a branch, or where something may interrupt the run, more may follow a
        # cancellation than the end of the run; see `Run.record`.
        self._alone = not part and run.interruption is None

    async def advance(
        self, cursor: object, left: RunContext, what: str, *, by: int = 1
    ) -> None:
        """Record that a step is done, or a window of items.

        Args:
            cursor: what the next one is handed.
            left: the context of the call that has done it.
            what: that call, for messages.
            by: how many steps or items it concludes.

        Raises:
            ConfigurationError: the cursor can't be recorded; the run stops.
        """
        context, run = self._context, self._context._run
        try:
            payload = encode_result(self._codec, cursor, f"the cursor of {what}")
        except ConfigurationError as error:
            # The step has happened: it is too late for another attempt.
            raise halted(context, str(error)) from error
        data = data_to_record(context, left, what)
        row = Cursor(context._part, self.number + by, payload, data)
        await run.record(context._visit, row, what, here=self._alone)
        self.number += by
        self.payload = payload
        if run.log is None:
            # As a store does, so that cancellation and timers get through.
            await asyncio.sleep(0)


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
