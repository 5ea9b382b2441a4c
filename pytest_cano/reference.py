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
    exits = {number: run.exit for number, run in story.runs.items()}
    for reference in references:
        if all(exits.get(run.run) == run.exit for run in reference.runs.values()):
            return reference
    usual = references[-1].runs
    if any(
        end is not None and end != getattr(usual.get(number), "exit", None)
        for number, end in exits.items()
    ):
        return as_reference(story)
    return references[-1]


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
