"""What crash tests have made run again, as one line for each workflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..coverage import Coverage, merged
from ..summary import Summary

MOST_WORKFLOWS = 10
"""Workflows that the summary has a line for."""

MOST_STATES = 5
"""States that a line names."""


def covered_by(summaries: Iterable[Summary]) -> tuple[Coverage, ...]:
    """Return what these tests have exercised, for each workflow."""
    return merged(
        Coverage.of_builtins(each)
        for summary in summaries
        if summary.explored
        for each in summary.covered
    )


def coverage_text(coverages: Sequence[Coverage]) -> str:
    """Return a line for each workflow; empty if there is none.

    ``re-executed  3/5 states (once only: Notify; never entered: Refund)  4/6
    transitions  3/5 resume jumps  12/14 crash points  0/3 in recovery``
    """
    lines = [
        "  ".join(("re-executed", *_parts(each, alone=len(coverages) == 1)))
        for each in coverages[:MOST_WORKFLOWS]
    ]
    rest = len(coverages) - len(lines)
    if rest > 0:
        lines.append(f"… and {rest} more workflow{'s' * (rest != 1)}")
    return "\n".join(lines)


def _parts(coverage: Coverage, *, alone: bool) -> Iterator[str]:
    states = coverage.states
    name = "" if alone else f" of {_listed(states)}"
    repeated = sum(state in coverage.repeated for state in states)
    once = coverage.entered - coverage.repeated
    missing = [
        f"{what}: {_listed(named)}"
        for what, named in (
            ("once only", [state for state in states if state in once]),
            ("never entered", [s for s in states if s not in coverage.entered]),
        )
        if named
    ]
    why = f" ({'; '.join(missing)})" if missing else ""
    yield f"{repeated}/{len(states)} states{name}{why}"
    if coverage.declared:
        yield f"{len(coverage.taken)}/{len(coverage.declared)} transitions"
    yield f"{len(coverage.resumed)}/{len(coverage.jumps)} resume jumps"
    undisturbed, recovery = coverage.undisturbed, coverage.points - coverage.undisturbed
    yield f"{len(undisturbed & coverage.crashed)}/{len(undisturbed)} crash points"
    if recovery:
        yield f"{len(recovery & coverage.crashed)}/{len(recovery)} in recovery"


def _listed(states: Iterable[str]) -> str:
    named = list(states)
    rest = len(named) - MOST_STATES
    return ", ".join(named[:MOST_STATES]) + (f" and {rest} more" if rest > 0 else "")
