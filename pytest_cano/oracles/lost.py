"""LOST: an effect happened less often than undisturbed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from ..effects import count_effects, first_of_their_key
from ..story import Finding, Story, Verdict
from .wording import times


@final
class Lost:
    """What the undisturbed program does must be done in spite of a crash.

    A call under a key that a call with other arguments had taken is none: whoever
    remembers the key answers with the first one's result.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        less = [*_too_rarely(baseline, story)]
        return Finding(Verdict.LOST, less[0], tuple(less[1:])) if less else None


def _too_rarely(baseline: Story, story: Story) -> Iterator[str]:
    extra = 0 if story.extra is None else story.extra.number
    earlier = [effect for effect in story.effects if effect.life != extra]
    called = count_effects(earlier)
    seen = count_effects(first_of_their_key(earlier))
    usual = count_effects(first_of_their_key(baseline.effects))
    for identity, count in usual.items():
        if seen.get(identity, 0) < count:
            yield (
                f"{identity} happened {times(seen.get(identity, 0))}, "
                f"{count} {baseline.usual}"
            )
            if called.get(identity, 0) > seen.get(identity, 0):
                yield (
                    f"{identity} came under a key that a call with other arguments "
                    "had taken, which whoever remembers the key answers again"
                )
