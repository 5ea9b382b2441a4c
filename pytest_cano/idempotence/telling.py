"""What is said of a task that can't be repeated: the short of it, then its story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..report.text import failure_text, title
from ..story import Trial, Verdict
from .levels import Level

MOST_OTHERS = 8
"""Other failures of the same level that are named."""

_UNPROVED = frozenset({Verdict.NOT_FIRED, Verdict.TIMEOUT})


def failure_of(
    name: str, part: str, level: Level, trials: Sequence[Trial], *, again: str
) -> str:
    """Return the report of the first failure, and name the others.

    Args:
        name: of what was repeated: ``the compensation of Book``.
        part: what of a state it is: ``the compensation``.
        level: at which it failed.
        trials: everything that failed at that level.
        again: the call that does this once more.
    """
    first, *others = trials
    finding = first.findings[0]
    claim = "can't be judged" if first.verdict in _UNPROVED else "is not idempotent"
    heading = f" {title(name, first.text)} ".center(70, "_")
    return "\n".join(
        (
            f"{name} {claim}: {finding.message}",
            "",
            *_about(level, part),
            *_named(others),
            "",
            heading,
            failure_text(first, again=again),
        )
    )


def unjudged(name: str, flaky: str) -> str:
    """Return the report of a task that does not do the same in two undisturbed runs."""
    return f"{name} can't be judged: two undisturbed runs of it differ\n\n{flaky}"


def _about(level: Level, part: str) -> Iterator[str]:
    yield f"  level {level.number}   {level.name}: {level.meaning.format(part=part)}"
    if level.remedy:
        yield f"  remedy    {level.remedy}"


def _named(trials: Sequence[Trial]) -> Iterator[str]:
    for trial in trials[:MOST_OTHERS]:
        yield f"  also      {trial.text}  {trial.verdict}"
    if len(trials) > MOST_OTHERS:
        yield f"  … and {len(trials) - MOST_OTHERS} more"
