"""A test that is crashed: its baselines, its schedules, and what is reported of them.

The entries of the schedules come first; the test's own reports (those of its first
undisturbed run) come last and fail if one of the schedules did, so that whoever
counts tests counts this one, once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase

import pytest
from _pytest.runner import runtestprotocol

from . import options
from .acceptance import Acceptances
from .choice import Choice, selectors_in
from .coverage import Coverage, coverage_of, merged
from .disks import Disks
from .explorer import APART, Explorer, Plan, Trial
from .faults import DEFAULT
from .fresh import ItemProcesses
from .identity import again_command
from .injection import listening
from .lives import ItemProgram
from .plan import may_need
from .plugin import CHECKED
from .report import entries
from .report.results import EXPECTED_TO_FAIL, outcome_of, result_of, tell
from .report.text import failed_line, failure_text, flaky_text
from .search import Search
from .selectors import unmet_message
from .sharing import share_of
from .story import Story
from .summary import Summary
from .thinning import thinned
from .timeouts import lift_limit
from .wider import finish_wider_fixtures, fresh_item
from .wording import count, remembering, slower

RAN_NOTHING = (
    "no crash point was met: the test uses a cano fixture or marker, but no workflow "
    "ran in it\n\n"
    "Only what runs in the test function and its function-scoped fixtures, in this "
    "process, can be crashed. If the workflow runs elsewhere (in a module- or "
    "session-scoped fixture, in a child process), run it in the test. If the test is "
    "not about a workflow, let it do without cano fixtures and markers, or leave it "
    "out of this run (-k, -m, --deselect)."
)


MANY = 100
"""Crash points of one test; above it, a shorter way is named."""


def run_item(
    item: pytest.Function,
    nextitem: pytest.Item | None,
    choice: Choice,
    settings: options.Settings,
) -> None:
    """Run a test and all its schedules, and report them."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    exploration = _Exploration(item, choice, settings)
    try:
        own = exploration.run()
    except (KeyboardInterrupt, pytest.exit.Exception):
        exploration.interrupted()
        raise
    wider = finish_wider_fixtures(item, nextitem)
    if wider is not None:
        entries.merge(own[-1], wider)
    exploration.report(own)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def refuse_item(
    item: pytest.Function,
    nextitem: pytest.Item | None,
    text: str,
    settings: options.Settings,
) -> None:
    """Report that a test can't be crashed as it is."""

    def refuse() -> None:
        pytest.fail(text, pytrace=False)

    refused = fresh_item(item)
    refused.setup = refuse
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(refused, log=False, nextitem=nextitem)
    tell(reports, unmet=selectors_in(settings.session_crash))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


class _Exploration:
    """One test's way through its schedules."""

    def __init__(
        self, item: pytest.Function, choice: Choice, settings: options.Settings
    ) -> None:
        self._item = item
        self._choice = choice
        self._began = time.perf_counter()
        self._brief = item.config.getoption("tbstyle", "auto") == "line"
        self._program = ItemProgram(item)
        self._ignored = settings.ignore_effects
        self._ignored_observations = settings.ignore_observations
        self._disks = Disks(item, self._ignored)
        self._processes = ItemProcesses(item, choice.scope.timeout)
        self._explorer = Explorer(
            self._program,
            new_world=self._disks.new_world,
            selectors=(*choice.own, *choice.session),
            ignore_effects=self._ignored,
            ignore_observations=settings.ignore_observations,
            scope=choice.scope,
            processes=self._processes,
        )
        self._plan: Plan | None = None
        self._search: Search | None = None
        self._budget = share_of(item, settings)
        self._verdicts: dict[str, str] = {}
        self._ways: dict[str, str] = {}
        self._limits: list[str] = []
        self._covered: tuple[Coverage, ...] = ()
        self._accepts: Acceptances | None = None
        self._flaky = False

    def run(self) -> list[pytest.TestReport]:
        """Run everything, report the schedules, and return the test's own reports."""
        lift_limit(self._item)
        try:
            with listening(), closing(self._processes):
                self._prepare()
                return self._run()
        finally:
            self._budget.close()

    def _prepare(self) -> None:
        """Leave processes behind if there are to be lives that may be killed."""
        choice = self._choice
        kinds = may_need((*choice.own, *choice.session), choice.scope)
        if not APART.isdisjoint(kinds):
            self._processes.prepare(self._program, choice.scope.workers)

    def _run(self) -> list[pytest.TestReport]:
        baseline = self._explorer.record()
        own = self._program.reports
        if late := self._program.built_late:
            # What was left behind is without it, and would build it for each life.
            self._processes.close(f"the test asks for the fixture {late!r} as it runs")
        if baseline.judged.ended != "returned":
            # As it would be without us; what it would have met, nobody knows.
            tell(own, unmet=self._choice.session, limits=self._expected_to_fail(own))
            if baseline.judged.ended != "failed":
                self._disks.remove()
            return own
        checked = self._program.item.stash.get(CHECKED, False)
        plan = self._plan = thinned(
            self._explorer.plan(baseline), self._asked, self._item.name
        )
        problems = []
        if plan.points or checked:
            problems += self._unmet(plan)
            problems += plan.impossible
        elif self._choice.expected:
            problems.append(RAN_NOTHING)
        if not plan.empty:
            self._limits += [*self._remarks(plan), *baseline.unledgered]
            problems += self._explore(plan, baseline, own)
        if problems:
            entries.fail(own[1], "\n".join(problems), brief=self._brief)
        else:
            self._disks.remove()
        tell(
            own,
            unmet=plan.unmet,
            points=map(str, plan.points),
            summary=None if plan.empty else self._summary(plan),
            limits=plan.limits if plan.empty else (),
            searched=checked,
            idle=self._idle(),
        )
        entries.add_time(own[1], time.perf_counter() - self._began)
        return own

    @property
    def _progress(self) -> str:
        """How far the search is; how many schedules follow from others nobody knows."""
        run, planned = (
            len(self._verdicts),
            len(self._plan.schedules if self._plan else ()),
        )
        of = f"{run} of " if run <= planned else ""
        return f"{of}{count(max(run, planned), 'schedule')}"

    def interrupted(self) -> None:
        """Leave in the summary how far it came."""
        plan = self._plan
        session = self._item.config.pluginmanager.get_plugin("cano-session")
        if plan is None or plan.empty or session is None:
            return
        self._limits.append(f"{self._item.name}: interrupted after {self._progress}")
        session.interrupted(
            result_of(
                self._item.nodeid,
                "interrupted",
                unmet=plan.unmet,
                points=map(str, plan.points),
                summary=self._summary(plan),
            )
        )

    def _asked(self, points: list[str]) -> object:
        """Ask whether some of the points are to be left out."""
        return self._item.ihook.pytest_cano_points(item=self._item, points=points)

    def _remarks(self, plan: Plan) -> list[str]:
        """Return what is to be known of the search before it begins."""
        name = self._item.name
        remarks = []
        if "cano_ledger" in self._item.fixturenames and not self._disks.effects:
            remarks.append(
                f"{name}: cano_ledger was told of no effect, so only the log and the "
                "assertions were judged"
            )
        if len(plan.schedules) > MANY and len(plan.points) > MANY:
            remarks.append(
                f"{name}: {len(plan.points)} crash points; --cano-crash=@end tries "
                "one per visit"
            )
        return remarks

    def _expected_to_fail(self, own: Iterable[pytest.TestReport]) -> list[str]:
        if outcome_of(own) != EXPECTED_TO_FAIL:
            return []
        return [f"{self._item.name}: was expected to fail, so it was not crashed"]

    def _idle(self) -> list[str]:
        """Return a line for each pattern to be ignored that nothing here has."""
        kinds = (
            ("effect", self._ignored, self._disks.effects),
            ("observation", self._ignored_observations, self._disks.observations),
        )
        return [
            f"cano_ignore_{kind}s: no {kind} is called {pattern!r}"
            for kind, patterns, names in kinds
            for pattern in patterns
            if not any(fnmatchcase(name, pattern) for name in names)
        ]

    def _unmet(self, plan: Plan) -> list[str]:
        points = [str(point) for point in plan.points]
        return [
            f"@pytest.mark.cano_crash: {unmet_message(str(selector), points)}"
            for selector in plan.unmet
            if selector in self._choice.own
        ]

    def _explore(
        self, plan: Plan, baseline: Story, own: Sequence[pytest.TestReport]
    ) -> list[str]:
        """Run the schedules; return what is to be said of the test as a whole."""
        flaky = self._explorer.confirm(baseline)
        if flaky is not None:
            self._flaky = True
            return [flaky_text(flaky, baseline)]
        failed = False
        self._covered = coverage_of(baseline)
        accepts = self._accepts = Acceptances(
            self._choice.accepts, baseline, "@pytest.mark.cano_accept"
        )
        search = self._search = Search(
            self._explorer, plan, self._budget, accept=accepts.judge
        )
        with closing(search.trials()) as trials:
            while True:
                if self._must_stop(failed):
                    self._limits.append(
                        f"{self._item.name}: stopped early, after {self._progress}"
                    )
                    break
                trial = next(trials, None)
                if trial is None:
                    break
                failed |= trial.verdict.fails
                self._covered = merged((*self._covered, *coverage_of(trial.story)))
                self.report(self._entry(trial, own))
        self._limits += (f"{self._item.name}: {limit}" for limit in search.limits)
        if self._explorer.serial:
            self._limits.append(
                f"{self._item.name}: schedules ran one after the other, not beside "
                f"each other: {self._explorer.serial}"
            )
        if self._processes.remembers:
            self._limits.append(
                f"{self._item.name}: {remembering(self._processes.remembers)}"
            )
        if self._processes.slow:
            self._limits.append(f"{self._item.name}: {slower(self._processes.slow)}")
        problems = [*accepts.problems()]
        if not failed:
            return problems
        return [failed_line(self._summary(plan)), *problems, *self._limits]

    def _entry(
        self, trial: Trial, own: Sequence[pytest.TestReport]
    ) -> list[pytest.TestReport]:
        schedule, verdict = trial.text, trial.verdict.value
        self._verdicts[schedule] = verdict
        if trial.way:
            self._ways[schedule] = trial.way
        passed = not trial.verdict.fails
        return entries.schedule_entry(
            own,
            schedule,
            verdict,
            seconds=trial.story.duration,
            failure="" if passed else failure_text(trial, again=self._again(trial)),
            output=[*_after_death(trial)] if passed else trial.output,
            brief=self._brief,
        )

    def _must_stop(self, failed: bool) -> bool:
        session = self._item.session
        if session.shouldstop or session.shouldfail:
            return True
        most = self._item.config.getoption("maxfail", 0)
        return failed and bool(most) and session.testsfailed + 1 >= most

    def _again(self, trial: Trial) -> str:
        usual = self._choice.scope.endings == (DEFAULT,)
        selector = trial.selector or (trial.text if usual else trial.exact)
        command = again_command(self._item, selector)
        # It would not be chosen for what it uses.
        return command if self._choice.expected else f"{command} -o cano_select=all"

    def _summary(self, plan: Plan) -> Summary:
        return Summary(
            self._item.name,
            points=[str(point) for point in plan.points],
            verdicts=dict(self._verdicts),
            seconds=time.perf_counter() - self._began,
            limits=[*plan.limits, *self._limits],
            flaky=self._flaky,
            ways=dict(self._ways),
            **({} if self._search is None else self._search.counts),
            covered=[each.as_builtins() for each in self._covered],
            accepted={} if self._accepts is None else self._accepts.accepted,
        )

    def report(self, reports: Iterable[pytest.TestReport]) -> None:
        """Hand reports to pytest."""
        for report in reports:
            self._item.ihook.pytest_runtest_logreport(report=report)


def _after_death(trial: Trial) -> Iterator[tuple[str, str]]:
    for life in trial.story.lives:
        if life.notes:
            yield f"After the crash (life {life.number})", "\n".join(life.notes)
