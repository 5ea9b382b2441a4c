"""The summary: what of all that there was has passed, as plain text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ..faults import FAULTS
from ..summary import Summary
from ..wording import count
from .groups import (
    EVERYWHERE,
    RANDOM,
    crash_points,
    other_groups,
    single_point,
)
from .matrix import Matrix
from .reexecution import coverage_text, covered_by
from .score import Score, crashed_points

LEGEND = "(-: met, not crashed in this session; blank: there is no such moment)"

MOST_FAILURES = 5
"""Failures that a line names."""


def failed_line(summary: Summary) -> str:
    """Return ``3 of 14 crash points failed: Process@end DUPLICATED, ...``."""
    failed = [f"{schedule} {verdict}" for schedule, verdict in summary.failed.items()]
    endings = [*crash_points(summary).values()]
    alone = len(endings) == 1 and len(endings[0]) == len(summary.verdicts)
    kind = "crash point" if alone else "schedule"
    rest = len(failed) - MOST_FAILURES
    more = f" and {rest} more" if rest > 0 else ""
    return (
        f"{len(failed)} of {count(len(summary.verdicts), kind)} failed: "
        f"{', '.join(failed[:MOST_FAILURES])}{more}"
    )


def summary_line(summary: Summary, *, width: int = 0) -> str:
    """Return ``test_checkout  14/14 crash points  depth 2: 61/61  0.8 s``.

    Args:
        summary: what it tells.
        width: of the name's column.
    """
    return "  ".join((f"{summary.name:<{width}}", *summary_parts(summary)))


def summary_parts(summary: Summary) -> Iterator[str]:
    """Give what a line says of a test, beside its name."""
    if summary.flaky:
        yield "FLAKY_BASELINE, not crashed"
    elif not summary.explored:
        yield "not crashed"
    else:
        yield from _explored(summary)
    excused = Counter(summary.verdicts[name] for name in summary.excused)
    yield from (f"{number} {verdict.lower()}" for verdict, number in excused.items())
    yield f"{summary.seconds:.1f} s"


def _explored(summary: Summary) -> Iterator[str]:
    endings = crash_points(summary)
    if endings:
        ratios = {kind: _ratio(summary, texts) for kind, texts in endings.items()}
        told = (
            ", ".join(f"{kind} {ratio}" for kind, ratio in ratios.items())
            if len(ratios) > 1
            else next(iter(ratios.values()))
        )
        crashed = len(crashed_points(summary))
        left = len(summary.points) - crashed
        of_all = f" of {len(summary.points)}" if left > 0 else ""
        yield f"{told} crash points{of_all}"
    for name, texts in sorted(other_groups(summary).items(), key=_place):
        # What came to a known state has passed there.
        depth = int(name.removeprefix("depth ")) if name.startswith("depth ") else 0
        ratio = _ratio(summary, texts, summary.seen.get(depth, 0))
        yield f"{name}: {ratio}" if depth else f"{name} {ratio}{_at(summary, texts)}"


def _at(summary: Summary, texts: Sequence[str]) -> str:
    """Say at how many points several faults of a kind happen."""
    points = {single_point(text) for text in texts} - {None}
    if not 0 < len(points) < len(texts):
        return ""
    of_all = count(len(summary.points), "point")
    left = len(points) < len(summary.points)
    return f" at {len(points)} of {of_all}" if left else f" at {of_all}"


def _place(group: tuple[str, Sequence[str]]) -> tuple[int, str]:
    """Order what a line counts as it was run: faults, depths, what is made up."""
    name, _ = group
    kinds = [*FAULTS]
    if name in kinds:
        return kinds.index(name), ""
    return len(kinds) + (name in (EVERYWHERE, RANDOM)), name


def matrix_text(summaries: Sequence[Summary]) -> str:
    """Return state by moment how it went; empty where no crash point failed."""
    matrices = [
        "\n".join(_matrix(summary))
        for summary in summaries
        if any(map(single_point, summary.failed))
    ]
    if any(re.search(r"  -(?= |$)", matrix, re.MULTILINE) for matrix in matrices):
        matrices.append(LEGEND)
    return "\n\n".join(matrices)


def score_text(summaries: Sequence[Summary]) -> str:
    """Return the last lines: how much passed, of how much that there is."""
    return "\n".join(filter(None, (str(Score.of(summaries)), _search_text(summaries))))


def _search_text(summaries: Sequence[Summary]) -> str:
    """Return how far the search went: what collapsed, and what was too much."""
    deep = [summary for summary in summaries if summary.seen]
    seen = sum(number for each in deep for number in each.seen.values())
    distinct = sum(
        len(texts)
        for summary in deep
        for name, texts in other_groups(summary).items()
        if name.startswith("depth ")
    )
    left_out = sum(summary.left_out for summary in summaries)
    parts = []
    if deep:
        states = count(distinct, "distinct state")
        parts.append(f"{count(seen + distinct, 'nested schedule')} came to {states}")
    if left_out:
        parts.append(f"the budget left out {count(left_out, 'schedule')}")
    return f"search  {', '.join(parts)}" if parts else ""


def summary_text(summaries: Sequence[Summary]) -> str:
    """Return the whole summary: a line each, the matrix, limits, score, coverage."""
    width = max((len(summary.name) for summary in summaries), default=0)
    lines = "\n".join(summary_line(summary, width=width) for summary in summaries)
    limits = dict.fromkeys(limit for each in summaries for limit in each.limits)
    end = (score_text(summaries), coverage_text(covered_by(summaries)))
    blocks = (
        lines,
        matrix_text(summaries),
        "\n".join(_excused(summaries)),
        "\n".join(limits),
        "\n".join(filter(None, end)),
    )
    return "\n\n".join(block for block in blocks if block)


def _excused(summaries: Sequence[Summary]) -> Iterator[str]:
    for summary in summaries:
        for schedule, why in summary.excused.items():
            verdict = summary.verdicts[schedule].lower()
            yield f"{verdict}  {summary.name} [{schedule}] {why}"


def _matrix(summary: Summary) -> Iterator[str]:
    matrix = Matrix.of(summary)
    table = [[summary.name, *matrix.moments]]
    for state in matrix.states:
        cells = (matrix.cells.get((state, moment)) for moment in matrix.moments)
        texts = ["" if cell is None else str(cell) for cell in cells]
        table.append([f"  {state}", *texts])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        padded = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def _ratio(summary: Summary, texts: Sequence[str], more: int = 0) -> str:
    passed = sum(summary.verdicts.get(text) == "PASS" for text in texts)
    return f"{passed + more}/{len(texts) + more}"
