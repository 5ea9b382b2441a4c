"""Plain rows to write, and the comparison of what comes back with what was written."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

from cano_core.checkpoints.row import CheckpointRow, Outcome, OutcomeStatus, RowKind

from .lines import Line, broken

Value = TypeVar("Value", CheckpointRow, Outcome)

RUN = "order-1"
DONE = Outcome(OutcomeStatus.FINISHED, "Done", b"receipt", 3)


def row(
    sequence: int, task: str = "pack", payload: bytes | None = b"data"
) -> CheckpointRow:
    """Return an unremarkable row."""
    return CheckpointRow(sequence, "Pack", task, RowKind.STATE_ENTRY, payload, 1)


def rows(start: int, stop: int, task: str = "pack") -> list[CheckpointRow]:
    """Return unremarkable rows with the sequences of ``range(start, stop)``."""
    return [row(sequence, task) for sequence in range(start, stop)]


def broken_rule(length: int, batch: Sequence[CheckpointRow]) -> Line | None:
    """Tell which rule of `append` a batch breaks at a log of that length."""
    if not batch:
        return None
    first = batch[0].sequence
    if first > length:
        return Line.GAP if length else Line.STARTS_AT_ZERO
    if first < length:
        return Line.TAKEN
    if [one.sequence for one in batch] != list(range(first, first + len(batch))):
        return Line.FOLLOWS
    return None


def compare(
    found: Sequence[CheckpointRow],
    expected: Sequence[CheckpointRow],
    line: Line,
    when: str,
    *,
    foreign: Line = Line.ROW,
    call: str = "load_run",
) -> None:
    """Compare a loaded log with the expected one, field by field.

    Args:
        found: what was returned.
        expected: what should be there.
        line: the line that is broken if there are other rows than expected.
        when: the moment, for the message.
        foreign: the line that is broken if a row is another writer's.
        call: what returned it.
    """
    __tracebackhide__ = True
    for one in found:
        if not isinstance(one, CheckpointRow):
            raise broken(Line.ROW, f"{when}, {call} gave {one!r}, not a CheckpointRow")
    there = [one.sequence for one in found]
    wanted = [one.sequence for one in expected]
    if there != wanted:
        if sorted(there) == wanted and line is not Line.TAIL:
            line = Line.LOAD
        raise broken(
            line, f"{when}, {call} gave {listing(found)}, not {listing(expected)}"
        )
    for one, other in zip(found, expected, strict=True):
        which = f"{when}, row {other.sequence}"
        same_fields(one, other, foreign if one.task != other.task else Line.ROW, which)


def same_fields(found: Value, expected: Value, line: Line, which: str) -> None:
    """Compare two values field by field, types included."""
    __tracebackhide__ = True
    for field in fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if type(one) is type(other) and one == other:
            continue
        if field.name == "payload" and not one and not other:
            line = Line.NO_PAYLOAD
        raise broken(
            line,
            f"{which}: {field.name} is {reprlib.repr(one)}, "
            f"{reprlib.repr(other)} was written",
        )


def listing(batch: Sequence[CheckpointRow]) -> str:
    """Return the sequences of some rows, short: ``rows 0, 1, 2``."""
    if not batch:
        return "no rows"
    numbers = [one.sequence for one in batch]
    if len(numbers) > 5 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"rows {numbers[0]} to {numbers[-1]}"
    noun = "row" if len(numbers) == 1 else "rows"
    shown = ", ".join(map(str, numbers[:12])) + (", ..." if len(numbers) > 12 else "")
    return f"{noun} {shown}"
