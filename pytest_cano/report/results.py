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
    from ..task_lines import TaskLines

EXPECTED_TO_FAIL = "expected to fail"
INTERRUPTED = "interrupted"


def tell(own: Sequence[pytest.TestReport], **known: Any) -> None:
    """Attach what the session wants to know of a test; see `result_of`."""
    entries.attach(own[-1], result_of(own[-1].nodeid, outcome_of(own), **known))


def result_of(
    test: str,
    outcome: str,
    *,
    unmet: Iterable[Selector],
    points: Iterable[str] = (),
    summary: Summary | None = None,
    record: str | None = None,
    limits: Iterable[str] = (),
    searched: bool = False,
    idle: list[str] | None = None,
    lines: TaskLines | None = None,
) -> dict[str, Any]:
    """Return what the session wants to know, in builtins, for it may be elsewhere.

    Args:
        test: its node id.
        outcome: how its undisturbed run ended.
        unmet: selectors that selected nothing in it.
        points: the crash points that it met, as text.
        summary: of its schedules; None if there were none.
        record: all that reports are made of, as text; None if there are none.
        limits: what else was left out, and why.
        searched: whether it searched by itself.
        idle: a line for each pattern to be ignored that nothing here has; None if
            nobody knows.
        lines: which lines of the tasks ran; None if nothing was measured.
    """
    return {
        "test": test,
        "outcome": outcome,
        "unmet": [str(selector) for selector in unmet],
        "points": list(points),
        "summary": None if summary is None else asdict(summary),
        "record": record,
        "limits": list(limits),
        "searched": searched,
        "idle": idle,
        "lines": None if lines is None else lines.as_builtins(),
    }


def outcome_of(own: Iterable[pytest.TestReport]) -> str:
    """Say how the undisturbed run of a test ended."""
    own = list(own)
    if any(hasattr(report, "wasxfail") for report in own):
        return EXPECTED_TO_FAIL
    outcomes = {report.outcome for report in own}
    return next((each for each in ("failed", "skipped") if each in outcomes), "passed")
