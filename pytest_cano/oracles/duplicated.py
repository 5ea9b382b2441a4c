"""DUPLICATED: an effect happened more often than undisturbed."""

from __future__ import annotations

from collections.abc import Iterator
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
        more = [*_too_often(baseline, story)] or [*_in_extra_start(story)]
        return Finding(Verdict.DUPLICATED, more[0], tuple(more[1:])) if more else None


def _too_often(baseline: Story, story: Story) -> Iterator[str]:
    extra = 0 if story.extra is None else story.extra.number
    earlier = [effect for effect in story.effects if effect.life != extra]
    usual, seen = count_effects(baseline.effects), count_effects(earlier)
    of_tasks = {effect.identity for effect in earlier if effect.point is not None}
    for identity, count in seen.items():
        if count > usual.get(identity, 0):
            yield (
                f"{identity} happened {times(count)}, {usual.get(identity, 0)} in the "
                "undisturbed run"
            )
            if identity not in of_tasks:
                yield (
                    f"{identity} is done outside of every task, so by every start of "
                    "the program; what only prepares a test is better done without "
                    "the ledger, or named in cano_ignore_effects"
                )


def _in_extra_start(story: Story) -> Iterator[str]:
    if story.extra is None:
        return
    of_tasks = [effect for effect in story.effects if effect.point is not None]
    before = count_effects(e for e in of_tasks if e.life != story.extra.number)
    for identity, count in count_effects(of_tasks).items():
        if count > before.get(identity, 0):
            yield (
                f"{identity} happened {times(count - before.get(identity, 0))} more "
                f"{AGAIN}"
            )
