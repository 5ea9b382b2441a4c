"""LOST: an effect happened less often than undisturbed."""

from __future__ import annotations

from typing import final

from ..effects import count_effects
from ..story import Finding, Story, Verdict
from .wording import times


@final
class Lost:
    """What the undisturbed program does must be done in spite of a crash."""

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        extra = 0 if story.extra is None else story.extra.number
        seen = count_effects(e for e in story.effects if e.life != extra)
        less = [
            f"{identity} happened {times(seen.get(identity, 0))}, "
            f"{count} in the undisturbed run"
            for identity, count in count_effects(baseline.effects).items()
            if seen.get(identity, 0) < count
        ]
        return Finding(Verdict.LOST, less[0], tuple(less[1:])) if less else None
