"""One world, life after life: a schedule from its first crash to its judgement."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Container, Iterator, Sequence
from typing import final

from .chronicle import life_story, story
from .hints import found_in_place, hints
from .hosts import Host, InThisProcess, Living
from .kept_log import ROLLED_BACK
from .life import Life
from .oracles import judge
from .outage import expect_power_loss
from .program import Program
from .schedule import CrashPoint, Fault, Schedule
from .script import UNDISTURBED, FirstNew, Planned, Script
from .story import LifeStory, Story, Trial, Verdict
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
        self._unreached: CrashPoint | None = None
        self._schedule: Schedule | None = None
        self._began = time.perf_counter()

    def live(self, script: Script = UNDISTURBED, *, extra: bool = False) -> Life:
        """Live the next life, to its end."""
        life, living = self._begin(script, extra=extra)
        if not self._stops(life, living):
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
        while turns:
            life, living = turns.popleft()
            if self._stops(life, living):
                continue
            if len(begun) == 1:
                turns.append(self._begin(next(lives, UNDISTURBED)))
                begun.append(turns[0][0])
            turns.append((life, living))
        return begun

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

    def through(
        self,
        schedule: Schedule,
        baseline: Story,
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
            baseline: what it is compared with.
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
                missing = life.script.missing or life.unfired
                if missing is not None:
                    # What does not end is stuck, whatever was planned for later.
                    ended = not (life.runaway or life.gave_up)
                    self._unreached = missing if ended else None
                    return self._trial(schedule, baseline)
        if life.durable and life.durable in known:
            return self._trial(schedule, baseline, seen=True)
        return self._recovered(life, schedule, baseline, alone=len(lives) == 1)

    def everywhere(self, kind: str, baseline: Story, *, most: int) -> Trial:
        """Crash at every point in turn, life after life, and judge that.

        Args:
            kind: how the lives end.
            baseline: what it is compared with.
            most: lives at which there is an end to it.
        """
        passed: list[CrashPoint] = []
        self._world.schedule = f"everywhere={kind}"
        self._schedule = Schedule.of(baseline.points[0], kind=kind)
        while True:
            script = FirstNew(passed, kind) if len(passed) < most else UNDISTURBED
            life = self.live(script)
            if life.crashed_at is None:
                break
            passed.append(life.crashed_at)
        schedule = Schedule.of(*passed, kind=kind) if passed else self._schedule
        self._schedule = schedule
        return self._recovered(life, schedule, baseline, last=True)

    def scripted(self, scripts: Sequence[Script], baseline: Story) -> Trial | None:
        """Live through scripts, and judge the schedule that comes of it.

        Returns:
            What was found; None if nothing has happened in the first life.
        """
        lives: list[tuple[Fault, ...]] = []
        self._world.schedule = "random"
        kinds = (kind for script in scripts for kind in script.kinds)
        expect_power_loss(self._world, kinds)
        left, lived = iter(scripts), 0
        undisturbed = alone = False
        while lived < len(scripts) and not undisturbed:
            self._schedule = Schedule(tuple(lives)) if lives else None
            begun = self._disturb(left)
            lived += len(begun)
            alone = len(begun) == 1
            undisturbed = not begun[-1].struck
            lives += (tuple(life.struck) for life in begun if life.struck)
        if not lives:
            return None
        self._schedule = schedule = Schedule(tuple(lives))
        return self._recovered(
            begun[-1], schedule, baseline, last=undisturbed and alone, alone=alone
        )

    def _recovered(
        self,
        life: Life,
        schedule: Schedule,
        baseline: Story,
        *,
        last: bool = False,
        alone: bool = True,
    ) -> Trial:
        """Let the program recover, and judge.

        Args:
            life: the last life so far.
            schedule: what was done to it.
            baseline: what it is compared with.
            last: whether that life was undisturbed already.
            alone: whether no other lived beside it.
        """
        # One that has done everything in spite of a fault has nothing to recover.
        returned = alone and self._lives[-1].ended == "returned"
        if not last and (not returned or any(_unfinished(baseline, self._world))):
            life = self.live()
        if not (life.runaway or life.gave_up) and any(
            _unfinished(baseline, self._world)
        ):
            self.live()
        trial = self._trial(schedule, baseline)
        if trial.findings or not self._world.book.restartable():
            return trial
        self._world.book.mark_extra_start()
        self.live(extra=True)
        return self._trial(schedule, baseline)

    def _trial(
        self, schedule: Schedule, baseline: Story, *, seen: bool = False
    ) -> Trial:
        told = self.story()
        if seen:
            return Trial(schedule, Verdict.PASS, (), told, baseline, seen=True)
        reference = baseline
        if _undone_instead(baseline, told):
            # It failed as planned and was undone: only the log says what is right.
            reference = told
        findings = judge(reference, told)
        verdict = findings[0].verdict if findings else Verdict.PASS
        return Trial(schedule, verdict, findings, told, reference)


def _unfinished(baseline: Story, world: World) -> Iterator[int]:
    exits = {record.run: record.exit for record in world.book.records.values()}
    for run in baseline.runs.values():
        if run.exit is not None and exits.get(run.run) is None:
            yield run.run


def _undone_instead(baseline: Story, story: Story) -> bool:
    """Say whether a planned failure has led to a rollback that is none undisturbed."""
    failed = any(
        fault.described.family in ("task", "hang")
        for life in story.lives
        for fault in life.struck
    )
    return failed and any(
        run.exit is not None
        and run.exit.endswith(ROLLED_BACK)
        and run.exit != getattr(baseline.runs.get(number), "exit", None)
        for number, run in story.runs.items()
    )
