"""The explorer: which schedules there are, and what becomes of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, final

from .expedition import Expedition
from .faults import DEFAULT
from .forgetting import starts_over
from .hosts import Host
from .injection import listening
from .oracles import FlakyBaseline
from .outage import why_not
from .plan import Plan, make_plan
from .program import LifeResult, Program
from .reference import as_reference, failures_alone
from .runbook import RunKey
from .schedule import Fault, Schedule
from .scope import Scope
from .script import Script
from .selectors import Selector
from .story import Finding, Story, Trial, Verdict
from .world import World

__all__ = ["Explorer", "LifeResult", "Plan", "Program", "Trial"]

APART: Final = frozenset({"kill", "twin"})
"""What happens to a life only in a process of its own."""

EVERYWHERE: Final = 200
"""Lives after which even a search everywhere comes to its end."""

MOST_REFERENCES: Final = 50
"""Stories that are kept to compare others with."""


@final
class Explorer:
    """Runs a program undisturbed, and then through its schedules.

    Args:
        program: the program.
        new_world: makes a world with an empty disk.
        selectors: what to crash.
        ignore_effects: names of effects (fnmatch patterns) that are not judged.
        ignore_observations: names of observations (fnmatch patterns) that are not
            compared.
        scope: how far to go.
        processes: gives lives a process of their own; None where that can't be.

    Attributes:
        processes: gives lives a process of their own; None where that can't be.
        serial: why schedules could not be run beside each other; empty otherwise.
    """

    def __init__(
        self,
        program: Program,
        *,
        new_world: Callable[[], World],
        selectors: Sequence[Selector],
        ignore_effects: Sequence[str] = (),
        ignore_observations: Sequence[str] = (),
        scope: Scope | None = None,
        processes: Host | None = None,
    ) -> None:
        self.program = program
        self.selectors = tuple(selectors)
        self.scope = (scope or Scope()).fine_enough(self.selectors)
        self.serial = ""
        self.processes = processes
        self._new_world = new_world
        self._ignored = tuple(ignore_effects)
        self._ignored_observations = tuple(ignore_observations)
        self._baseline: Story | None = None
        self._usual: Mapping[str, int] | None = None
        self._first_runs: Mapping[RunKey, int] = {}
        self._expected: Mapping[RunKey, int] = {}
        self._references: dict[Schedule, Story] = {}

    @property
    def baseline(self) -> Story:
        """What the undisturbed program does."""
        if self._baseline is None:
            raise RuntimeError("record() comes before run()")
        return self._baseline

    def record(self) -> Story:
        """Run the program undisturbed, the first time: the baseline.

        Whether it passed is said by ``story.judged.ended``; a program that fails
        undisturbed is not to be crashed.
        """
        self._baseline, self._first_runs, self._usual = self._undisturbed()
        return self._baseline

    def plan(self, baseline: Story) -> Plan:
        """Say which schedules the selectors mean, given what the baseline met."""
        return make_plan(self.selectors, baseline, self.scope)

    def confirm(self, baseline: Story) -> Finding | None:
        """Run the program undisturbed once more; say what differed, if anything."""
        again, runs, _ = self._undisturbed()
        # Ids that are made up anew in every process say nothing about a run.
        self._expected = dict(self._first_runs.items() & runs.items())
        return FlakyBaseline().judge(baseline, again)

    def run(self, schedule: Schedule, *, known: Container[str] | None = None) -> Trial:
        """Run the program through one schedule, and judge it.

        Args:
            schedule: the schedule.
            known: durable states that need not be recovered from once more; None
                where nobody asks for states.
        """
        references = self._references_for(schedule)
        world = self._world(tells_states=known is not None)
        with listening():
            expedition = Expedition(
                self.program, world, self._host(fault.kind for fault in schedule.faults)
            )
            trial = expedition.through(schedule, references, known=known or frozenset())
        return self._tidied(trial, world)

    def run_everywhere(self, kind: str) -> Trial:
        """Crash the program at every point in turn, in one world, and judge it."""
        world = self._world()
        with listening():
            trial = Expedition(self.program, world, self._host([kind])).everywhere(
                kind,
                self.baseline,
                spared=partial(starts_over, baseline=self.baseline),
                most=EVERYWHERE,
            )
        selector = f"everywhere={kind}"
        name = "everywhere" if kind == DEFAULT else selector
        trial = replace(trial, way="everywhere", name=name, selector=selector)
        return self._tidied(trial, world)

    def run_scripts(self, scripts: Sequence[Script]) -> Trial | None:
        """Run the program through scripts; None if nothing of them has happened."""
        world = self._world()
        with listening():
            kinds = (kind for script in scripts for kind in script.kinds)
            expedition = Expedition(self.program, world, self._host(kinds))
            trial = expedition.scripted(scripts, self.baseline, self._references_for)
        if trial is None:
            world.discard()
            return None
        return self._tidied(replace(trial, way="random"), world)

    def spared(self, fault: Fault) -> bool:
        """Say whether a fault is not to happen where nobody has named it."""
        return starts_over(fault, self.baseline)

    def can_carry_out(self, kind: str) -> bool:
        """Say whether a kind of fault can happen to this program, here."""
        if kind in APART:
            return self.processes is not None
        return not why_not([kind], self.baseline)

    def _host(self, kinds: Iterable[str]) -> Host | None:
        """Return where lives are lived to which such things happen."""
        if APART.isdisjoint(kinds):
            return None
        if self.processes is None:
            raise RuntimeError(f"{self.program.name} can't be given a process")
        return self.processes

    def _references_for(self, schedule: Schedule) -> Sequence[Story]:
        """Return what a schedule may be compared with, the undisturbed run last."""
        alone = failures_alone(schedule)
        if alone is None or alone == schedule:
            return [self.baseline]
        if alone not in self._references:
            if len(self._references) >= MOST_REFERENCES:
                del self._references[next(iter(self._references))]
            trial = self.run(alone)
            happened = trial.verdict is not Verdict.NOT_FIRED
            self._references[alone] = (
                as_reference(trial.story) if happened else self.baseline
            )
        return [self._references[alone], self.baseline]

    def _tidied(self, trial: Trial, world: World) -> Trial:
        output = self._take_output()
        if trial.verdict is Verdict.PASS:
            world.discard()
            return trial
        return replace(trial, output=output)

    def _take_output(self) -> tuple[tuple[str, str], ...]:
        """Take what the program's lives have written so far, if it knows that."""
        program: Any = self.program
        return tuple(program.take_output()) if hasattr(program, "take_output") else ()

    def _undisturbed(self) -> tuple[Story, Mapping[RunKey, int], Mapping[str, int]]:
        world = self._world()
        expedition = Expedition(self.program, world)
        life = expedition.live()
        told = expedition.story()
        runs = {key: record.run for key, record in world.book.records.items()}
        if told.judged.ended != "failed":
            world.discard()
        return told, runs, life.counts

    def _world(self, *, tells_states: bool = False) -> World:
        self._take_output()  # of another trial
        world = self._new_world()
        world.ignored = self._ignored
        world.ignored_observations = self._ignored_observations
        world.book.expected = self._expected
        world.usual = self._usual
        world.tells_states = tells_states
        world.detail = self.scope.detail
        world.timeout = self.scope.timeout or math.inf
        return world
