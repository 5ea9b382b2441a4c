"""What is known of a program when its search is over, schedule by schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from .story import Verdict


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """All that a summary says of one program; builtins only.

    Attributes:
        name: of the test or program.
        points: every crash point that its baseline met, as text.
        verdicts: each schedule that was run, as text, with its verdict.
        seconds: how long it all took.
        limits: what was left out, and why.
        flaky: whether two undisturbed runs differed, so that nothing was crashed.
        ways: those of the schedules that were not planned one by one, with what they
            belong to: ``everywhere`` or ``random``.
        seen: for each depth how many schedules beside them came to a durable state
            that had been recovered from already.
        left_out: how many schedules the budget was too small for.
        outdated: earlier failures that can't happen any more.
        covered: what it exercised of each workflow, as `Coverage.as_builtins` has it.
        excused: for each schedule that fails nothing although something was found,
            what that was, and why.
    """

    name: str
    points: Sequence[str] = ()
    verdicts: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    limits: Sequence[str] = ()
    flaky: bool = False
    ways: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[int, int] = field(default_factory=dict)
    left_out: int = 0
    outdated: Sequence[str] = ()
    covered: Sequence[Mapping[str, Any]] = ()
    excused: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> Mapping[str, str]:
        """The schedules that did not pass."""
        return {
            schedule: verdict
            for schedule, verdict in self.verdicts.items()
            if Verdict[verdict].fails
        }

    @property
    def explored(self) -> int:
        """How many schedules were run."""
        return len(self.verdicts) + sum(self.seen.values())
