"""The explorer: which schedules there are, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

from .expedition import Expedition
from .injection import listening
from .oracles import FlakyBaseline
from .plan import Plan, make_plan
from .program import LifeResult, Program
from .runbook import RunKey
from .schedule import Schedule
from .selectors import Selector
from .story import Finding, Story, Trial, Verdict
from .world import World

__all__ = ["Explorer", "LifeResult", "Plan", "Program", "Trial"]


@final
class Explorer:
    """Runs a program undisturbed, and then through its schedules.

    Args:
        program: the program.
        new_world: makes a world with an empty disk.
        selectors: what to crash.
        ignore_effects: names of effects (fnmatch patterns) that are not judged.
    """

    def __init__(
        self,
        program: Program,
        *,
        new_world: Callable[[], World],
        selectors: Sequence[Selector],
        ignore_effects: Sequence[str] = (),
    ) -> None:
        self.program = program
        self.selectors = tuple(selectors)
        self._new_world = new_world
        self._ignored = tuple(ignore_effects)
        self._baseline: Story | None = None
        self._usual: Mapping[str, int] | None = None
        self._first_runs: Mapping[RunKey, int] = {}
        self._expected: Mapping[RunKey, int] = {}

    def record(self) -> Story:
        """Run the program undisturbed, the first time: the baseline.

        Whether it passed is said by ``story.judged.ended``; a program that fails
        undisturbed is not to be crashed.
        """
        self._baseline, self._first_runs, self._usual = self._undisturbed()
        return self._baseline

    def plan(self, baseline: Story) -> Plan:
        """Say which schedules the selectors mean, given what the baseline met."""
        return make_plan(self.selectors, baseline)

    def confirm(self, baseline: Story) -> Finding | None:
        """Run the program undisturbed once more; say what differed, if anything."""
        again, runs, _ = self._undisturbed()
        # Ids that are made up anew in every process say nothing about a run.
        self._expected = dict(self._first_runs.items() & runs.items())
        return FlakyBaseline().judge(baseline, again)

    def run(self, schedule: Schedule) -> Trial:
        """Run the program through one schedule, and judge it against the baseline."""
        baseline = self._baseline
        if baseline is None:
            raise RuntimeError("record() comes before run()")
        world = self._world()
        with listening():
            trial = Expedition(self.program, world).through(schedule, baseline)
        if trial.verdict is Verdict.PASS:
            world.discard()
        return trial

    def _undisturbed(self) -> tuple[Story, Mapping[RunKey, int], Mapping[str, int]]:
        world = self._world()
        expedition = Expedition(self.program, world)
        life = expedition.live()
        told = expedition.story()
        runs = {key: record.run for key, record in world.book.records.items()}
        if told.judged.ended != "failed":
            world.discard()
        return told, runs, life.counts

    def _world(self) -> World:
        world = self._new_world()
        world.ignored = self._ignored
        world.book.expected = self._expected
        world.usual = self._usual
        return world
