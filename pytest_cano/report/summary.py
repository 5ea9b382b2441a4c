"""The summary: what of all that there was has passed, as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from ..coverage import Coverage, merged
from ..moments import MOMENTS
from ..notation import split
from ..schedule import CrashPoint
from ..story import Verdict
from .reexecution import coverage_text

Cells: TypeAlias = dict[tuple[str, str], list[str]]

LEGEND = "(-: met, not crashed in this session; blank: there is no such moment)"

MOST_FAILURES = 5
"""Failures that a line names."""


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """All that the summary says of one program; builtins only.

    Attributes:
        name: of the test or program.
        points: every crash point that its baseline met, as text.
        verdicts: each schedule that was run, as text, with its verdict.
        seconds: how long it all took.
        limits: what was left out, and why.
        flaky: whether two undisturbed runs differed, so that nothing was crashed.
        depths: for each depth below the first how many schedules were explored, how
            many distinct durable states they led to, and how many of those passed.
        covered: what it exercised of each workflow, as `Coverage.as_builtins` has it.
        accepted: for each schedule that failed as it was declared to, how and why.
    """

    name: str
    points: Sequence[str] = ()
    verdicts: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    limits: Sequence[str] = ()
    flaky: bool = False
    depths: Mapping[int, Sequence[int]] = field(default_factory=dict)
    covered: Sequence[Mapping[str, Any]] = ()
    accepted: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> Mapping[str, str]:
        """The schedules that did not pass."""
        return {
            schedule: verdict
            for schedule, verdict in self.verdicts.items()
            if Verdict[verdict].fails
        }


def count(number: int, thing: str) -> str:
    """Return ``1 schedule``, ``2 schedules``."""
    return f"{number} {thing}" + "s" * (number != 1)


def failed_line(summary: Summary) -> str:
    """Return ``3 of 14 crash points failed: Process@end DUPLICATED, ...``."""
    failed = [f"{schedule} {verdict}" for schedule, verdict in summary.failed.items()]
    several = len(_points(summary.verdicts)) < len(summary.verdicts)
    nested = any(map(_nested, summary.verdicts))
    kind = "schedule" if nested or several else "crash point"
    rest = len(failed) - MOST_FAILURES
    more = f" and {rest} more" if rest > 0 else ""
    return (
        f"{len(failed)} of {count(len(summary.verdicts), kind)} failed: "
        f"{', '.join(failed[:MOST_FAILURES])}{more}"
    )


def summary_line(summary: Summary, *, width: int = 0) -> str:
    """Return ``test_checkout  14/14 crash points  0.8 s``.

    Args:
        summary: what it tells.
        width: of the name's column.
    """
    parts = [f"{summary.name:<{width}}"]
    if summary.flaky:
        parts.append("FLAKY_BASELINE, not crashed")
    elif not summary.verdicts:
        parts.append("not crashed")
    else:
        single = [text for text in summary.verdicts if not _nested(text)]
        nested = [text for text in summary.verdicts if _nested(text)]
        if single:
            parts.append(f"{_ratio(summary, single)} {_of_points(summary, single)}")
        if nested:
            parts.append(f"{_ratio(summary, nested)} nested")
        if summary.accepted:
            parts.append(f"{len(summary.accepted)} accepted")
    parts.append(f"{summary.seconds:.1f} s")
    return "  ".join(parts)


def _of_points(summary: Summary, single: Sequence[str]) -> str:
    """Return ``crash points of 14``; several faults may happen at each of them."""
    points, all_points = len(_points(single)), len(summary.points)
    of_all = f" of {all_points}" if points < all_points else ""
    if points == len(single):
        return f"crash points{of_all}"
    return f"faults at {count(points, 'crash point')}{of_all}"


def _points(single: Iterable[str]) -> set[str]:
    return {split(text, "=")[0] for text in single}


def matrix_text(summaries: Sequence[Summary]) -> str:
    """Return state by moment how it went; empty where no crash point failed."""
    matrices = [
        "\n".join(_matrix(summary))
        for summary in summaries
        if not all(map(_nested, summary.failed))
    ]
    if any(re.search(r"  -(?= |$)", matrix, re.MULTILINE) for matrix in matrices):
        matrices.append(LEGEND)
    return "\n\n".join(matrices)


def score_text(summaries: Sequence[Summary]) -> str:
    """Return the last line: how much passed, of how much that there is."""
    run = sum(len(summary.verdicts) for summary in summaries)
    failed = sum(len(summary.failed) for summary in summaries)
    points = sum(len(summary.points) for summary in summaries)
    crashed = sum(
        len(_points(text for text in summary.verdicts if not _nested(text)))
        for summary in summaries
    )
    accepted = sum(len(summary.accepted) for summary in summaries)
    passed = run - failed - accepted
    score = f"{passed}/{run} schedules passed"
    if run:
        score += f" ({100 * passed // run} %)"
    if accepted:
        score += f", {accepted} accepted"
    if run and not crashed:
        # Nested schedules cover no crash point by themselves.
        return f"score  {score}"
    return f"score  {score}   coverage  {crashed}/{points} crash points"


def summary_text(summaries: Sequence[Summary]) -> str:
    """Return the whole summary: a line each, the matrix, limits, score, coverage."""
    width = max((len(summary.name) for summary in summaries), default=0)
    lines = "\n".join(summary_line(summary, width=width) for summary in summaries)
    limits = dict.fromkeys(limit for each in summaries for limit in each.limits)
    covered = merged(
        Coverage.of_builtins(each)
        for summary in summaries
        if summary.verdicts
        for each in summary.covered
    )
    end = (score_text(summaries), coverage_text(covered))
    blocks = (
        lines,
        matrix_text(summaries),
        "\n".join(_accepted(summaries)),
        "\n".join(limits),
        "\n".join(filter(None, end)),
    )
    return "\n\n".join(block for block in blocks if block)


def _accepted(summaries: Sequence[Summary]) -> Iterator[str]:
    for summary in summaries:
        for schedule, why in summary.accepted.items():
            yield f"accepted  {summary.name} [{schedule}] {why}"


def _matrix(summary: Summary) -> Iterator[str]:
    cells = _cells(summary)
    states = list(dict.fromkeys(state for state, _ in cells))
    moments = [name for name in MOMENTS if any(name == other for _, other in cells)]
    table = [[summary.name, *moments]]
    for state in states:
        texts = [_cell(cells.get((state, moment))) for moment in moments]
        table.append([f"  {state}", *texts])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        padded = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def _cells(summary: Summary) -> Cells:
    cells: Cells = {}
    for text in dict.fromkeys((*summary.points, *summary.verdicts)):
        if _nested(text):
            continue
        point = CrashPoint.parse(split(text, "=")[0])
        run = f"run {point.run}: " if point.run != 1 else ""
        cell = cells.setdefault((run + point.state, point.moment), [])
        if text in summary.verdicts:
            cell.append(summary.verdicts[text])
    return cells


def _cell(verdicts: Sequence[str] | None) -> str:
    if verdicts is None:
        return ""
    if not verdicts:
        return "-"
    failed = [verdict for verdict in verdicts if Verdict[verdict].fails]
    if not failed:
        return "accepted" if "ACCEPTED" in verdicts else "ok"
    many = f" {len(failed)}/{len(verdicts)}" if len(verdicts) > 1 else ""
    return failed[0] + many


def _ratio(summary: Summary, schedules: Sequence[str]) -> str:
    passed = sum(summary.verdicts[schedule] == "PASS" for schedule in schedules)
    return f"{passed}/{len(schedules)}"


def _nested(schedule: str) -> bool:
    return len(split(schedule, ">")) > 1
