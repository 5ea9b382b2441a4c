"""TIMEOUT: a life did not end, and had to be ended."""

from __future__ import annotations

from typing import final

from ..story import Finding, Story, Verdict


@final
class Timeout:
    """Whatever happens to a program, each of its lives must come to an end."""

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        for life in story.lives:
            if life.gave_up:
                return Finding(
                    Verdict.TIMEOUT,
                    life.gave_up,
                    (f"life {life.number} was ended there",),
                )
        return None
