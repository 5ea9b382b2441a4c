"""Crashing any function: the search without pytest items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from cano_core.checkpoints.store import CheckpointStore

from .acceptance import Accept, Acceptances
from .budget import UNLIMITED, Budget, SessionBudget
from .explorer import APART, Explorer
from .faults import DEFAULT
from .fresh_functions import FunctionProcesses
from .functions import FunctionProgram, ProgramFunction
from .injection import listening
from .measured import measuring_test
from .options import DEEPEST
from .places import opener, outside_of_loops, worlds
from .plan import may_need
from .records.recorder import Recorder
from .report.lines import lines_text
from .report.text import failure_text, flaky_text, summary_text, title
from .scope import Scope
from .search import Search
from .selectors import SelectorError, parse_endings, parse_selectors, unmet_message
from .summary import Summary
from .task_lines import TaskLines
from .wording import remembering, slower

if TYPE_CHECKING:
    from .records.document import ProgramRecord
    from .spy import KeyFunction


@final
@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What `check` found; ``str()`` and ``repr()`` of it are the whole text.

    Attributes:
        summary: every schedule with its verdict.
        failures: the text of every failure.
        lines: which lines of the tasks ran, and in which kinds of lives; None unless
            coverage.py measures them.
        record: everything that was seen, as reports have it; None unless ``whole``.
    """

    summary: Summary
    failures: tuple[str, ...] = ()
    lines: TaskLines | None = None
    record: ProgramRecord | None = None

    @property
    def passed(self) -> bool:
        """Whether every schedule passed."""
        return not self.failures

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of every schedule that was run."""
        return dict(self.summary.verdicts)

    def __str__(self) -> str:
        told = filter(None, (summary_text([self.summary]), lines_text(self.lines)))
        return "\n\n\n".join((*self.failures, "\n".join(told)))

    def __repr__(self) -> str:
        return str(self)


def check(
    program: ProgramFunction,
    *,
    crash: str | Sequence[str] = "all",
    directory: Path | str | None = None,
    workflow_id: str = "cano-check",
    store: str | Callable[[Path], CheckpointStore] = "sqlite",
    ignore_effects: tuple[str, ...] = (),
    ignore_observations: tuple[str, ...] = (),
    effect_key: KeyFunction | None = None,
    ending: str | Sequence[str] = DEFAULT,
    depth: int | None = None,
    budget: str | int | Budget | None = None,
    seed: int = 0,
    timeout: float | None = None,
    workers: int = 1,
    accept: Sequence[Accept] = (),
    called: str = "check",
    whole: bool = False,
) -> Report:
    """Crash a program at every selected moment, restart it, and judge it.

    Args:
        program: a sync or async function of one argument, called once per life with
            a `WorldView`. What it returns is an observation, unless it is None.
        crash: selectors, as for ``--cano-crash``; one text or several.
        directory: where disks are made, and those of failures left; a temporary
            directory, which is removed, unless given.
        workflow_id: what ``world.workflow_id`` is.
        store: what ``world.store`` is: ``sqlite``, ``memory``, or a function that
            opens a store in a directory.
        ignore_effects: names of effects (fnmatch patterns) that are not judged.
        ignore_observations: names of observations (fnmatch patterns) that are not
            compared.
        effect_key: given name, positional and keyword arguments of a spied call that
            has no key by itself, it returns the key, or None.
        ending: how lives end where ``crash`` does not say: one ending, several, or
            ``all`` of them.
        depth: how many lives in a row are crashed; None for 1, or 2 where the
            workflow has compensations.
        budget: how much may be run: ``30s``, or a number of schedules such as ``500``;
            None for all.
        seed: of the schedules that ``random:N`` makes up.
        timeout: seconds that each life may take; None for no limit.
        workers: how many processes run schedules beside each other.
        accept: known exceptions.
        called: what reports call this function.
        whole: whether all that was seen is kept, as ``record`` of what is returned.

    Returns:
        What was found; look at ``passed``, or print it.

    Raises:
        SelectorError: ``crash`` is no selector, or the program never met what it
            selects; or ``budget`` is none.
        Exception: whatever the program raises undisturbed.
    """
    selectors = parse_selectors(_selectors(crash))
    if depth is not None and depth not in range(1, DEEPEST + 1):
        raise SelectorError(f"depth={depth!r} is no number from 1 to {DEEPEST}")
    scope = Scope(
        parse_endings(ending), depth, seed=seed, timeout=timeout, workers=workers
    )
    share = _share(budget)
    started = FunctionProgram(program, opener(store), effect_key)

    processes = FunctionProcesses(program, store, effect_key, timeout=timeout)

    def explore() -> Report:
        with (
            listening(),
            measuring_test(Path.cwd()) as measured,
            closing(processes),
            worlds(directory, workflow_id) as new_world,
        ):
            if not APART.isdisjoint(may_need(selectors, scope)):
                processes.leave_behind(started, workers)
            explorer = Explorer(
                started,
                new_world=new_world,
                selectors=selectors,
                ignore_effects=ignore_effects,
                ignore_observations=ignore_observations,
                scope=scope,
                processes=None if (problem := processes.problem) else processes,
            )
            recorder = Recorder(started.name, whole=whole)
            recorder.measured = measured
            failures, problems = _explore(
                explorer, started, processes, problem, called, share, accept, recorder
            )
            return Report(
                recorder.summary(),
                (*failures, *problems),
                recorder.lines,
                recorder.program(started.name, accepts=accept, problems=problems)
                if whole
                else None,
            )

    return outside_of_loops(explore)


def assert_resumes_to_same_exit(program: ProgramFunction, **options: Any) -> None:
    """Fail unless `check`, called alike, passes.

    Raises:
        AssertionError: it does not; the message is the whole report.
    """
    __tracebackhide__ = True
    options.setdefault("called", "assert_resumes_to_same_exit")
    report = check(program, **options)
    if not report.passed:
        raise AssertionError(str(report))


def _selectors(crash: object) -> str:
    texts = (crash,) if isinstance(crash, str) else crash
    if (
        isinstance(texts, Sequence)
        and texts
        and all(isinstance(text, str) for text in texts)
    ):
        return ",".join(texts)
    raise SelectorError(
        f"crash={crash!r} selects nothing: give a text such as 'all' or "
        "'Process@end', or a list of such texts"
    )


def _share(budget: str | float | Budget | None) -> Budget:
    if budget is None:
        return UNLIMITED
    if isinstance(budget, (str, int, float)):
        return SessionBudget(str(budget), 1).share()
    return budget


def _explore(
    explorer: Explorer,
    program: FunctionProgram,
    processes: FunctionProcesses,
    problem: str,
    called: str,
    budget: Budget,
    accept: Sequence[Accept],
    recorder: Recorder,
) -> tuple[list[str], list[str]]:
    """Return the text of every failure, and what is wrong with the whole."""
    name = program.name
    baseline = explorer.record()
    if program.error is not None:
        program.error.add_note(f"{name} failed undisturbed, so it was not crashed")
        raise program.error
    plan = recorder.plan = explorer.plan(baseline)
    points = [str(point) for point in plan.points]
    if plan.unmet:
        raise SelectorError(
            "\n".join(unmet_message(each.text, points) for each in plan.unmet)
        )
    if plan.impossible:
        raise SelectorError("\n".join(plan.impossible))
    if problem and not plan.kinds.isdisjoint(APART):
        raise SelectorError(problem)
    if plan.empty:
        raise SelectorError("\n".join(("nothing is left to crash:", *plan.limits)))
    finding = explorer.confirm(baseline)
    if finding is not None:
        recorder.flaky = True
        return [], [flaky_text(finding, baseline)]
    failures: list[str] = []
    recorder.begin(baseline)
    accepts = Acceptances(accept, baseline, "accept=Accept")
    search = recorder.search = Search(explorer, plan, budget, accept=accepts.judge)
    usual = explorer.scope.endings == (DEFAULT,)
    for trial in search.trials():
        selector = trial.selector or (trial.text if usual else trial.exact)
        again = f"{called}({name}, crash={selector!r})"
        recorder.add(trial, again=again)
        if trial.verdict.fails:
            heading = f" {title(name, trial.text)} ".center(70, "_")
            failures.append(f"{heading}\n{failure_text(trial, again=again)}")
    recorder.limits += (*search.limits, *baseline.unledgered)
    if processes.remembers:
        recorder.limits.append(remembering(processes.remembers))
    if processes.slow:
        recorder.limits.append(slower(processes.slow))
    return failures, [*accepts.problems()]
