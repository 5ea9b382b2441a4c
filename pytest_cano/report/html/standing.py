"""How something stands, for whoever only glances at it: by colour, and by a word."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, final

from ...story import Verdict


@final
class Standing(StrEnum):
    """What a page can say at a glance; the worst first, the name is its CSS class."""

    FAILED = "failed"
    EXCUSED = "excused"
    PASSED = "passed"
    UNTRIED = "untried"

    @classmethod
    def of(cls, verdict: Verdict) -> Standing:
        """Return how one schedule stands."""
        if verdict.fails:
            return cls.FAILED
        return cls.EXCUSED if verdict.excused else cls.PASSED

    @classmethod
    def of_verdicts(cls, verdicts: Iterable[Verdict]) -> Standing:
        """Return how all of them stand together."""
        return worst(map(cls.of, verdicts))

    @property
    def of_points(self) -> str:
        """What is said of the crash points that stand so, at worst."""
        return _OF_POINTS[self]


_OF_POINTS: Final = {
    Standing.FAILED: "a crash there failed",
    Standing.EXCUSED: "what a crash there came to is excused",
    Standing.PASSED: "every crash there passed",
    Standing.UNTRIED: "not crashed",
}


def worst(standings: Iterable[Standing]) -> Standing:
    """Return the worst of all; `UNTRIED` if there is none."""
    order = [*Standing]
    return min(standings, key=order.index, default=Standing.UNTRIED)
