"""A late duplicate: a process that stood still runs its task after everybody else.

The first life comes to the task and stands still. A second one resumes the run, runs
the task and goes on. Then the first one does what it was about to do, though the log is
not its own any more. A third life looks at what has become of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, final

from ..expedition import Expedition
from ..functions import FunctionProgram
from ..injection import listening
from ..oracles import Oracle
from ..oracles.diverged import Diverged
from ..oracles.duplicated import Duplicated
from ..oracles.lost import Lost
from ..oracles.stuck import Stuck
from ..oracles.two_owners import TwoOwners
from ..places import in_thread
from ..schedule import CrashPoint, Fault, Schedule
from ..story import Finding, Story, Trial, Verdict
from ..world import World
from .program import TaskProgram

_ORACLES: Final[tuple[Oracle, ...]] = (
    Stuck(),
    TwoOwners(),
    Duplicated(),
    Lost(),
    Diverged(),
)
"""What the world shows. That the task ran in both lives is what was wanted."""


@final
class LateDuplicate:
    """Lives three lives in one world.

    Args:
        program: the program that `function` is called by.
        function: the same, as far as it can be interrupted.
        point: where the first life stands still.
        undoing: whether that is in a rollback.
    """

    def __init__(
        self,
        program: FunctionProgram,
        function: TaskProgram,
        point: CrashPoint,
        *,
        undoing: bool,
    ) -> None:
        self._program = program
        self._function = function
        self._point = point
        self._undoing = undoing

    def trial(self, world: World, baseline: Story) -> Trial:
        """Live them, and compare with the undisturbed run."""
        expedition = Expedition(self._program, world)
        errors: list[BaseException] = []
        stood_still = False

        def second() -> None:
            nonlocal stood_still
            stood_still = True
            try:
                expedition.live()
            except BaseException as error:  # noqa: BLE001 -- raised again below
                errors.append(error)

        # The event loop of this thread stands still, with everything in it.
        self._function.meanwhile = lambda: in_thread(second)
        with listening():
            first = expedition.live()
            if errors:
                raise errors[0]
            part = "compensation" if self._undoing else "task"
            first.note(
                f"it stood still before the {part}, until life 2 had ended, and then "
                "ran it"
            )
            known = _is_known(world)
            if known:
                expedition.live()
        story = expedition.story()
        if not known:
            # The first life was the last to look.
            last = {name: tuple(seen) for name, seen in first.observations.items()}
            story = replace(story, observations={**story.observations, **last})
        told = sorted(story.lives, key=lambda life: life.number)
        notes = (*told[0].notes, *first.notes)
        told[0] = replace(told[0], notes=tuple(dict.fromkeys(notes)))
        story = replace(story, lives=tuple(told))
        proved = stood_still and self._ran_in_life_1(story)
        findings = tuple(self._judge(baseline, story) if proved else self._unproved())
        verdict = findings[0].verdict if findings else Verdict.PASS
        schedule = Schedule(((Fault(self._point, "twin"),),))
        return Trial(schedule, verdict, findings, story, baseline)

    def _ran_in_life_1(self, story: Story) -> bool:
        return any(
            each.life == 1
            and each.state == self._point.state
            and each.undoing is self._undoing
            for each in story.task_runs
        )

    def _judge(self, baseline: Story, story: Story) -> Iterator[Finding]:
        for oracle in _ORACLES:
            finding = oracle.judge(baseline, story)
            if finding is not None:
                yield finding

    def _unproved(self) -> Iterator[Finding]:
        yield Finding(
            Verdict.NOT_FIRED,
            f"no late duplicate ran at {self._point}, so nothing is proved",
        )


def _is_known(world: World) -> bool:
    """Say whether another start finds the run: one that is forgotten would begin."""
    return all(
        record.remembers or record.log.rows for record in world.book.records.values()
    )
