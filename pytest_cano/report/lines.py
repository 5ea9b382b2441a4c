"""Which lines of the tasks recovery came to, as one line, and as a limit to keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..task_lines import TaskLines, merged
from ..wording import count

OPTION = "--cano-cov-fail-under"

NOTHING_MEASURED = (
    "no lines were measured; run the tests under pytest-cov (--cov), or by "
    "`coverage run -m pytest` (with -n, and `patch = subprocess` in its configuration)"
)

NO_TASK_MEASURED = (
    "no line of a task was measured: the files that they stand in are not among those "
    "that coverage.py looks at (--cov=SOURCE, or source in its configuration)"
)

MOST_PLACES = 5
"""Places that a line names."""


def lines_in(results: Iterable[Mapping[str, Any]]) -> TaskLines | None:
    """Return which lines of the tasks ran, of what each test has left for the session.

    Returns:
        All of them; None if nothing was measured.
    """
    told = (result["lines"] for result in results)
    return merged(
        None if each is None else TaskLines.of_builtins(each) for each in told
    )


def lines_text(lines: TaskLines | None) -> str:
    """Return what of the tasks ran after a crash, too; empty if none was measured.

    ``task lines  18/20 also ran resumed (only undisturbed: shop.py:12-13)  never
    reached: shop.py:31``
    """
    if lines is None or not lines.files:
        return ""
    parts = [f"task lines  {lines.resumed_too}/{lines.baseline} also ran resumed"]
    if lines.undisturbed:
        parts[0] += f" (only undisturbed: {_listed(lines.undisturbed)})"
    if lines.never:
        parts.append(f"never reached: {_listed(lines.never)}")
    return "  ".join(parts)


def lines_problems(least: int, lines: TaskLines | None) -> Iterator[str]:
    """Say what a session falls short of.

    Args:
        least: percent of the lines that ran undisturbed that have to run after a crash,
            too.
        lines: of all tests that were crashed; None if nothing was measured.
    """
    if lines is None:
        yield f"{OPTION}: {NOTHING_MEASURED}"
    elif not lines.files:
        yield f"{OPTION}: {NO_TASK_MEASURED}"
    elif not lines.baseline:
        yield f"{OPTION}: no line of a task ran, so there is nothing to trust"
    elif 100 * lines.resumed_too < least * lines.baseline:
        yield (
            f"{OPTION}: {lines.resumed_too} of {count(lines.baseline, 'task line')} "
            f"ran resumed, too ({100 * lines.resumed_too // lines.baseline} %), less "
            f"than {least} %; only undisturbed: {_listed(lines.undisturbed)}"
        )


def _listed(places: Sequence[str]) -> str:
    rest = len(places) - MOST_PLACES
    more = f" and {count(rest, 'place')} more" if rest > 0 else ""
    return ", ".join(places[:MOST_PLACES]) + more
