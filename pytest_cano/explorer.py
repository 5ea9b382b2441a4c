"""The explorer: which schedules there are, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, final

from .life import Life
from .schedule import CrashPoint, Schedule
from .selectors import Selector
from .story import Finding, Story, Verdict
from .world import World


@final
@dataclass(frozen=True, slots=True)
class LifeResult:
    """How a program ended in one life; not asked about where the life crashed.

    Attributes:
        outcome: whether the program returned, failed, or was skipped.
        failure: text of the failure, the line that names it last; empty if none.
        error: the exception itself, where it is at hand.
    """

    outcome: Literal["passed", "failed", "skipped"]
    failure: str = ""
    error: BaseException | None = None


class Program(Protocol):
    """Anything that can be started again and again."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def live(self, life: Life) -> LifeResult:
        """Run the program once, from its start to its end or crash.

        Never raises because of a crash or a failure of the program. `injected` has
        been entered around it, and is left as soon as it returns.
        """


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run after a baseline.

    Attributes:
        schedules: every schedule selected, each once, the named ones first.
        unmet: selectors that selected nothing.
        points: the crash points that the baseline met.
        limits: what is left out, and why: full sentences.
    """

    schedules: tuple[Schedule, ...]
    unmet: tuple[Selector, ...]
    points: tuple[CrashPoint, ...]
    limits: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Trial:
    """One schedule, and what was found.

    Attributes:
        schedule: the schedule.
        verdict: the weightiest, or PASS.
        findings: everything found, the weightiest first.
        story: what was observed.
        baseline: what it was compared with.
    """

    schedule: Schedule
    verdict: Verdict
    findings: tuple[Finding, ...]
    story: Story
    baseline: Story


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

    def record(self) -> Story:
        """Run the program undisturbed, the first time: the baseline.

        Whether it passed is said by ``story.judged.ended``; a program that fails
        undisturbed is not to be crashed.
        """
        raise NotImplementedError

    def plan(self, baseline: Story) -> Plan:
        """Say which schedules the selectors mean, given what the baseline met."""
        raise NotImplementedError

    def confirm(self, baseline: Story) -> Finding | None:
        """Run the program undisturbed once more; say what differed, if anything."""
        raise NotImplementedError

    def run(self, schedule: Schedule) -> Trial:
        """Run the program through one schedule, and judge it against the baseline."""
        raise NotImplementedError
