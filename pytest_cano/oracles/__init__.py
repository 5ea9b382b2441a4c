"""The oracles: small, independent judges of a story, each with one verdict.

None of them runs anything. A new one is a class in a file of its own and a line here.
"""

from __future__ import annotations

from typing import Final, Protocol

from ..story import Finding, Story
from .bad_log import BadLog
from .diverged import Diverged
from .duplicated import Duplicated
from .flaky_baseline import FlakyBaseline
from .half_undone import HalfUndone
from .lost import Lost
from .lost_work import LostWork
from .not_fired import NotFired
from .reordered import Reordered
from .reran import Reran
from .stuck import Stuck
from .swallowed import Swallowed
from .timeout import Timeout
from .two_owners import TwoOwners

__all__ = ["ORACLES", "FlakyBaseline", "Oracle", "judge"]


class Oracle(Protocol):
    """Judges one thing about a schedule."""

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Compare a story with the undisturbed one; None if there is nothing to say."""


ORACLES: Final[tuple[Oracle, ...]] = (
    NotFired(),
    Timeout(),
    Stuck(),
    TwoOwners(),
    Duplicated(),
    Lost(),
    HalfUndone(),
    Swallowed(),
    LostWork(),
    Diverged(),
    Reordered(),
    Reran(),
    BadLog(),
)
"""Every oracle, the weightiest first."""


def judge(baseline: Story, story: Story) -> tuple[Finding, ...]:
    """Return what the oracles find, the weightiest first.

    Where a crash was never reached, or a process was lost with all that it knew,
    nothing is proved, so nothing else is judged.
    """
    findings: list[Finding] = []
    for oracle in ORACLES:
        finding = oracle.judge(baseline, story)
        if finding is not None:
            findings.append(finding)
            lost = any(life.vanished for life in story.lives)
            if isinstance(oracle, NotFired) or (isinstance(oracle, Stuck) and lost):
                break
    return tuple(findings)
