"""NOT_FIRED: the planned crash was never reached."""

from __future__ import annotations

from typing import final

from ..story import Finding, Story, Verdict


@final
class NotFired:
    """A schedule whose crash did not happen has proved nothing."""

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        point = story.unreached
        if point is None:
            return None
        life = story.judged
        first = life.number == 1
        return Finding(
            Verdict.NOT_FIRED,
            f"{point} was never reached in life {life.number}, which {life.ended}",
            (
                "the undisturbed run met it: the program does not do the same in "
                "every run"
                if first and point in baseline.points
                else "nothing was crashed there, so nothing is proved; leave it out, "
                "or name a point that this life meets",
            ),
        )
