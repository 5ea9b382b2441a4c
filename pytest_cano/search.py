"""The search: which schedules are run, in which order, and which need not be.

Earlier failures first, then what is named in full, ``everywhere``, single faults in
the order of their kinds, twins, crashes of the recovery from each of them, breadth
first, and what is made up. What becomes of a program after a crash depends on the
durable state alone, so that at depth 2 and below each state is recovered from once; at
depth 1 every point is, for a task may also write where nobody looks. What holds a
schedule that has failed would only fail again, and is not run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, final

from .budget import UNLIMITED, Budget
from .coverage import coverage_of, merged
from .disagreement import Disagreements
from .explorer import EVERYWHERE, Explorer
from .faults import DEFAULT
from .plan import Plan
from .runner import Order, Runner, runner
from .schedule import CrashPoint, Schedule
from .story import Trial, Verdict
from .wording import count


@final
@dataclass(frozen=True, slots=True)
class _Reached:
    """A distinct durable state: how it was reached, and what its recovery met."""

    schedule: Schedule
    recovery: tuple[CrashPoint, ...]


@final
class Search:
    """Runs a plan, and goes on from what it finds.

    Args:
        explorer: runs the schedules.
        plan: what the selectors mean.
        budget: how much may be run.
        accept: takes what is accepted out of a trial.

    Attributes:
        seen: for each depth how many schedules came to a durable state that had been
            recovered from already; they are no trials of their own.
        outdated: earlier failures that can't happen any more, as texts.
        left_out: how many known schedules were not run, for lack of budget.
        implied: how many could only fail again: they hold one that has failed, or came
            to a durable state from which the recovery has failed.
        vanished: how many proved nothing, for their last point was not met again.
        covered: what was exercised of each workflow, the undisturbed run and recoveries
            that were not repeated included.
    """

    def __init__(
        self,
        explorer: Explorer,
        plan: Plan,
        budget: Budget = UNLIMITED,
        *,
        accept: Callable[[Trial], Trial] = lambda trial: trial,
    ) -> None:
        self._explorer = explorer
        self._plan = plan
        self._budget = budget
        self._accept = accept
        self._depth = explorer.scope.depth_for(explorer.baseline)
        self._states: set[str] = set()
        self._expanded: set[str] = set()
        self._done: set[Schedule] = set()
        self._failed: list[Schedule] = []
        self._failing: set[str] = set()
        self._reached: dict[int, list[_Reached]] = {}
        self._twins: list[_Reached] = []
        self._disagreements = Disagreements()
        self._runner: Runner
        self.seen: Counter[int] = Counter()
        self.outdated: list[str] = []
        self.left_out = 0
        self.implied = 0
        self.vanished = 0
        self.covered = coverage_of(explorer.baseline)
        self._everywhere_ends = False

    @property
    def limits(self) -> list[str]:
        """What was left out, and why: full sentences."""
        told = []
        if self.left_out:
            told.append(
                f"{_were(self.left_out)} not run: the budget was used up "
                "(--cano-budget); what would have followed from them is not counted"
            )
        if self.implied:
            told.append(
                f"{_were(self.implied)} left aside: they could only fail like another"
            )
        if self.vanished:
            told.append(
                f"{count(self.vanished, 'schedule')} proved nothing: the recovery did "
                "not come by the last point again, so it is not the same every time"
            )
        if self._everywhere_ends:
            told.append(f"everywhere came to its end after {EVERYWHERE} crashes")
        return told

    @property
    def counts(self) -> dict[str, Any]:
        """What a summary counts beside the trials, by the names it has there."""
        return {
            "seen": dict(self.seen),
            "left_out": self.left_out,
            "outdated": [*self.outdated],
        }

    def trials(self) -> Generator[Trial, None, None]:
        """Run one schedule after another; stop asking, and it stops."""
        with runner(self._explorer) as self._runner:
            yield from self._before()
            yield from self._roots(self._plan.named)
            yield from self._everywhere()
            yield from self._roots(self._plan.others)
            yield from map(self._accept, self._disagreements.found())
            yield from self._run(self._beside())
            for depth in range(2, self._depth + 1):
                yield from self._deeper(depth)
            yield from self._made_up()

    def _before(self) -> Iterator[Trial]:
        """Try what failed before, and forget what can't happen any more."""
        planned = {*self._plan.schedules}
        for trial in self._run(self._plan.earlier):
            if trial.verdict is Verdict.NOT_FIRED and trial.schedule not in planned:
                self.outdated.append(trial.text)
                continue
            first = Schedule(trial.schedule.lives[:1])
            self._learn(trial, root=first in self._plan.roots)
            self._disagreements.learn(trial)
            yield trial

    def _roots(self, schedules: Iterable[Schedule]) -> Iterator[Trial]:
        listed: dict[Schedule, bool] = {}
        for trial in self._run(schedules):
            root = trial.schedule in self._plan.roots
            self._learn(trial, root=root)
            self._disagreements.learn(trial)
            if trial.schedule in self._plan.listed:
                listed |= dict.fromkeys(_others_listed(trial), root)
            yield trial
        # Whoever asks for every N asks for each: what holds for one does for all.
        for trial in self._run(listed):
            self._learn(trial, root=listed[trial.schedule])
            yield trial

    def _everywhere(self) -> Iterator[Trial]:
        for kind in self._plan.everywhere:
            if self._granted():
                trial = self._explorer.run_everywhere(kind)
                self._cover(trial)
                if trial.schedule.depth >= EVERYWHERE:
                    self._everywhere_ends = True
                yield self._accept(trial)

    def _beside(self) -> Iterator[Schedule]:
        """Let the twin of each life stand still in its turn, wherever it can."""
        for twins in self._twins:
            for point in twins.recovery:
                schedule = twins.schedule.then(point, "twin")
                if not self._explorer.spared(schedule.faults[-1]):
                    yield schedule

    def _deeper(self, depth: int) -> Iterator[Trial]:
        for trial in self._run(self._continuations(depth), known=self._states):
            self.seen[depth] += 0  # there are some, whatever becomes of them
            if trial.verdict is Verdict.NOT_FIRED:
                self.vanished += 1
            elif trial.seen:
                fails = trial.durable in self._failing
                self.implied += fails
                self.seen[depth] += not fails
            else:
                self._learn(trial, root=True)
                yield trial

    def _continuations(self, depth: int) -> Iterator[Schedule]:
        """Go on from each distinct state with a crash at each point after it."""
        for reached in self._reached.pop(depth - 1, ()):
            last = reached.schedule.faults[-1]
            kind, amount = last.kind, last.amount
            if last.described.listed:
                kind, amount = DEFAULT, None
            for point in reached.recovery:
                schedule = reached.schedule.then(point, kind, amount)
                if self._explorer.spared(schedule.faults[-1]):
                    continue
                if any(schedule.holds(failed) for failed in self._failed):
                    self.implied += 1
                    continue
                yield schedule

    def _made_up(self) -> Iterator[Trial]:
        """Try what is made up, until something new has failed."""
        explorer, count = self._explorer, self._plan.random
        if not count:
            return
        from .made_up import make_up, run_made_up, smallest

        part, whole = self._plan.shard or (1, 1)
        for drawn in make_up(explorer, count)[part - 1 :: whole]:
            trial = run_made_up(explorer, drawn) if self._granted() else None
            if trial is not None:
                self._cover(trial)
            if trial is None or any(map(trial.schedule.holds, self._failed)):
                continue
            trial = self._accept(trial)
            if trial.verdict.fails:
                trial = smallest(explorer, count, drawn, trial, self._accept)
            if trial.schedule not in self._done:
                self._done.add(trial.schedule)
                yield trial
                if trial.verdict.fails:
                    return

    def _learn(self, trial: Trial, *, root: bool) -> None:
        """Take note of a trial; a search goes on from it if it is a root."""
        schedule = trial.schedule
        if trial.verdict.fails:
            self._failed.append(schedule)
            if trial.durable:
                self._failing.add(trial.durable)
            return
        if not root:
            return
        if schedule.faults[0].kind == "twin" and schedule.depth == 1:
            self._twins.append(_Reached(schedule, trial.recovery))
        elif (
            schedule.only_ends
            and schedule.depth < self._depth
            and not (trial.durable and trial.durable in self._expanded)
        ):
            self._expanded.add(trial.durable)
            reached = self._reached.setdefault(schedule.depth, [])
            reached.append(_Reached(schedule, trial.recovery))

    def _run(
        self, schedules: Iterable[Schedule], *, known: set[str] | None = None
    ) -> Iterator[Trial]:
        """Run what has not been run, as far as the budget goes.

        Args:
            schedules: what is to be run.
            known: durable states that need not be recovered from once more; None
                where each schedule is to be judged.
        """

        def orders() -> Iterator[Order]:
            for schedule in schedules:
                if schedule in self._done:
                    continue
                self._done.add(schedule)
                if self._granted():
                    deep = self._depth > 1 and schedule.only_ends
                    states = frozenset(known or ()) if deep else None
                    yield Order(schedule, states)

        for trial in self._runner.run(orders()):
            # Where several are run at once, one may not have known of the other.
            self._cover(trial)
            seen = known is not None and trial.durable in known
            if trial.durable:
                self._states.add(trial.durable)
            if seen and trial.verdict is Verdict.PASS:
                yield replace(trial, seen=True)
            else:
                yield self._accept(trial)

    def _cover(self, trial: Trial) -> None:
        self.covered = merged((*self.covered, *coverage_of(trial.story)))

    def _granted(self) -> bool:
        granted = self._budget.granted()
        self.left_out += not granted
        return granted


def _others_listed(trial: Trial) -> Iterator[Schedule]:
    """Return the schedules with every other N of the last fault, as it has shown."""
    *earlier, (fault,) = trial.schedule.lives
    lives = trial.story.lives[len(earlier) : len(earlier) + 1]
    most = lives[0].images if lives else 0
    for number in range((fault.amount or 0) + 1, most + 1):
        yield Schedule((*earlier, (replace(fault, amount=number),)))


def _were(number: int) -> str:
    return f"{count(number, 'schedule')} {'was' if number == 1 else 'were'}"
