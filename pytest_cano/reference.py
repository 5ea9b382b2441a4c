"""What a schedule is compared with.

A crash must change nothing: the undisturbed run is what is right. A planned failure of
a task is no crash: it may rightly lead elsewhere, into a rollback or to another exit
state. What is right then is what the program does if the failures happen and no life
is crashed; and of a failure alone, nobody but the log knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .schedule import Schedule
from .story import Story


def failures_alone(schedule: Schedule) -> Schedule | None:
    """Return a schedule without what must change nothing; None if nothing is left."""
    lives = tuple(
        kept
        for faults in schedule.lives
        if (
            kept := tuple(
                fault for fault in faults if fault.described.family in ("task", "hang")
            )
        )
    )
    return Schedule(lives) if lives else None


def reference_for(story: Story, references: Sequence[Story]) -> Story:
    """Return what a story is to be compared with.

    Args:
        story: the story.
        references: the undisturbed run last; before it what the failures of the
            schedule lead to by themselves, where that is known.
    """
    if not story.has_failed:
        return references[-1]
    ends = _ends(story)
    if len(references) == 1 and _turned_as_planned(story):
        # Where it would have turned by itself, it would have done more before.
        return as_reference(story)
    for reference in references:
        if all(ends.get(run) == end for run, end in _ends(reference).items()):
            return reference
    usual = _ends(references[-1])
    if any(
        run.exit is not None and ends[number] != usual.get(number)
        for number, run in story.runs.items()
    ):
        return as_reference(story)
    return references[-1]


def _turned_as_planned(story: Story) -> bool:
    """Say whether a rollback began with the visit that was made to fail."""
    planned = {
        (fault.point.run, (fault.point.state, fault.point.visit))
        for life in story.lives
        for fault in life.struck
        if fault.described.family in ("task", "hang")
    }
    return any((number, run.turned_at) in planned for number, run in story.runs.items())


def _ends(story: Story) -> dict[int, tuple[str | None, tuple[str, int] | None]]:
    """Return where each run came to: in a loop, a state is not always the same end."""
    return {number: (run.exit, run.turned_at) for number, run in story.runs.items()}


def as_reference(story: Story) -> Story:
    """Return a story without the extra start of the finished program."""
    if story.extra is None:
        return story
    extra = story.extra.number
    return replace(
        story,
        lives=story.lives[:-1],
        effects=tuple(each for each in story.effects if each.life != extra),
        task_runs=tuple(each for each in story.task_runs if each.life != extra),
    )
