"""What the methods of one task share, and what they must leave alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ..context import RunContext
from ..errors import ConfigurationError
from ..progress import part_of
from ..wording import described

if TYPE_CHECKING:
    from ..run import Run

T = TypeVar("T")


def beside(context: RunContext, part: str | None = None) -> RunContext:
    """Return the context for one more call within an attempt.

    It has its own copy of the data and may use the names of `RunContext.once` anew.

    Args:
        context: the attempt's.
        part: the part of the attempt's part that the call is; None if it is none.
    """
    whole = context._part
    return RunContext(
        context._run,
        context._visit,
        context.attempt,
        whole if part is None else part_of(whole, part),
    )


def changed_data(context: RunContext) -> bytes | None:
    """Return the run's data as a call has left it, encoded; None if it is as before."""
    run = context._run
    changed = context._changed_data()
    if changed is None or changed == run.snapshot:
        return None
    # What is equal may be written in more than one way, such as a set.
    return None if context.data == run.decode_data() else changed


def data_to_record(context: RunContext, left: RunContext, what: str) -> bytes | None:
    """Return what `changed_data` does, for a row that changes the run's data.

    Args:
        context: the attempt's.
        left: that of the call, within the attempt.
        what: which call, for messages.

    Raises:
        ConfigurationError: it was changed in a branch of a split.
    """
    changed = changed_data(left)
    if changed is not None and context._part:
        raise halted(
            context,
            f"{what} changed the run's data in a branch of a split, which other "
            "branches have at the same time; return what is to be kept",
        )
    return changed


def halted(context: RunContext, problem: str) -> ConfigurationError:
    """Stop the run with a mistake of the program, and return it to be raised.

    The run stays as it is, so that the mended program can go on with it.
    """
    run: Run = context._run
    error = ConfigurationError(
        f"{run.described}: state {context.label!r}: {problem}; the run stopped and "
        "can be resumed when that is mended"
    )
    if run.halt is None:
        run.halt = error
    return error


def read(
    context: RunContext, decode: Callable[[bytes], T], payload: bytes, what: str
) -> T:
    """Read what an earlier process has recorded.

    Raises:
        ConfigurationError: its program must have been another one; the run stops.
    """
    try:
        return decode(payload)
    except Exception as error:
        raise halted(
            context,
            f"the log's row can't be read as {what}: {described(error)}; its task was "
            "another one when it was written, so give the workflow a new version",
        ) from error
