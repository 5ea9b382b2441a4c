"""Where two readings of a probe differ, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..probes.reading import Change, Reading, changes

MOST_CHANGES: Final = 5
"""Differences of one probe that are named."""


def differences(
    name: str,
    before: tuple[str, ...] | None,
    after: tuple[str, ...] | None,
    *,
    usual: str,
) -> Iterator[str] | None:
    """Say where two readings of a probe differ; None if these are no readings.

    Args:
        name: of the probe.
        before: its reading, as it was observed in an undisturbed run.
        after: its reading in the run that is compared with it.
        usual: what the first of these is called: ``in the undisturbed run``.
    """
    first, second = _reading(before), _reading(after)
    if first is None or second is None:
        return None
    return _told(name, [*changes(first, second)], usual)


def _reading(observed: tuple[str, ...] | None) -> Reading | None:
    return Reading.parse(observed[0]) if observed and len(observed) == 1 else None


def _told(name: str, found: list[Change], usual: str) -> Iterator[str]:
    for change in found[:MOST_CHANGES]:
        entry = f"{name}: {change.entry}" if change.entry else name
        yield entry + _change(change, usual)
    rest = len(found) - MOST_CHANGES
    if rest > 0:
        yield f"{name}: {rest} more differences"


def _change(change: Change, usual: str) -> str:
    if change.before is None:
        return f" is there ({change.after}), and was not {usual}"
    if change.after is None:
        return f" is missing, {change.before} {usual}"
    return f" is {change.after}, {change.before} {usual}"
