"""One world, life after life: a schedule from its first crash to its judgement."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import nullcontext
from typing import final

from .chronicle import life_story, story
from .hints import found_in_place, hints
from .hosts import Host, InThisProcess, Living
from .life import Life
from .oracles import judge
from .outage import expect_power_loss
from .program import Program
from .reference import reference_for
from .schedule import CrashPoint, Fault, Schedule
from .script import UNDISTURBED, FirstNew, Planned, Script
from .story import LifeStory, Story, Trial, Verdict
from .unledgered import noticing
from .world import World


@final
class Expedition:
    """Lives a program's lives in one world.

    Args:
        program: the program.
        world: a fresh world.
        host: where its lives are lived; in this process unless said otherwise.
    """

    def __init__(
        self, program: Program, world: World, host: Host | None = None
    ) -> None:
        self._program = program
        self._host = host or InThisProcess()
        self._world = world
        self._lives: list[LifeStory] = []
        self._hints: list[str] = []
        self._unledgered: list[str] = []
        self._unreached: CrashPoint | None = None
        self._missed_in = 0
        self._idle: Fault | None = None
        self._schedule: Schedule | None = None
        self._began = time.perf_counter()

    def live(self, script: Script = UNDISTURBED, *, extra: bool = False) -> Life:
        """Live the next life, to its end."""
        life, living = self._begin(script, extra=extra)
        # Whatever the program does, it does undisturbed.
        undisturbed = self._schedule is None
        with noticing(life, self._unledgered.append) if undisturbed else nullcontext():
            stops = self._stops(life, living)
        if not stops:
            living.abandon()
            raise RuntimeError(f"life {life.number} stands still, and nobody lives on")
        return life

    def _begin(self, script: Script, *, extra: bool = False) -> tuple[Life, Living]:
        life = self._world.new_life(script)
        life.extra = extra
        return life, self._host.begin(self._program, life)

    def _stops(self, life: Life, living: Living) -> bool:
        """Let a life go on until it stops; False if it only stands still."""
        result = living.until_it_stops()
        if result is None:
            return False
        if self._schedule is None:
            self._hints += found_in_place(life)
        self._world.book.forget_unwritten()
        self._lives.append(life_story(life, result))
        self._lives.sort(key=lambda told: told.number)
        if self._schedule is not None and not self._hints:
            self._hints += hints(life, result)
        return True

    def _disturb(self, lives: Iterator[Script]) -> list[Life]:
        """Live the next life of a schedule; and its twin, if it stands still for one.

        Of two lives always one goes on, until it ends or stands still in its turn.
        """
        turns = deque([self._begin(next(lives))])
        begun = [turns[0][0]]
        try:
            while turns:
                life, living = turns[0]
                if not self._stops(life, living):
                    if len(begun) == 1:
                        twin = self._begin(next(lives, UNDISTURBED))
                        begun.append(twin[0])
                        turns.insert(1, twin)
                    turns.append((life, living))
                turns.popleft()
        finally:
            for _, living in turns:
                living.abandon()
        return begun

    def story(self) -> Story:
        """Tell what has happened so far."""
        return story(
            self._world,
            self._lives,
            schedule=self._schedule,
            unreached=self._unreached,
            missed_in=self._missed_in,
            idle=self._idle,
            hints=self._hints,
            unledgered=self._unledgered,
            duration=time.perf_counter() - self._began,
        )

    def through(
        self,
        schedule: Schedule,
        references: Sequence[Story],
        *,
        known: Container[str] = frozenset(),
    ) -> Trial:
        """Live through a schedule, and judge it.

        After the last crash there is one undisturbed life, or two if the first does
        not end what the baseline ended, and did not run away. A program that has
        done everything is then started once more, where its stores must know that
        there is nothing to do.

        Args:
            schedule: the schedule.
            references: what it may be compared with; see `pytest_cano.reference`.
            known: durable states that need not be recovered from once more.
        """
        self._schedule = schedule
        self._world.schedule = str(schedule)
        expect_power_loss(self._world, (fault.kind for fault in schedule.faults))
        scripts = iter([Planned(*faults) for faults in schedule.lives])
        lived = 0
        while lived < schedule.depth:
            lives = self._disturb(scripts)
            lived += len(lives)
            for life in lives:
                if self._missed(life):
                    return self._trial(references)
        if life.durable and life.durable in known:
            return self._trial(references, seen=True)
        return self._recovered(life, references, alone=len(lives) == 1)

    def everywhere(
        self,
        kind: str,
        baseline: Story,
        *,
        spared: Callable[[Fault], bool],
        most: int,
    ) -> Trial:
        """Crash at every point in turn, life after life, and judge that.

        Args:
            kind: how the lives end.
            baseline: what it is compared with.
            spared: says at which points no life is to end.
            most: lives at which there is an end to it.
        """
        passed: list[CrashPoint] = []
        self._schedule = Schedule.of(baseline.points[0], kind=kind)
        self._world.schedule = f"everywhere={kind}"
        while True:
            more = len(passed) < most
            life = self.live(FirstNew(passed, kind, spared) if more else UNDISTURBED)
            if life.crashed_at is None:
                break
            passed.append(life.crashed_at)
        if passed:
            self._schedule = Schedule.of(*passed, kind=kind)
        return self._recovered(life, [baseline], last=True)

    def scripted(
        self,
        scripts: Sequence[Script],
        baseline: Story,
        references: Callable[[Schedule], Sequence[Story]],
    ) -> Trial | None:
        """Live through scripts, and judge the schedule that comes of it.

        Args:
            scripts: one for each life; what comes after a life that has done
                everything, or to which nothing happens, is not lived.
            baseline: what the undisturbed program does.
            references: says what a schedule may be compared with.

        Returns:
            What was found; None if nothing has happened in the first life.
        """
        happened: list[tuple[Fault, ...]] = []
        self._world.schedule = "random"
        kinds = (kind for script in scripts for kind in script.kinds)
        expect_power_loss(self._world, kinds)
        coming = iter(scripts)
        for script in coming:
            lives = self._disturb(itertools.chain([script], coming))
            happened += filter(None, map(_happened, lives))
            if happened:
                self._schedule = Schedule(tuple(happened))
            life, alone = lives[-1], len(lives) == 1
            last = not any(map(_happened, lives))
            if last or life.unended or (alone and self._has_done_all(baseline)):
                break
        if self._schedule is None:
            return None
        judged_by = references(self._schedule)
        return self._recovered(life, judged_by, last=last, alone=alone)

    def _missed(self, life: Life) -> bool:
        """Say whether not all that was planned for a life has happened in it."""
        missing = life.script.missing or life.unfired
        if life.unended:
            # What does not end is stuck, whatever was planned for later.
            return missing is not None
        self._unreached, self._missed_in = missing, life.number
        self._idle = next(iter(life.stores.idle), None)
        return self._unreached is not None or self._idle is not None

    def _recovered(
        self,
        life: Life,
        references: Sequence[Story],
        *,
        last: bool = False,
        alone: bool = True,
    ) -> Trial:
        """Let the program recover, and judge.

        Args:
            life: the last life so far.
            references: what it may be compared with.
            last: whether that life was undisturbed already.
            alone: whether no other lived beside it.
        """
        # One that has done everything in spite of a fault has nothing to recover.
        if not last and not (alone and self._has_done_all(references[-1])):
            life = self.live()
        if not life.unended and any(_unfinished(references[-1], self._world)):
            self.live()
        trial = self._trial(references)
        if trial.findings or not self._world.book.restartable():
            return trial
        self._world.book.mark_extra_start()
        self.live(extra=True)
        return self._trial(references)

    def _has_done_all(self, baseline: Story) -> bool:
        returned = self._lives[-1].ended == "returned"
        return returned and not any(_unfinished(baseline, self._world))

    def _trial(self, references: Sequence[Story], *, seen: bool = False) -> Trial:
        schedule, told = self._schedule, self.story()
        if schedule is None:
            raise RuntimeError("nothing was done to this program")
        reference = reference_for(told, references)
        findings = () if seen else judge(reference, told)
        verdict = findings[0].verdict if findings else Verdict.PASS
        return Trial(schedule, verdict, findings, told, reference, seen=seen)


def _happened(life: Life) -> tuple[Fault, ...]:
    """Return what has happened in a life: not what its store was still to do."""
    idle = [*life.stores.idle]
    return tuple(fault for fault in life.struck if fault not in idle)


def _unfinished(baseline: Story, world: World) -> Iterator[int]:
    exits = {record.run: record.exit for record in world.book.records.values()}
    for run in baseline.runs.values():
        if run.exit is not None and exits.get(run.run) is None:
            yield run.run
