"""One world, life after life: a schedule from its first crash to its judgement."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import final

from .chronicle import life_story, story
from .hints import found_in_place, hints
from .injection import injected
from .life import Life
from .oracles import judge
from .program import Program
from .schedule import CrashPoint, Fault, Schedule
from .story import LifeStory, Story, Trial, Verdict
from .world import World


@final
class Expedition:
    """Lives a program's lives in one world.

    Args:
        program: the program.
        world: a fresh world.
    """

    def __init__(self, program: Program, world: World) -> None:
        self._program = program
        self._world = world
        self._lives: list[LifeStory] = []
        self._hints: list[str] = []
        self._unreached: CrashPoint | None = None
        self._schedule: Schedule | None = None
        self._began = time.perf_counter()

    def live(self, fault: Fault | None = None, *, extra: bool = False) -> Life:
        """Live the next life."""
        life = self._world.new_life(fault)
        life.extra = extra
        with injected(life):
            result = self._program.live(life)
        if self._schedule is None:
            self._hints += found_in_place(life)
        self._world.book.forget_unwritten()
        self._lives.append(life_story(life, result))
        if self._schedule is not None and not self._hints:
            self._hints += hints(life, result)
        return life

    def story(self) -> Story:
        """Tell what has happened so far."""
        return story(
            self._world,
            self._lives,
            schedule=self._schedule,
            unreached=self._unreached,
            hints=self._hints,
            duration=time.perf_counter() - self._began,
        )

    def through(self, schedule: Schedule, baseline: Story) -> Trial:
        """Live through a schedule, and judge it.

        After the last crash there is one undisturbed life, or two if the first does
        not end what the baseline ended, and did not run away. A program that has
        done everything is then started once more, where its stores must know that
        there is nothing to do.
        """
        self._schedule = schedule
        for fault in schedule.faults:
            life = self.live(fault)
            if not life.crashed:
                # What runs away is stuck, whatever was planned for later.
                self._unreached = None if life.runaway else fault.point
                return self._trial(schedule, baseline)
        if not self.live().runaway and any(_unfinished(baseline, self._world)):
            self.live()
        trial = self._trial(schedule, baseline)
        if trial.findings or not self._world.book.restartable():
            return trial
        self._world.book.mark_extra_start()
        self.live(extra=True)
        return self._trial(schedule, baseline)

    def _trial(self, schedule: Schedule, baseline: Story) -> Trial:
        told = self.story()
        findings = judge(baseline, told)
        verdict = findings[0].verdict if findings else Verdict.PASS
        return Trial(schedule, verdict, findings, told, baseline)


def _unfinished(baseline: Story, world: World) -> Iterator[int]:
    exits = {record.run: record.exit for record in world.book.records.values()}
    for run in baseline.runs.values():
        if run.exit is not None and exits.get(run.run) is None:
            yield run.run
