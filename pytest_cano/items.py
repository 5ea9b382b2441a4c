"""A test that is crashed: its baselines, its schedules, and what is reported of them.

The entries of the schedules come first; the test's own reports (those of its first
undisturbed run) come last and fail if one of the schedules did, so that whoever
counts tests counts this one, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from . import options
from .choice import Choice, selectors_in
from .disks import Disks
from .excuses import Excuses
from .explorer import APART, Explorer, Plan, Trial
from .faults import DEFAULT
from .fresh import ItemProcesses
from .identity import again_command
from .injection import listening
from .lives import ItemProgram
from .measured import measuring_test
from .plan import may_need
from .plugin import CHECKED
from .records.recorder import Recorder
from .report import entries
from .report.results import EXPECTED_TO_FAIL, INTERRUPTED, outcome_of, result_of, tell
from .report.text import failed_line, failure_text, flaky_text
from .search import Search
from .selectors import unmet_message
from .sharding import sharded
from .sharing import known_failures, share_of
from .story import Story
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
        self._recorder = Recorder(item.name, whole=bool(settings.reports))
        listed = known_failures(item.config, settings).get(item.nodeid, {})
        self._excuses = Excuses(choice.accepts, listed, settings)
        self._recorded = bool(settings.reports)
        self._shard = settings.shard
        self._problems: list[str] = []
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
        self._budget = share_of(item, settings)

    def run(self) -> list[pytest.TestReport]:
        """Run everything, report the schedules, and return the test's own reports."""
        lift_limit(self._item)
        try:
            with (
                listening(),
                measuring_test(self._item.config.rootpath) as self._recorder.measured,
                closing(self._processes),
            ):
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
        checked = self._program.item.stash.get(CHECKED, False)
        if baseline.judged.ended != "returned":
            # As it would be without us; what it would have met, nobody knows.
            self._tell(own, None, limits=self._expected_to_fail(own), searched=checked)
            if baseline.judged.ended != "failed":
                self._disks.remove()
            return own
        whole = thinned(self._explorer.plan(baseline), self._asked, self._item.name)
        plan = sharded(whole, self._shard, self._item.nodeid)
        self._recorder.plan = plan
        problems = self._problems
        if plan.points or checked:
            problems += self._unmet(plan)
            problems += plan.impossible
        elif self._choice.expected:
            problems.append(RAN_NOTHING)
        if not plan.empty:
            self._recorder.limits += [*self._remarks(plan), *baseline.unledgered]
            failed = self._explore(plan, baseline, own)
            if failed:
                problems = [failed, *problems, *self._recorder.limits]
        if problems:
            entries.fail(own[1], "\n".join(problems), brief=self._brief)
        else:
            self._disks.remove()
        self._tell(
            own, plan, limits=plan.limits if plan.empty else (), searched=checked
        )
        entries.add_time(own[1], self._recorder.seconds)
        return own

    def _tell(
        self,
        own: Sequence[pytest.TestReport],
        plan: Plan | None,
        *,
        limits: Iterable[str] = (),
        searched: bool = False,
    ) -> None:
        """Leave with the test's last report what the session wants to know of it."""
        tell(
            own,
            **self._known(plan),
            # By now the reports may say what its schedules came to.
            record=self._record(outcome_of(own) if plan is None else "passed"),
            limits=limits,
            searched=searched,
            idle=None if plan is None else self._idle(),
            lines=self._recorder.lines,
        )

    def _known(self, plan: Plan | None) -> dict[str, Any]:
        """Return what is known so far of the points that it met, and of all it ran."""
        if plan is None:
            return {"unmet": self._choice.session}
        return {
            "unmet": plan.unmet,
            "points": map(str, plan.points),
            "summary": None if plan.empty else self._recorder.summary(),
        }

    def _record(self, outcome: str) -> str | None:
        """Return all that reports are made of, as text; None if there are none."""
        if not self._recorded:
            return None
        from .records.codec import to_text

        file, line, _ = self._item.location
        return to_text(
            self._recorder.program(
                self._item.nodeid,
                file=file,
                line=0 if line is None else line + 1,
                outcome=outcome,
                accepts=self._excuses.accepts,
                problems=self._problems,
            )
        )

    @property
    def _progress(self) -> str:
        """How far the search is; how many schedules follow from others nobody knows."""
        plan = self._recorder.plan
        run, planned = self._recorder.run, len(plan.schedules if plan else ())
        of = f"{run} of " if run <= planned else ""
        return f"{of}{count(max(run, planned), 'schedule')}"

    def interrupted(self) -> None:
        """Leave in the summary how far it came."""
        plan = self._recorder.plan
        session = self._item.config.pluginmanager.get_plugin("cano-session")
        if plan is None or plan.empty or session is None:
            return
        self._recorder.limits.append(
            f"{self._item.name}: interrupted after {self._progress}"
        )
        session.results[self._item.nodeid] = result_of(
            self._item.nodeid,
            INTERRUPTED,
            **self._known(plan),
            record=self._record(INTERRUPTED),
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
    ) -> str:
        """Run the schedules; return the short of what has failed, if something has."""
        recorder, name = self._recorder, self._item.name
        flaky = self._explorer.confirm(baseline)
        if flaky is not None:
            recorder.flaky = True
            self._problems.append(flaky_text(flaky, baseline))
            return ""
        failed = False
        recorder.begin(baseline)
        accepts = self._excuses.begin(baseline)
        recorder.outdated += self._excuses.gone
        search = recorder.search = Search(
            self._explorer, plan, self._budget, accept=accepts.judge
        )
        with closing(search.trials()) as trials:
            while True:
                if self._must_stop(failed):
                    recorder.limits.append(
                        f"{name}: stopped early, after {self._progress}"
                    )
                    break
                found = next(trials, None)
                if found is None:
                    break
                trial = self._excuses.judge(found)
                failed |= trial.verdict.fails
                self.report(self._entry(trial, own))
        recorder.limits += (f"{name}: {limit}" for limit in self._limits(search))
        recorder.outdated += self._excuses.agreed()
        self._problems += self._excuses.problems(recorder.summary().outdated)
        return failed_line(recorder.summary()) if failed else ""

    def _limits(self, search: Search) -> Iterator[str]:
        """Return what was left out by a search, and what took longer than it might."""
        yield from search.limits
        if self._explorer.serial:
            yield (
                "schedules ran one after the other, not beside each other: "
                f"{self._explorer.serial}"
            )
        if self._processes.remembers:
            yield remembering(self._processes.remembers)
        if self._processes.slow:
            yield slower(self._processes.slow)

    def _entry(
        self, trial: Trial, own: Sequence[pytest.TestReport]
    ) -> list[pytest.TestReport]:
        passed, again = not trial.verdict.fails, self._again(trial)
        self._recorder.add(trial, again=again)
        return entries.schedule_entry(
            own,
            trial.text,
            trial.verdict.value,
            seconds=trial.story.duration,
            failure="" if passed else failure_text(trial, again=again),
            output=[*_after_death(trial)] if passed else trial.output,
            brief=self._brief,
            progress=self._recorder.progress(),
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

    def report(self, reports: Iterable[pytest.TestReport]) -> None:
        """Hand reports to pytest."""
        for report in reports:
            self._item.ihook.pytest_runtest_logreport(report=report)


def _after_death(trial: Trial) -> Iterator[tuple[str, str]]:
    for life in trial.story.lives:
        if life.notes:
            yield f"After the crash (life {life.number})", "\n".join(life.notes)
