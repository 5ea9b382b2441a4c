"""NOT_FIRED: what was planned has never happened."""

from __future__ import annotations

from typing import final

from ..story import Finding, Story, Verdict


@final
class NotFired:
    """A schedule of which not everything happened has proved nothing."""

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        point, life = story.unreached, story.judged
        for each in story.lives:
            if each.number == story.missed_in:
                life = each
        if story.idle is not None:
            return Finding(
                Verdict.NOT_FIRED,
                f"{story.idle}: no store operation of its run followed in life "
                f"{life.number}, which {life.ended}",
                ("nothing has failed there, so nothing is proved; leave it out",),
            )
        if point is None:
            return None
        if point in life.points:
            return Finding(
                Verdict.NOT_FIRED,
                f"{point} was met, but not once more, in life {life.number}, which "
                f"{life.ended}",
                ("of several faults at one point, one happens each time it is met",),
            )
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
