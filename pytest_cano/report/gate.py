"""The gate: what a session's crash tests have to reach."""

from __future__ import annotations

from collections.abc import Iterator

from ..options import Settings
from ..records.document import Gate
from ..story import Verdict
from ..task_lines import TaskLines
from ..wording import count
from .lines import OPTION, lines_problems
from .score import Score

NOTHING_CRASHED = "nothing was crashed, so there is nothing to trust"


def gate_of(settings: Settings) -> Gate:
    """Return the limits that a session has to reach."""
    return Gate(
        fail_under=settings.fail_under,
        fail_under_coverage=settings.fail_under_coverage,
        cov_fail_under=settings.cov_fail_under,
        max_accepted=settings.max_accepted,
        fail_on=tuple(Verdict[name] for name in settings.fail_on),
    )


def gate_problems(gate: Gate, score: Score, lines: TaskLines | None) -> Iterator[str]:
    """Say what a session falls short of, a problem for each limit that was set.

    Args:
        gate: the limits.
        score: what all tests that were to be crashed come to.
        lines: which lines of their tasks ran; None if nothing was measured.
    """
    yield from _short_of(
        "--cano-fail-under", gate.fail_under, score.passed, score.run, "schedule passed"
    )
    for problem in _short_of(
        "--cano-fail-under-coverage",
        gate.fail_under_coverage,
        score.crashed,
        score.points,
        "crash point crashed",
    ):
        left_out = count(score.left_out, "schedule")
        yield problem + (f"; the budget left out {left_out}" if score.left_out else "")
    if gate.cov_fail_under is not None:
        if not score.run:
            yield f"{OPTION}: {NOTHING_CRASHED}"
        else:
            yield from lines_problems(gate.cov_fail_under, lines)
    accepted, most = score.excused.get(Verdict.ACCEPTED, 0), gate.max_accepted
    if most is not None and accepted > most:
        yield (
            f"--cano-max-accepted: {count(accepted, 'schedule')} accepted as they "
            f"fail, more than {most}"
        )


def _short_of(
    option: str, least: int | None, reached: int, of: int, what: str
) -> Iterator[str]:
    """Say that less was reached than should be; ``what`` is a thing and its verb."""
    if least is None:
        return
    if not of:
        yield f"{option}: {NOTHING_CRASHED}"
    elif 100 * reached < least * of:
        thing, _, verb = what.rpartition(" ")
        percent = f"{100 * reached // of} %"
        yield (
            f"{option}: {reached} of {count(of, thing)} {verb} ({percent}), "
            f"less than {least} %"
        )
