"""REORDERED: effects came in an order that the undisturbed run rules out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, final

from ..effects import Effect
from ..story import Finding, Story, Verdict
from .wording import about

Place: TypeAlias = tuple[str, int, bool]
"""A state, a visit, and whether it is the compensation of it."""


@final
class Reordered:
    """What the undisturbed program does first must come first.

    Only the first time that each effect of a run happens is compared: whatever is
    repeated after a crash comes late. The undisturbed run orders less than it shows:
    one visit after another, and within a visit what one strand (an asyncio task, a
    call in a thread) does; what strands do beside each other may come in any order,
    and so may what different runs do.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        if story.has_failed and not baseline.has_failed:
            return None
        problems = [
            about(story, run) + problem
            for number, run in story.runs.items()
            for problem in _inverted(
                _first(baseline, number),
                _first(story, number),
                _order(baseline, number),
            )
        ]
        if not problems:
            return None
        return Finding(Verdict.REORDERED, problems[0], tuple(problems[1:]))


def _first(story: Story, run: int) -> Mapping[str, Effect]:
    """Return when each effect of a run's tasks happened first."""
    extra = 0 if story.extra is None else story.extra.number
    first: dict[str, Effect] = {}
    for effect in sorted(story.effects, key=lambda each: each.at):
        point = effect.point
        if point is not None and point.run == run and effect.life != extra:
            first.setdefault(effect.identity, effect)
    return first


def _order(story: Story, run: int) -> Mapping[Place, int]:
    """Return the visits of a run in the order in which they began."""
    began: dict[Place, int] = {}
    for each in sorted(story.task_runs, key=lambda task: task.at):
        if each.run == run:
            began.setdefault((each.state, each.visit, each.undoing), len(began))
    return began


def _inverted(
    usual: Mapping[str, Effect], seen: Mapping[str, Effect], order: Mapping[Place, int]
) -> Iterator[str]:
    """Compare each effect with the latest of those that have to come before it."""
    effects = [effect for name, effect in usual.items() if name in seen]
    effects.sort(key=lambda each: (order.get(_place(each), -1), each.at))
    earlier: Effect | None = None  # the latest seen of all earlier visits
    here: Effect | None = None  # the latest seen of this visit
    strands: dict[int, Effect] = {}  # and of each of its strands
    place: Place | None = None

    def later(one: Effect | None, other: Effect | None) -> Effect | None:
        known = [each for each in (one, other) if each is not None]
        return max(known, key=lambda each: seen[each.identity].at, default=None)

    for effect in effects:
        if _place(effect) != place:
            earlier, here, place = later(earlier, here), None, _place(effect)
            strands = {}
        before = later(earlier, strands.get(effect.strand))
        if (
            before is not None
            and before.at < effect.at
            and seen[before.identity].at > seen[effect.identity].at
        ):
            yield (
                f"{effect.identity} happened before {before.identity}, after it in the "
                "undisturbed run"
            )
        here = later(here, effect)
        strands[effect.strand] = later(strands.get(effect.strand), effect) or effect


def _place(effect: Effect) -> Place:
    point = effect.point
    state, visit = ("", 0) if point is None else (point.state, point.visit)
    return state, visit, effect.undoing
