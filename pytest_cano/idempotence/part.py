"""The task of a state, or its compensation: what of it was met, and is repeated."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar, final

from ..explorer import Explorer
from ..functions import FunctionProgram
from ..report.text import flaky_text
from ..schedule import CrashPoint, Schedule
from ..story import Story, Trial, Verdict
from ..world import World
from .duplicate import LateDuplicate
from .levels import LEVELS, Level
from .program import TaskProgram
from .telling import unjudged

T = TypeVar("T")

Repeated: TypeAlias = tuple[Level, Trial]

Explore: TypeAlias = Callable[[TaskProgram], tuple[FunctionProgram, Explorer]]
"""Returns what runs a program through schedules."""

MOST_PREFIXES: Final = 19
"""Prefixes of a task that are combined with each other: each with each, 380 in all."""

_OUTSIDE: Final = frozenset({"load", "enter", "recorded", "cleared"})
"""Moments of a state that are none of its task or compensation."""


@final
class Part:
    """Repeats the task of a state, or its compensation.

    Args:
        function: the program.
        explore: returns what runs it.
        new_world: makes a world with an empty disk.
        undoing: whether it is the compensation.

    Attributes:
        function: the program.
        name: what it is called: ``the compensation of Book``.
        kind: what of the state it is: ``the compensation``.
        flaky: what is to be said of an undisturbed run that is not always the same.
        limits: what is not tried, and why.
    """

    def __init__(
        self,
        function: TaskProgram,
        *,
        explore: Explore,
        new_world: Callable[[], World],
        undoing: bool = False,
    ) -> None:
        self.function = function
        self.limits: list[str] = []
        self._explore = explore
        self._new_world = new_world
        self._undoing = undoing
        self.kind = "the compensation" if undoing else "the task"
        label = function.passage.wanted[0]
        self.name = f"{self.kind} of {label}"
        _, self._explorer = explore(function)
        self._baseline, self.flaky = self._recorded(
            self._explorer, f"{label} failed undisturbed, so it was not repeated"
        )
        if not function.passage.found:
            way = "; ".join(self._baseline.judged.path) or "nowhere"
            raise ValueError(
                f"the run never came to {label}: it went {way}; let it begin elsewhere "
                "(start=), or with other data (data=)"
            )
        self._own = self._points(self._baseline.points)
        self._singles: list[Trial] = []

    def repeated(self, most: int) -> Iterator[Repeated]:
        """Repeat it in the way of each level; stop asking, and it stops."""
        if self._undoing and not self._own:
            self.limits.append(
                f"{self.name} is never called here: an exit state follows"
            )
            return
        if not any(effect.point in self._own for effect in self._baseline.effects):
            self.limits.append(
                f"the ledger was told of no effect of {self.name}, so only what it "
                "leads to, and what was observed, was compared"
            )
        ways = (self._twice, self._prefixes, self._combined, self._late_duplicate)
        for level, way in zip(LEVELS[:most], ways, strict=False):
            for trial in way():
                yield level, trial

    def _twice(self) -> Iterator[Trial]:
        return map(self._single, filter(_is_end, self._own))

    def _prefixes(self) -> Iterator[Trial]:
        return map(self._single, itertools.filterfalse(_is_end, self._own))

    def _single(self, point: CrashPoint) -> Trial:
        trial = self._explorer.run(Schedule.of(point))
        self._singles.append(trial)
        return trial

    def _combined(self) -> Iterator[Trial]:
        """Stop it twice, at each two prefixes, and three times at the same one."""
        chosen = _spread(self._singles, MOST_PREFIXES)
        if len(chosen) < len(self._singles):
            self.limits.append(
                f"{self.name} has {len(self._singles)} prefixes, of which "
                f"{len(chosen)} were combined with each other"
            )
        for single in chosen:
            before = single.schedule.faults[0].point
            for point in _spread(self._points(single.recovery), MOST_PREFIXES):
                trial = self._explorer.run(single.schedule.then(point))
                yield trial
                if point == before and point in trial.recovery:
                    yield self._explorer.run(trial.schedule.then(point))

    def _late_duplicate(self) -> Iterator[Trial]:
        """Let the state after it run, too, and then it once more."""
        function, baseline = self.function, self._baseline
        if not self._undoing:
            function = TaskProgram(function.wanted, function.passage.widened())
        program, explorer = self._explore(function)
        if function is not self.function:
            baseline, self.flaky = self._recorded(
                explorer,
                f"at level 4 the state that follows {self.function.wanted.label} runs, "
                "too; this is how it went undisturbed",
            )
        if not self.flaky:
            late = LateDuplicate(program, function, self._own[0], undoing=self._undoing)
            world = self._new_world()
            trial = late.trial(world, baseline)
            if trial.verdict is Verdict.PASS:
                world.discard()
            yield trial

    def _points(self, points: Sequence[CrashPoint]) -> list[CrashPoint]:
        """Return those of the wanted visit, and of this part of it."""
        own = [
            point
            for point in points
            if (point.state, point.visit) == self.function.passage.wanted
            and point.run == 1
            and point.moment not in _OUTSIDE
        ]
        if not self._undoing:
            return own
        return [*itertools.dropwhile(lambda point: point.moment != "undo", own)]

    def _recorded(self, explorer: Explorer, otherwise: str) -> tuple[Story, str]:
        """Run undisturbed, twice; return the story, and what differed if anything did.

        Raises:
            BaseException: whatever the program raises; with a note, if a run began.
        """
        baseline = explorer.record()
        error = getattr(explorer.program, "error", None)
        if isinstance(error, BaseException):
            if baseline.judged.path:
                error.add_note(otherwise)
            raise error
        finding = explorer.confirm(baseline)
        if finding is None:
            return baseline, ""
        return baseline, unjudged(self.name, flaky_text(finding, baseline))


def _is_end(point: CrashPoint) -> bool:
    return point.moment in ("end", "undone")


def _spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many, the first and the last among them, evenly spread."""
    if len(items) <= most:
        return list(items)
    step = (len(items) - 1) / (most - 1)
    return [items[round(number * step)] for number in range(most)]
