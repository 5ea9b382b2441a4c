"""The pytest hooks: thin, and all of us that a run without crash tests ever loads.

Everything behind them is imported when the first test is crashed, or the first of
our fixtures asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import options

if TYPE_CHECKING:
    from faker import Faker

    from cano_core.checkpoints.store import CheckpointStore

    from .fixtures import Handle
    from .ledger import EffectLedger
    from .life import Life
    from .report.registry import Report

SETTINGS = pytest.StashKey[options.Settings]()

# On an item: the life and the schedule that it is part of, where it is crashed, and
# whether it called cano.check().
LIFE: pytest.StashKey[Life] = pytest.StashKey()
SCHEDULE = pytest.StashKey[str]()
CHECKED = pytest.StashKey[bool]()
# On a report: the searches that its test made itself.
CHECKS = "cano_checks"

FIXTURES = frozenset(
    {
        "cano",
        "cano_disk",
        "cano_faker",
        "cano_ledger",
        "cano_store",
        "cano_workflow_id",
    }
)


class HookSpecs:
    """The hooks of pytest-cano, for a conftest.py or for another plugin."""

    @pytest.hookspec(firstresult=True)
    def pytest_cano_make_store(
        self, name: str, directory: Path
    ) -> CheckpointStore | None:
        """Make the checkpoint store that goes by this name.

        Called in the process of the test, once per life of every test that asks for
        ``cano_store``, and for each world of ``cano.check``. The first answer counts,
        before our own backends; None leaves the name to others. Whatever two lives
        share has to be in the directory: it stands for the disk.

        Example::

            def pytest_cano_make_store(name, directory):
                if name == "files":
                    return FileStore(directory / "log")

        Args:
            name: the backend, as a marker or the ini file names it.
            directory: this test's disk; it exists, and outlives every life.
        """

    @pytest.hookspec(firstresult=True)
    def pytest_cano_points(
        self, item: pytest.Item, points: list[str]
    ) -> list[str] | None:
        """Leave out crash points of a test, or try them in another order.

        Called in the process of the test, once for each test that is crashed, when
        its undisturbed run has shown which points its selectors mean; not for
        ``cano.check``, crashes of the recovery, ``everywhere`` or schedules of
        several points. The first answer counts: the points to crash at, in this
        order; the summary says what is left out. None keeps all of them.

        Example::

            def pytest_cano_points(item, points):
                if item.get_closest_marker("slow"):
                    return [point for point in points if point.endswith("@end")]

        Args:
            item: the test.
            points: the crash points as texts, such as ``Process@effect:1``.
        """

    @pytest.hookspec(firstresult=True)
    def pytest_cano_effect_key(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        """Say which idempotency key a call to the outside world bears.

        Called in the process of the test, in whichever life, thread and event loop
        the call is made, for every call of what ``cano_ledger.spy`` stands in for
        that has no key by itself, in a parameter or by the spy's own function. The
        first answer counts; None means no key. The key stays among the arguments
        that are compared.

        Example::

            def pytest_cano_effect_key(name, args, kwargs):
                return kwargs.get("headers", {}).get("Idempotency-Key")

        Args:
            name: of the method, with the parts of the client it belongs to:
                ``charges.create``.
            args: its positional arguments.
            kwargs: its keyword arguments.
        """

    @pytest.hookspec(firstresult=True)
    def pytest_cano_report(self, kind: str, target: str) -> Report | None:
        """Make a report of a kind that is not ours, or in the place of one that is.

        Called once for each ``--cano-report=KIND:TARGET``, in the process that shows
        the results, before anything is collected: what is raised there as ValueError
        is a usage error. The first answer counts; None leaves the kind to others.

        Example::

            def pytest_cano_report(kind, target):
                if kind == "chat":
                    return Chat(target)  # has write(document), which returns lines

        Args:
            kind: what stands before the colon.
            target: what stands behind it; empty if there is none.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register our own hooks."""
    pluginmanager.add_hookspecs(HookSpecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare every option of the table."""
    group = parser.getgroup("cano", "crash tests of workflows")
    for option in options.OPTIONS:
        if option.flag is not None:
            group.addoption(option.flag, **option.argument)
        parser.addini(
            option.name, option.help, type=option.kind, default=option.default
        )


def pytest_configure(config: pytest.Config) -> None:
    """Check what was said, before anything is collected."""
    for marker in options.MARKERS:
        config.addinivalue_line("markers", str(marker))
    try:
        settings = options.resolve(
            {
                option.name: config.getoption(option.name)
                for option in options.OPTIONS
                if option.flag is not None
            },
            {option.name: config.getini(option.name) for option in options.OPTIONS},
            config.inipath,
        )
        reports: Mapping[str, Report] = {}
        if settings.begins:
            from .report.opening import open_reports

            reports = open_reports(config, settings)
    except options.OptionError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SETTINGS] = settings
    session = CrashSession(config, settings, reports)
    config.pluginmanager.register(session, "cano-session")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Check a test's markers, and run it on every backend that it asks for."""
    test = metafunc.definition
    marks = [mark for mark in test.iter_markers() if mark.name.startswith("cano_")]
    wants_store = "cano_store" in metafunc.fixturenames
    if not marks and not wants_store:
        return
    from .choice import prepare

    prepare(metafunc, marks, wants_store=wants_store)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> bool | None:
    """Take over the tests that are to be crashed."""
    settings = item.config.stash[SETTINGS]
    marks = list(item.iter_markers("cano_crash"))
    if not marks and not settings.session_crash:
        return None
    from .taking_over import take_over

    return take_over(item, nextitem, settings, marks)


class CrashSession:
    """What this process knows of the crash tests, its workers' included.

    Attributes:
        reports: those to be written, by what asked for each.
        results: what each test that was to be crashed has left, by its id.
        checks: the same of searches of tests' own, by test, until its reports come.
        checked: and by their own ids.
        failed: ids of all that failed, crash tests or not.
        complete: whether nothing has ended the session before its end.
        problems: what is wrong with all of it.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: options.Settings,
        reports: Mapping[str, Report],
    ) -> None:
        self._config = config
        self._settings = settings
        self._session: Any = None
        self._lines: Sequence[str] = ()
        self.reports = reports
        self.results: dict[str, dict[str, Any]] = {}
        self.checks: dict[str, list[dict[str, Any]]] = {}
        self.checked: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, None] = {}
        self.complete = False
        self.problems: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session, whose counters concern us."""
        self._session = session

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(
        self, report: pytest.TestReport
    ) -> Generator[None, object, object]:
        """Look after the reports on crash tests, before anybody else sees them."""
        result = getattr(report, "cano_result", None)
        if result is not None:
            self.results[result["test"]] = result
        if report.when == "teardown" and report.nodeid in self.checks:
            setattr(report, CHECKS, self.checks.pop(report.nodeid))
        self.checked |= {each["test"]: each for each in getattr(report, CHECKS, ())}
        if report.failed and not hasattr(report, "cano_schedule"):
            self.failed |= {report.nodeid: None}
        if not hasattr(report, "cano_seconds"):
            return (yield)
        from .report.showing import shown

        with shown(self._session, report):
            return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember what could not be collected."""
        self.failed |= {report.nodeid: None} if report.failed else {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, str] | None:
        """Name the schedule beside its outcome."""
        if report.when != "call" or not hasattr(report, "cano_schedule"):
            return None
        from .report import terminal

        return terminal.status(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(
        self, session: pytest.Session
    ) -> Generator[None, object, object]:
        """Fail a session whose selectors met nothing; workers leave that to us."""
        result = yield
        self.complete = not (session.shouldfail or session.shouldstop)
        if hasattr(self._config, "workerinput") or self._runs_none:
            return result
        if session.testscollected and self._settings != options.Settings():
            from .report.closing import problems_of

            results = [*self.results.values()]
            self.problems += problems_of(self._settings, results, self.told)
            session.testsfailed += len(self.problems)
        return result

    @property
    def told(self) -> list[dict[str, Any]]:
        """What all searches have left, those that tests made themselves, too."""
        return [*(self.results | self.checked).values()]

    @property
    def _runs_none(self) -> bool:
        names = ("collectonly", "setuponly", "setupplan")
        return any(self._config.getoption(name, False) for name in names)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Remember what has failed, and say what to read; write what is to be."""
        if self.results:
            from .report.terminal import say_what_to_read
            from .sharing import keep_failures

            keep_failures(self._config, [*self.results.values()])
            say_what_to_read(self._config)
        none = self._runs_none or not (self.told or self._settings.session_crash)
        if none or hasattr(self._config, "workerinput"):
            return
        if self.reports or self._settings.baseline:
            from .report.closing import close_session

            self._lines, problems = close_session(self, session)
            self.problems += problems

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Tell what was found."""
        none = self._runs_none or not self._session.testscollected
        if (told := self.told) or self.problems or self._lines:
            from .report.terminal import write_summary

            write_summary(terminalreporter, told, self.problems, self._lines)
        elif none or self._settings.session_crash:
            return
        elif idle := options.flags_given(self._config.getoption):
            terminalreporter.write_line(
                f"{', '.join(idle)}: nothing was crashed; say what is to be, for "
                "instance by --cano-crash=all"
            )


@pytest.fixture
def cano(request: pytest.FixtureRequest, tmp_path: Path) -> Handle:
    """The handle on this crash test: which life it is, observations, check().

    ``cano.observe(name, value)`` is for what must be the same after a crash, and
    ``cano.check(program)`` crashes any function.
    """
    from .fixtures import Handle

    return Handle(request)


@pytest.fixture
def cano_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The directory that survives the crashes of this test; tmp_path is it, too."""
    from .fixtures import view

    return view(request).disk


@pytest.fixture
def cano_store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[CheckpointStore]:
    """A checkpoint store on this test's disk, closed at the end of every life.

    ``@pytest.mark.cano_store`` or the ini option ``cano_stores`` names the backend:
    sqlite, memory, or one that the hook ``pytest_cano_make_store`` makes.
    """
    from .fixtures import store

    yield from store(request)


@pytest.fixture
def cano_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> EffectLedger:
    """The outside world: it remembers every effect of every life of this test.

    Tell it with ``effect(name, *args, key=...)``, or wrap a fake in ``spy(fake)``.
    """
    from .fixtures import view

    return view(request).ledger


@pytest.fixture
def cano_workflow_id(request: pytest.FixtureRequest) -> str:
    """A workflow id for this test: the same in every life, and nobody else's."""
    from .identity import workflow_id_for

    return workflow_id_for(request.node.nodeid)


@pytest.fixture
def cano_faker(request: pytest.FixtureRequest) -> Faker:
    """A Faker that makes up the same data in every life of this test."""
    from .fixtures import faker

    return faker(request)
