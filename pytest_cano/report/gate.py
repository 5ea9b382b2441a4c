"""The gate: what a session's crash tests have to reach."""

from __future__ import annotations

from collections.abc import Iterator

from ..options import Settings
from ..records.document import Gate
from ..story import Verdict
from ..wording import count
from .score import Score


def gate_of(settings: Settings) -> Gate:
    """Return the limits that a session has to reach."""
    return Gate(
        fail_under=settings.fail_under,
        fail_under_coverage=settings.fail_under_coverage,
        max_accepted=settings.max_accepted,
        fail_on=tuple(Verdict[name] for name in settings.fail_on),
    )


def gate_problems(gate: Gate, score: Score) -> Iterator[str]:
    """Say what a session falls short of, a problem for each limit that was set.

    Args:
        gate: the limits.
        score: what all tests that were to be crashed come to.
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
        yield f"{option}: nothing was crashed, so there is nothing to trust"
    elif 100 * reached < least * of:
        thing, _, verb = what.rpartition(" ")
        percent = f"{100 * reached // of} %"
        yield (
            f"{option}: {reached} of {count(of, thing)} {verb} ({percent}), "
            f"less than {least} %"
        )
