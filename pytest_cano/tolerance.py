"""Verdicts that are to fail nothing: ``--cano-fail-on`` names those that do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final, final

from .story import Trial, Verdict

ALWAYS: Final = (Verdict.NOT_FIRED, Verdict.FLAKY_BASELINE)
"""Verdicts that fail whatever was said: nothing was proved."""

CHOOSABLE: Final = tuple(
    verdict.value for verdict in Verdict if verdict.fails and verdict not in ALWAYS
)


@final
class Tolerance:
    """Excuses every verdict that nobody wants to fail on.

    Args:
        fail_on: names of the verdicts that fail; empty for all.
    """

    def __init__(self, fail_on: Collection[str]) -> None:
        self._fail_on = fail_on

    def judge(self, trial: Trial) -> Trial:
        """Return the trial, excused if none of what was found is to fail."""
        if not self._fail_on or not trial.verdict.fails:
            return trial
        # The weightiest may be tolerated, and another one that was found may not.
        found = [finding.verdict for finding in trial.findings]
        if any(each in self._fail_on or each in ALWAYS for each in found):
            return trial
        first = trial.findings[0]
        return replace(
            trial,
            verdict=Verdict.TOLERATED,
            excuse=f"{first.verdict}: {first.message}",
        )
