"""What a life went through, in the words that every report has for it."""

from __future__ import annotations

from collections.abc import Iterator

from ..story import LifeStory, Story


def way_of(life: LifeStory) -> str:
    """Return the way that a life took: ``resumed at Process > Done``."""
    way = "; ".join(life.path)
    if life.extra:
        return "the finished program, started once more" + (way and f": {way}")
    return way or "no state was entered"


def end_of(life: LifeStory) -> str:
    """Return how it ended: ``crashed at end: the task had returned, ...``.

    Empty if it came to its end.
    """
    point = life.crashed_at
    if point is not None:
        last = life.path[-1].split(" > ")[-1] if life.path else ""
        here = last.removeprefix("resumed at ") == point.state
        alone = point.run == 1 and point.visit == 1
        where = point.step if here and alone else str(point)
        phrase = point.phrase(undoing=life.undoing)
        if life.place:
            phrase += f" ({life.place})"
        return f"crashed at {where}: {phrase}"
    if life.ended == "failed":
        return f"failed: {life.reason}"
    return "was skipped" if life.ended == "skipped" else ""


def notes_of(life: LifeStory) -> Iterator[str]:
    """Say what else happened in it: faults that it survived, and what was noted."""
    for fault in life.struck:
        if survived := fault.described.survived:
            yield survived.format(fault.point)
    yield from life.notes


def failure_of(story: Story) -> list[str]:
    """Return the lines that the judged life failed with; none if it did not fail."""
    life = story.judged
    if life.ended != "failed" or not life.failure.strip():
        return []
    lines = life.failure.strip("\n").splitlines()
    if any(line.startswith("E  ") for line in lines[:-1]):
        # The last line only says once more what the timeline says of this life.
        lines = lines[:-1]
    return [line.rstrip() for line in lines]
