"""DUPLICATED: an effect happened more often than undisturbed."""

from __future__ import annotations

from typing import final

from ..effects import count_effects
from ..story import Finding, Story, Verdict
from .wording import AGAIN, times


@final
class Duplicated:
    """The outside world must not be changed more often because of a crash.

    An effect's count is its distinct keys and its calls without a key. In the extra
    start of a finished program only effects of tasks are judged, for what the
    program's own body does there is part of looking at the result.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        extra = 0 if story.extra is None else story.extra.number
        earlier = [effect for effect in story.effects if effect.life != extra]
        usual, seen = count_effects(baseline.effects), count_effects(earlier)
        more = [
            f"{identity} happened {times(count)}, "
            f"{usual.get(identity, 0)} in the undisturbed run"
            for identity, count in seen.items()
            if count > usual.get(identity, 0)
        ]
        if not more and extra:
            of_tasks = [effect for effect in story.effects if effect.point is not None]
            before = count_effects(e for e in of_tasks if e.life != extra)
            more = [
                f"{identity} happened {times(count - before.get(identity, 0))} more "
                f"{AGAIN}"
                for identity, count in count_effects(of_tasks).items()
                if count > before.get(identity, 0)
            ]
        return Finding(Verdict.DUPLICATED, more[0], tuple(more[1:])) if more else None
