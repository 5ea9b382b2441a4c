"""The search: which schedules are run, in which order, and which need not be.

Named ones and earlier failures first, then ``everywhere``, single faults in the order
of their endings, then crashes of the recovery from each of them, breadth first. What
becomes of a program after a crash depends on the durable state alone, so that at depth
2 and below each state is recovered from once; at depth 1 every point is, for a task may
also write where nobody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import final

from .budget import UNLIMITED, Budget
from .disagreement import Disagreements
from .explorer import Explorer
from .faults import DEFAULT
from .plan import Plan, forgotten_ends
from .runner import Order, runner
from .schedule import Schedule
from .story import Trial, Verdict


@final
class Search:
    """Runs a plan, and goes on from what it finds.

    Args:
        explorer: runs the schedules.
        plan: what the selectors mean.
        budget: how much may be run.

    Attributes:
        depths: for each depth below the first how many schedules were explored, how
            many distinct durable states they led to, and how many of those passed.
        left_out: how many known schedules were not run, for lack of budget.
    """

    def __init__(
        self, explorer: Explorer, plan: Plan, budget: Budget = UNLIMITED
    ) -> None:
        self._explorer = explorer
        self._plan = plan
        self._budget = budget
        self._depth = explorer.scope.depth_for(explorer.baseline)
        self._seen: set[str] = set()
        self.depths: dict[int, tuple[int, int, int]] = {}
        self.left_out = 0

    @property
    def limits(self) -> list[str]:
        """What was left out, and why: full sentences."""
        if not self.left_out:
            return []
        were = "schedule was" if self.left_out == 1 else "schedules were"
        text = (
            f"{self.left_out} {were} not run: the budget was used up (--cano-budget); "
            "what would have followed from them is not counted"
        )
        return [text]

    def trials(self) -> Iterator[Trial]:
        """Run one schedule after another; stop asking, and it stops."""
        with runner(self._explorer) as self._runner:
            yield from self._trials()

    def _trials(self) -> Iterator[Trial]:
        run: set[Schedule] = set()
        roots: list[Trial] = []
        listed: list[Trial] = []
        disagreements = Disagreements()
        for kind in self._plan.everywhere:
            if self._granted():
                yield self._explorer.run_everywhere(kind)
        for trial in self._run(self._first(), run, 1):
            if trial.schedule in self._plan.roots:
                roots.append(trial)
            disagreements.learn(trial)
            yield trial
            if trial.schedule in self._plan.listed:
                listed.append(trial)
        yield from disagreements.found()
        yield from self._run(_others_listed(listed), run, 1)
        yield from self._run(_twins(roots), run, 1)
        yield from self._deeper(roots, run)
        if self._plan.random:
            from .made_up import made_up_trials

            yield from made_up_trials(self._explorer, self._plan.random, self._granted)

    def _first(self) -> Iterator[Schedule]:
        planned = {*self._plan.schedules}
        earlier = map(Schedule.parse, self._explorer.scope.earlier)
        yield from (each for each in earlier if each in planned)
        yield from self._plan.schedules

    def _deeper(self, parents: list[Trial], run: set[Schedule]) -> Iterator[Trial]:
        for depth in range(2, self._depth + 1):
            passed = 0
            children: list[Trial] = []
            trials = self._run(_continuations(parents, depth), run, depth)
            for explored, trial in enumerate(trials, 1):
                if not trial.seen:
                    children.append(trial)
                    passed += trial.verdict is Verdict.PASS
                    yield trial
                self.depths[depth] = (explored, len(children), passed)
            parents = children

    def _run(
        self, schedules: Iterable[Schedule], run: set[Schedule], depth: int
    ) -> Iterator[Trial]:
        """Run what has not been run, as far as the budget goes."""

        def orders() -> Iterator[Order]:
            for schedule in schedules:
                if schedule in run:
                    continue
                run.add(schedule)
                if self._granted():
                    yield Order(schedule, self._known(schedule, depth))

        for trial in self._runner.run(orders()):
            # Where several are run at once, one may not have known of the other.
            seen = depth > 1 and trial.durable in self._seen
            if trial.durable:
                self._seen.add(trial.durable)
            yield replace(trial, seen=True) if seen else trial

    def _known(self, schedule: Schedule, depth: int) -> frozenset[str] | None:
        if self._depth == 1 or not schedule.only_ends:
            return None
        return frozenset(self._seen) if depth > 1 else frozenset()

    def _granted(self) -> bool:
        granted = self._budget.granted()
        self.left_out += not granted
        return granted


def _continuations(parents: list[Trial], depth: int) -> Iterator[Schedule]:
    """Go on from each distinct state once, with a crash at each point after it."""
    expanded: set[str] = set()
    for trial in parents:
        schedule = trial.schedule
        if (
            trial.verdict is Verdict.NOT_FIRED
            or not schedule.only_ends
            or schedule.depth != depth - 1
            or trial.durable in expanded
        ):
            continue
        expanded.add(trial.durable)
        last = schedule.faults[-1]
        kind, amount = last.kind, last.amount
        if last.described.listed:
            kind, amount = DEFAULT, None
        forgotten = {*forgotten_ends(trial.story)}
        for point in trial.recovery:
            if point not in forgotten:
                yield schedule.then(point, kind, amount)


def _others_listed(trials: Iterable[Trial]) -> Iterator[Schedule]:
    """Return the schedules with every other N of the last fault, as it has shown."""
    for trial in trials:
        *earlier, (fault,) = trial.schedule.lives
        lives = trial.story.lives[len(earlier) : len(earlier) + 1]
        most = lives[0].images if lives else 0
        for number in range((fault.amount or 0) + 1, most + 1):
            yield Schedule((*earlier, (replace(fault, amount=number),)))


def _twins(parents: list[Trial]) -> Iterator[Schedule]:
    """Let the twin of each life stand still in its turn, wherever it can."""
    for trial in parents:
        schedule = trial.schedule
        if schedule.depth == 1 and schedule.faults[-1].kind == "twin":
            for point in trial.recovery:
                yield schedule.then(point, "twin")
