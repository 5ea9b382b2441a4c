"""The search: which schedules are run, in which order, and which need not be.

Named ones and earlier failures first, then ``everywhere``, single faults in the order
of their endings, then crashes of the recovery from each of them, breadth first. What
becomes of a program after a crash depends on the durable state alone, so that at depth
2 and below each state is recovered from once; at depth 1 every point is, for a task may
also write where nobody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from .budget import UNLIMITED, Budget
from .disagreement import Disagreements
from .explorer import Explorer
from .plan import Plan
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
        run: set[Schedule] = set()
        roots: list[Trial] = []
        disagreements = Disagreements()
        for kind in self._plan.everywhere:
            if self._granted():
                yield self._explorer.run_everywhere(kind)
        for schedule in self._first():
            if schedule in run:
                continue
            run.add(schedule)
            if not self._granted():
                continue
            trial = self._run(schedule, goes_on=schedule in self._plan.roots)
            if schedule in self._plan.roots:
                roots.append(trial)
            disagreements.learn(trial)
            yield trial
        yield from disagreements.found()
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
            explored, passed = 0, 0
            children: list[Trial] = []
            for schedule in _continuations(parents, depth):
                if schedule in run:
                    continue
                run.add(schedule)
                if not self._granted():
                    continue
                trial = self._run(schedule, goes_on=True)
                explored += 1
                if not trial.seen:
                    children.append(trial)
                    passed += trial.verdict is Verdict.PASS
                    yield trial
                self.depths[depth] = (explored, len(children), passed)
            parents = children

    def _run(self, schedule: Schedule, *, goes_on: bool) -> Trial:
        if not goes_on or self._depth == 1:
            return self._explorer.run(schedule)
        deep = schedule.depth > 1
        trial = self._explorer.run(schedule, known=self._seen if deep else frozenset())
        if trial.durable:
            self._seen.add(trial.durable)
        return trial

    def _granted(self) -> bool:
        granted = self._budget.granted()
        self.left_out += not granted
        return granted


def _continuations(parents: list[Trial], depth: int) -> Iterator[Schedule]:
    """Go on from each distinct state once, with a crash at each point after it."""
    expanded: set[str] = set()
    for trial in parents:
        schedule = trial.schedule
        if trial.verdict is Verdict.NOT_FIRED or schedule.depth != depth - 1:
            continue
        if not schedule.only_ends:
            kind = schedule.faults[-1].kind
            if kind != "twin" or depth > 2:
                continue
        elif trial.durable in expanded:
            continue
        else:
            kind = schedule.faults[-1].kind
            expanded.add(trial.durable)
        for point in trial.recovery:
            yield schedule.then(point, kind)
