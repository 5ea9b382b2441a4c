"""What a test leaves for the session: its summary comes from several of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import entries

if TYPE_CHECKING:
    import pytest

    from ..selectors import Selector
    from ..summary import Summary

EXPECTED_TO_FAIL = "expected to fail"


def tell(
    own: Sequence[pytest.TestReport],
    *,
    unmet: Iterable[Selector],
    points: Iterable[str] = (),
    summary: Summary | None = None,
    limits: Iterable[str] = (),
    searched: bool = False,
    idle: list[str] | None = None,
) -> None:
    """Attach what the session wants to know of a test."""
    entries.attach(
        own[-1],
        result_of(
            own[-1].nodeid,
            outcome_of(own),
            unmet=unmet,
            points=points,
            summary=summary,
            limits=limits,
            searched=searched,
            idle=idle,
        ),
    )


def result_of(
    test: str,
    outcome: str,
    *,
    unmet: Iterable[Selector],
    points: Iterable[str],
    summary: Summary | None,
    limits: Iterable[str] = (),
    searched: bool = False,
    idle: list[str] | None = None,
) -> dict[str, Any]:
    """Return what the session wants to know, in builtins, for it may be elsewhere."""
    return {
        "test": test,
        "outcome": outcome,
        "unmet": [str(selector) for selector in unmet],
        "points": list(points),
        "summary": None if summary is None else asdict(summary),
        "limits": list(limits),
        "searched": searched,
        "idle": idle,
    }


def outcome_of(own: Iterable[pytest.TestReport]) -> str:
    """Say how the undisturbed run of a test ended."""
    own = list(own)
    if any(hasattr(report, "wasxfail") for report in own):
        return EXPECTED_TO_FAIL
    outcomes = {report.outcome for report in own}
    return next((each for each in ("failed", "skipped") if each in outcomes), "passed")
