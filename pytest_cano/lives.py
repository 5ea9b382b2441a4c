"""A pytest item as a program: each life is a fresh item in pytest's own protocol.

Class, module and session fixtures stay as they are between the lives, for they are
the machine around the process; function fixtures are built anew for each.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import pytest
from _pytest.runner import runtestprotocol

from . import tracebacks
from .life import Life
from .lifetime import until_crash
from .measured import add_measured, measured
from .plugin import LIFE, SCHEDULE
from .program import LifeResult
from .script import UNDISTURBED
from .timeouts import limited
from .wider import build_wider_fixtures, fresh_item, let_go
from .written import written_so_far

if TYPE_CHECKING:
    from collections.abc import Generator

Warned: TypeAlias = tuple[str, type[Warning], str, int]
"""A warning: its text, category, file and line."""

_ENDS_THE_SESSION = (KeyboardInterrupt, pytest.exit.Exception)


class ItemProgram:
    """Runs a test as the program of an `Explorer`, one fresh item per life.

    While its hooks are registered, `tmp_path` is the disk of the life's world.

    Attributes:
        name: the item's name.
        item: the item of the last life.
        reports: pytest's reports (setup, call, teardown) of the last life.
    """

    def __init__(self, item: pytest.Function) -> None:
        self.name = item.name
        self.item = item
        self.reports: list[pytest.TestReport] = []
        self._original = item
        self._life: Life | None = None
        self._output: list[tuple[str, str]] = []
        self._warned: dict[Warned, None] = {}
        self._news: list[Warned] = []
        self._caught: list[warnings.WarningMessage] = []
        self._before: list[tuple[str, str]] = []
        self._unbuilt: BaseException | None = None
        self._hooks = _hooks(item.config)

    def live(self, life: Life) -> LifeResult:
        """Run the test once, as this life."""
        self._life = life
        if life.process is not None:
            # What its parent knows already is not told to it again.
            self._output, self._news = [], []
        item = fresh_item(self._original)
        item.stash[LIFE] = life
        item.stash[SCHEDULE] = life.world.schedule
        item.obj = _until_death(item.obj, life)
        _guard_finalizers(item, life)
        self.item = item
        used = item._request._fixture_defs
        if self._unbuilt is not None:
            item.setup = functools.partial(_raise, self._unbuilt)
            self._unbuilt = None
        self._hooks.built_late = ""
        hooks = self._hooks.during(life, disturbed=bool(life.world.schedule))
        with hooks, self._warnings(), limited(item):
            # With the original as its successor, nothing wider than the item goes.
            self.reports = runtestprotocol(item, log=False, nextitem=self._original)
        let_go(used.values())
        self._life = None
        for report in self.reports:
            report.sections[:0] = self._before
        self._before = []
        self._write(self.reports[-1].sections, life)
        return _result(self.reports, life)

    def build_wider(self) -> bool:
        """Set up what is wider than the test, so that each life finds it.

        Returns:
            Whether that was possible; if not, the next life tells why.
        """
        with self._warnings(), limited(self._original):
            self._before, self._unbuilt = build_wider_fixtures(self._original)
        return self._unbuilt is None

    @property
    def built_late(self) -> str:
        """A fixture that is wider than the test, and that nobody could foresee."""
        return self._hooks.built_late

    def take_output(self) -> list[tuple[str, str]]:
        """Return what the lives since the last call wrote, as report sections."""
        output, self._output = self._output, []
        return output

    def set_apart(self) -> None:
        """Capture apart from other processes, which have the same files for it."""
        self._output, self._news, self._before = [], [], []
        capture = self._original.config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.stop_global_capturing()
            capture.start_global_capturing()
            capture.suspend_global_capture()

    def pack(self, *, measures: bool = True) -> dict[str, Any]:
        """Return what is new since the last time, in builtins.

        A life may be going on, which will then not do so for long.

        Args:
            measures: whether what coverage.py has measured is to be there.
        """
        config, session = self._original.config, self._original.session
        reports = []
        if self._life is None:
            reports = [
                config.hook.pytest_report_to_serializable(config=config, report=report)
                for report in self.reports
            ]
        else:
            self._warn(map(_warned, self._caught))
            written = written_so_far(self.item, last=self._life.over)
            self._write(written, self._life)
        output, self._output = self._output, []
        news, self._news = self._news, []
        return {
            "reports": reports,
            "output": output,
            "warnings": news,
            "measured": measured() if measures else None,
            "ending": (session.shouldstop, session.shouldfail),
        }

    def unpack(self, luggage: dict[str, Any]) -> None:
        """Take what has been packed in another process."""
        config, session = self._original.config, self._original.session
        self.reports = [
            config.hook.pytest_report_from_serializable(config=config, data=data)
            for data in luggage["reports"]
        ]
        self._output += map(tuple, luggage["output"])
        self._warn(luggage["warnings"])
        add_measured(luggage["measured"])
        stop, fail = luggage["ending"]
        if stop and not session.shouldstop:
            session.shouldstop = stop
        if fail and not session.shouldfail:
            session.shouldfail = fail

    def _write(self, sections: Iterable[tuple[str, str]], life: Life) -> None:
        self._output += (
            (f"{title} (life {life.number})", text) for title, text in sections
        )

    @contextmanager
    def _warnings(self) -> Iterator[None]:
        """Let pytest show a warning once, not for each life that repeats it."""
        with warnings.catch_warnings(record=True) as caught:
            self._caught = caught
            yield
        self._warn(map(_warned, caught))

    def _warn(self, warned: Iterable[Warned]) -> None:
        for each in warned:
            if each not in self._warned:
                self._warned[each] = None
                self._news.append(each)
                text, category, path, line = each
                warnings.showwarning(text, category, path, line)


def _raise(error: BaseException) -> NoReturn:
    raise error


def _warned(caught: warnings.WarningMessage) -> Warned:
    category = caught.category
    importable = getattr(sys.modules.get(category.__module__), category.__name__, None)
    return (
        str(caught.message),
        # One that is made in a function has no name in another process.
        category if importable is category else UserWarning,
        caught.filename,
        caught.lineno,
    )


def _until_death(function: Callable[..., Any], life: Life) -> Callable[..., Any]:
    """Wrap a test function so that a dead life returns quietly, whatever it raised."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def lived_async(*args: Any, **kwargs: Any) -> Any:
            try:
                with life.here():
                    result = await until_crash(life, function(*args, **kwargs))
                    life.probes.read(life)
            except _ENDS_THE_SESSION:
                raise
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if life.cancelled_at is None or task is None:
                    raise
                # It was ours, and goes no further than the program.
                task.uncancel()
                return None
            except BaseException:
                if not life.crashed:
                    raise
                return None
            return None if life.crashed else result

        return lived_async

    @functools.wraps(function)
    def lived(*args: Any, **kwargs: Any) -> Any:
        try:
            with life.here():
                result = function(*args, **kwargs)
                life.probes.read(life)
        except _ENDS_THE_SESSION:
            raise
        except BaseException:
            if not life.crashed:
                raise
            return None
        return None if life.crashed else result

    return lived


def _guard_finalizers(item: Any, life: Life) -> None:
    """Let no fixture's teardown in a dead life keep the others from theirs."""

    def add(finalizer: Callable[[], object]) -> None:
        def guarded() -> None:
            try:
                finalizer()
            except _ENDS_THE_SESSION:
                raise
            except BaseException:
                if not life.crashed:
                    raise

        pytest.Function.addfinalizer(item, guarded)

    item.addfinalizer = add


class _LifeHooks:
    """What is different in pytest while a life is lived."""

    def __init__(self) -> None:
        self._life: Life | None = None
        self._disturbed = False
        self.built_late = ""

    @contextmanager
    def during(self, life: Life, *, disturbed: bool) -> Iterator[None]:
        self._life = life
        self._disturbed = disturbed
        try:
            yield
        finally:
            self._life = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: Any, request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        life = self._life
        if life is None:
            return (yield)
        if fixturedef.scope != "function":
            # Of the machine, and there once for all lives: what runs in it is not
            # part of any of them.
            if not fixturedef.func.__module__.startswith("pytest_asyncio."):
                # Its event loops belong to a process.
                self.built_late = fixturedef.argname
            with Life(life.world, 0, UNDISTURBED).here():
                return (yield)
        if fixturedef.argname == "tmp_path" and "tmp_path" not in fixturedef.argnames:
            # One that extends the tmp_path below it gets the disk from there.
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(fixturedef, "func", lambda: life.world.disk)
                patch.setattr(fixturedef, "argnames", ())
                return (yield)
        try:
            return (yield)
        except BaseException as error:
            if life.crashed and fixturedef.cached_result is None:
                # pytest tears down only what it has seen set up, or seen fail; and
                # of a failure it sees no BaseException.
                key = fixturedef.cache_key(request)
                fixturedef.cached_result = (None, key, (error, error.__traceback__))
            raise

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: Any, call: pytest.CallInfo[Any]
    ) -> Generator[None, Any, Any]:
        report = yield
        life = self._life
        if not report.failed or life is None:
            return report
        if life.crashed or life.extra:
            # It is no failure, so nothing for a debugger.
            report.wasxfail = "not judged"
        elif self._disturbed and call.excinfo:
            report.cano_reason = tracebacks.reason(item, call.excinfo)
            if item.config.getoption("tbstyle", "auto") == "auto":
                # It is one part of a longer story.
                report.longrepr = tracebacks.short(item, call.excinfo)
        return report


_HOOKS = pytest.StashKey[_LifeHooks]()


def _hooks(config: pytest.Config) -> _LifeHooks:
    """Return the session's hooks; registered once, for pytest forgets no plugin."""
    hooks = config.stash.get(_HOOKS, None)
    if hooks is None:
        hooks = config.stash[_HOOKS] = _LifeHooks()
        config.pluginmanager.register(hooks, "cano-lives")
    return hooks


def _result(reports: list[pytest.TestReport], life: Life) -> LifeResult:
    if life.crashed:
        return LifeResult("passed")
    for report in reports:
        if report.failed:
            return LifeResult("failed", _failure(report))
    if any(report.skipped or hasattr(report, "wasxfail") for report in reports):
        return LifeResult("skipped")
    return LifeResult("passed")


def _failure(report: Any) -> str:
    """Return what pytest says of a failed phase, the line that names it last."""
    text: str = report.longreprtext.rstrip()
    if report.when != "call":
        text = f"{report.when} of the test\n\n{text}"
    crash = getattr(report.longrepr, "reprcrash", None)
    reason = getattr(report, "cano_reason", "")
    if crash is None or not reason:
        return text
    # pytest's own last line has no message, and the place deepest in the stack.
    before, _, last = text.rpartition("\n")
    if f":{crash.lineno}: " in last:
        text = before
    return f"{text}\n{reason}"
