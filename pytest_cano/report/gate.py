"""The gate: how much of a session's crash tests must have passed, and been tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..options import Settings
from ..summary import Summary
from ..wording import count
from .summary import crashed_points


def gate_problems(settings: Settings, summaries: Sequence[Summary]) -> Iterator[str]:
    """Say what a session falls short of, a problem for each limit that was set.

    Args:
        settings: of the session.
        summaries: of all tests that were to be crashed.
    """
    run = sum(summary.explored for summary in summaries)
    failed = sum(len(summary.failed) + len(summary.accepted) for summary in summaries)
    points = sum(len(summary.points) for summary in summaries)
    crashed = sum(len(crashed_points(summary)) for summary in summaries)
    left_out = sum(summary.left_out for summary in summaries)
    yield from _short_of(
        "--cano-fail-under",
        settings.fail_under,
        run - failed,
        run,
        "schedule",
        "passed",
    )
    for problem in _short_of(
        "--cano-fail-under-coverage",
        settings.fail_under_coverage,
        crashed,
        points,
        "crash point",
        "crashed",
    ):
        rest = (
            f"; the budget left out {count(left_out, 'schedule')}" if left_out else ""
        )
        yield problem + rest


def _short_of(
    option: str, least: int | None, reached: int, of: int, thing: str, what: str
) -> Iterator[str]:
    if least is None:
        return
    if not of:
        yield f"{option}: nothing was crashed, so there is nothing to trust"
    elif 100 * reached < least * of:
        percent = f"{100 * reached // of} %"
        yield (
            f"{option}: {reached} of {count(of, thing)} {what} ({percent}), "
            f"less than {least} %"
        )
