"""Crashing any function: the search without pytest items."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, final

from cano_core.checkpoints.store import CheckpointStore

from .acceptance import Accept, Acceptances
from .budget import UNLIMITED, Budget, SessionBudget
from .coverage import coverage_of, merged
from .explorer import Explorer
from .faults import DEFAULT
from .injection import listening
from .life import Life, SimulatedCrash
from .lifetime import until_crash
from .options import DEEPEST
from .places import Opener, opener, outside_of_loops, worlds
from .processes.forking import Forking
from .program import LifeResult
from .report.text import Summary, failure_text, flaky_text, summary_text, title
from .scope import Scope
from .search import Search
from .selectors import SelectorError, parse_endings, parse_selectors, unmet_message
from .view import WorldView

if TYPE_CHECKING:
    from .spy import KeyFunction

ProgramFunction: TypeAlias = Callable[[WorldView], Any]
"""A sync or async function, called once per life."""

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


@final
@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What `check` found; ``str()`` and ``repr()`` of it are the whole text.

    Attributes:
        summary: every schedule with its verdict.
        failures: the text of every failure.
    """

    summary: Summary
    failures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every schedule passed."""
        return not self.failures

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of every schedule that was run."""
        return dict(self.summary.verdicts)

    def __str__(self) -> str:
        return "\n\n\n".join((*self.failures, summary_text([self.summary])))

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
    budget: str | Budget | None = None,
    seed: int = 0,
    timeout: float | None = None,
    workers: int = 1,
    accept: Sequence[Accept] = (),
    called: str = "check",
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
        budget: how much may be run: ``30s``, or a number of schedules; None for all.
        seed: of the schedules that ``random:N`` makes up.
        timeout: seconds that each life may take; None for no limit.
        workers: how many processes run schedules beside each other.
        accept: known exceptions.
        called: what reports call this function.

    Returns:
        What was found; look at ``passed``, or print it.

    Raises:
        SelectorError: ``crash`` is no selector, or the program never met what it
            selects.
        Exception: whatever the program raises undisturbed.
    """
    selectors = parse_selectors(_selectors(crash))
    if depth is not None and depth not in range(1, DEEPEST + 1):
        raise SelectorError(f"depth={depth!r} is no number from 1 to {DEEPEST}")
    scope = Scope(
        parse_endings(ending), depth, seed=seed, timeout=timeout, workers=workers
    )
    share = budget or UNLIMITED
    if isinstance(share, str):
        share = SessionBudget(share, 1).share()
    started = FunctionProgram(program, opener(store), effect_key)

    def explore() -> Report:
        with listening(), worlds(directory, workflow_id) as new_world:
            explorer = Explorer(
                started,
                new_world=new_world,
                selectors=selectors,
                ignore_effects=ignore_effects,
                ignore_observations=ignore_observations,
                scope=scope,
                processes=Forking(timeout),
            )
            return _explore(explorer, started, called, share, accept)

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


@final
class FunctionProgram:
    """A function as a program: called once per life.

    Args:
        function: sync or async.
        open_store: opens the store of a world.
        effect_key: finds the keys of spied calls that have none by themselves.

    Attributes:
        name: of the function.
        error: what it raised in its last life, if anything.
    """

    def __init__(
        self,
        function: ProgramFunction,
        open_store: Opener,
        effect_key: KeyFunction | None = None,
    ) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function
        self.error: BaseException | None = None
        self._open_store = open_store
        self._effect_key = effect_key

    def live(self, life: Life) -> LifeResult:
        """Call the function once."""
        view = WorldView(life, lambda: self._open_store(life.world), self._effect_key)
        self.error = None
        try:
            with life.here():
                result = self._function(view)
                if inspect.isawaitable(result):
                    result = _run(life, result)
                life.probes.read(life)
            if result is not None and not life.crashed:
                life.observe("returned", result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a program may raise anything
            self.error = error
            failure = "" if life.crashed else _failure(error)
            return LifeResult("failed", failure, error)
        finally:
            view.close()
        return LifeResult("passed")


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


def _explore(
    explorer: Explorer,
    program: FunctionProgram,
    called: str,
    budget: Budget,
    accept: Sequence[Accept],
) -> Report:
    began, name = time.perf_counter(), program.name
    baseline = explorer.record()
    if program.error is not None:
        program.error.add_note(f"{name} failed undisturbed, so it was not crashed")
        raise program.error
    plan = explorer.plan(baseline)
    points = [str(point) for point in plan.points]
    if plan.unmet:
        raise SelectorError(
            "\n".join(unmet_message(each.text, points) for each in plan.unmet)
        )
    if plan.impossible:
        raise SelectorError("\n".join(plan.impossible))
    if plan.empty:
        raise SelectorError("\n".join(("nothing is left to crash:", *plan.limits)))
    finding = explorer.confirm(baseline)
    if finding is not None:
        summary = Summary(name, points, seconds=time.perf_counter() - began, flaky=True)
        return Report(summary, (flaky_text(finding, baseline),))
    verdicts: dict[str, str] = {}
    failures: list[str] = []
    covered = coverage_of(baseline)
    accepts = Acceptances(accept, baseline, "accept=Accept")
    search = Search(explorer, plan, budget, accept=accepts.judge)
    ways: dict[str, str] = {}
    usual = explorer.scope.endings == (DEFAULT,)
    for trial in search.trials():
        verdicts[trial.text] = trial.verdict.value
        if trial.way:
            ways[trial.text] = trial.way
        covered = merged((*covered, *coverage_of(trial.story)))
        if trial.verdict.fails:
            heading = f" {title(name, trial.text)} ".center(70, "_")
            selector = trial.selector or (trial.text if usual else trial.exact)
            again = f"{called}({name}, crash={selector!r})"
            failures.append(f"{heading}\n{failure_text(trial, again=again)}")
    failures += accepts.problems()
    seconds = time.perf_counter() - began
    limits = [*plan.limits, *search.limits, *baseline.unledgered]
    summary = Summary(
        name,
        points,
        verdicts,
        seconds,
        limits,
        ways=ways,
        **search.counts,
        covered=[each.as_builtins() for each in covered],
        accepted=accepts.accepted,
    )
    return Report(summary, tuple(failures))


def _run(life: Life, awaitable: Awaitable[Any]) -> Any:
    with asyncio.Runner() as runner:
        # What a crash leaves of other tasks is no news.
        runner.get_loop().set_exception_handler(_handle)
        return runner.run(until_crash(life, awaitable))


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), SimulatedCrash):
        loop.default_exception_handler(context)


def _failure(error: BaseException) -> str:
    """Return a traceback that begins in the program."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(
        (_PACKAGE, os.path.dirname(asyncio.__file__))
    ):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()
