"""The lives of a schedule as a way through the program's lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from .timeline import end_of, notes_of, way_of

if TYPE_CHECKING:
    from ..story import LifeStory, Story
    from .source import Line, Sources

MOST_EFFECTS: Final = 50
"""Effects of a life that are steps; the others are counted."""


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way.

    Attributes:
        line: where it is.
        text: what happens there.
    """

    line: Line
    text: str


def steps_of(story: Story, sources: Sources, test: Line) -> Iterator[Step]:
    """Return every life: how it went, what it did, and how it ended.

    Args:
        story: of the schedule.
        sources: what its files are called.
        test: the line of what has no line of its own.
    """
    for life in story.lives:
        yield from _steps(life, story, sources, test)


def _steps(
    life: LifeStory, story: Story, sources: Sources, test: Line
) -> Iterator[Step]:
    name = f"life {life.number}"
    yield Step(test, f"{name}: {way_of(life)}")
    last = test
    effects = [each for each in story.effects if each.life == life.number]
    for effect in effects[:MOST_EFFECTS]:
        last = sources.line(effect.location) or test
        undoing = " (undoing)" if effect.undoing else ""
        yield Step(last, f"{name}: {effect.identity}{undoing}")
    if len(effects) > MOST_EFFECTS:
        yield Step(last, f"{name}: … and {len(effects) - MOST_EFFECTS} more effects")
    for note in notes_of(life):
        yield Step(last, f"{name}: {note}")
    if end := end_of(life):
        point = life.crashed_at
        alike = [
            e for e in effects if point and e.point and e.point.state == point.state
        ]
        if point is not None and not alike:
            last = sources.task_line(story, point) or last
        yield Step(sources.line(life.place) or last, f"{name}: {end}")
