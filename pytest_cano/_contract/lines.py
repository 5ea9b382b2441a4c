"""The lines of the store contract, and how a check says that one is broken.

`Line` is the only list of them: the checks name its members, and the table in
`docs/stores.md` is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import final


@final
class Line(StrEnum):
    """One promise of a checkpoint store, as a sentence."""

    APPEND = "append takes rows that continue the log"
    STARTS_AT_ZERO = "the first row of a log has sequence 0"
    GAP = "append refuses a gap"
    TAKEN = "append refuses a sequence that is taken"
    FOLLOWS = "the rows of one append follow each other"
    CONFLICT = "a refused append raises RunConflictError"
    ATOMIC = "append is atomic"
    EMPTY = "append without rows changes nothing"
    ONE_WINS = "of racing appends exactly one wins"
    CANCELLED = "a cancelled append has settled when its CancelledError arrives"

    LOAD = "load_run gives every row of the run, ascending"
    UNKNOWN = "load_run gives no rows for an unknown id"
    TAIL = "load_tail leaves out nothing but cursors that a later one replaces"
    ROW = "a row comes back as it was written"
    NO_PAYLOAD = "no payload and an empty payload are different"

    OWN_RUN = "every workflow id names a run of its own"
    CLEARS = "clear forgets its run and frees the id"
    CLEARS_ONLY = "clear touches no other run"
    CLEARS_UNKNOWN = "clear of an unknown id is fine"

    DURABLE = "what was acknowledged survives the death of the process"
    SHARED = "all objects and processes on one store see the same runs"
    LOOPS = "one store object serves one event loop after another"
    UNCLOSED = "a store left unclosed keeps no process alive"

    FINISH = "finish replaces the log by its outcome, in one step"
    FINISH_RULE = "finish obeys the rule of append"
    FINISHED = "a finished run takes no rows until it is cleared"
    OUTCOME = "an outcome comes back as it was recorded"
    NO_OUTCOME = "outcome is None for a run that has none"

    LISTS = "list_runs gives the id of every run that has rows or an outcome, sorted"
    PRUNES = "prune forgets the outcomes before its moment, and no others"
    PRUNES_NO_LOG = "prune touches no log"
    PRUNE_AWARE = "prune refuses a naive datetime"


_BROKEN = "contract broken: "


def broken(line: Line, detail: str) -> AssertionError:
    """Return the verdict that a line is broken, for the check to raise.

    Args:
        line: the broken line of the contract.
        detail: what was done, what came of it, and what should have.
    """
    return AssertionError(f"{_BROKEN}{line.value!r}: {detail}")


def names_its_line(error: BaseException) -> bool:
    """Tell whether an exception is the verdict of a check."""
    return isinstance(error, AssertionError) and str(error).startswith(_BROKEN)


@contextmanager
def checking(line: Line) -> Iterator[None]:
    """Report an exception that the store should not have raised as this line."""
    __tracebackhide__ = True
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the verdict
        first: BaseException = error
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if names_its_line(first):
            raise first from first.__cause__
        raise broken(
            line,
            f"an unexpected exception came up, {type(first).__name__}: {first}",
        ) from first
