"""Which kind of life ran a line, as a context of what coverage.py measures.

A context of coverage.py says when a line ran: it has a static part (``run:context``)
and a dynamic one, which pytest-cov (``--cov-context=test``) or coverage.py itself
(``dynamic_context``) may set. The kind of the life is put behind whatever is there:
``tests/test_shop.py::test_order|run|resumed``. So nobody is in nobody's way, which the
public ``Coverage.switch_context`` would be: it replaces what others have set.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, final

from coverage import CoverageData
from coverage.exceptions import CoverageException
from coverage.files import canonical_filename
from coverage.python import PythonFileReporter

from .task_code import codes_of, lines_of
from .task_lines import FileLines, TaskLines

if TYPE_CHECKING:
    from cano_core.workflow import Workflow

    from .life import Life

BASELINE: Final = "baseline"
CRASHED: Final = "crashed"
RESUMED: Final = "resumed"

KINDS: Final = (BASELINE, CRASHED, RESUMED)
"""The first life up to its crash is ``crashed``, every later one ``resumed``; all of
an undisturbed run is ``baseline``."""


LOCK: Final = threading.RLock()
"""Held while what is measured changes hands: one thread at a time may use its data."""


@final
class Living:
    """A life that is being lived.

    Attributes:
        kind: of that life; empty once it is over.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind


@final
class LifeData(CoverageData):
    """Measured lines whose contexts end in the kind of the life that ran them.

    Attributes:
        lives: those that are being lived, innermost last.
        others: the context as all others want it.
        in_memory_of: the process in whose memory it is; 0 if it is in a file.
        before: what it is to be added to once no test needs it; None if nobody waits.
        tests: how many tests need it.
    """

    lives: list[Living]
    others: str | None = None
    in_memory_of = 0
    before: CoverageData | None = None
    tests = 0

    @property
    def kind(self) -> str:
        """The kind of the life that is being lived; empty for none."""
        return self.lives[-1].kind if self.lives else ""

    def set_context(self, context: str | None) -> str | None:
        """Have a context from now on, the kind behind it; return the one before."""
        before, self.others = self.others, context
        super().set_context("|".join(filter(None, (context, self.kind))) or None)
        return before

    @classmethod
    def in_place_of(cls, data: Any, **where: Any) -> LifeData:
        """Return new data that goes on where other data stops."""
        new = cls(**where)
        new.lives = [*getattr(data, "lives", ())]
        # It has no public name.
        new.set_context(
            getattr(data, "others", getattr(data, "_current_context", None))
        )
        return new


@contextmanager
def of_kind(measuring: Any, life: Life) -> Iterator[None]:
    """Let all lines be of a life's kind, until it is over.

    What its leftover code still runs then, a killed process would not have run. Of two
    lives at once, in threads, whatever runs is of the one that began last.
    """
    collector = measuring._collector
    data = collector.covdata
    if not isinstance(data, LifeData):
        yield
        return
    living = Living(_kind(life))

    def be_over() -> None:
        living.kind = ""

    _change(collector, data, lambda: data.lives.append(living))
    withdraw = life.on_crash(lambda: _change(collector, data, be_over))
    try:
        yield
    finally:
        withdraw()
        _change(collector, data, lambda: data.lives.remove(living))


def _kind(life: Life) -> str:
    if not life.world.schedule:
        return BASELINE
    return CRASHED if life.number == 1 else RESUMED


def _change(collector: Any, data: LifeData, change: Callable[[], object]) -> None:
    """Change which lives are being lived, once what they ran is written down."""
    with LOCK:
        if collector.covdata is data:
            collector.flush_data()
        before = data.kind
        change()
        if data.kind == before:
            return
        data.set_context(data.others)
        if data.kind and collector.tracer_name() == "SysMonitor":
            # It is told of each line once, and nothing of those that others have run.
            monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
            monitoring.restart_events()


def keep_in_memory(measuring: Any) -> LifeData:
    """Let the data be in the memory of this process, from now on."""
    collector = measuring._collector
    data: object = collector.covdata
    if isinstance(data, LifeData) and data.in_memory_of == os.getpid():
        return data
    new = LifeData.in_place_of(data, no_disk=True)
    new.in_memory_of = os.getpid()
    collector.covdata = new
    return new


@contextmanager
def measured_test(
    measuring: Any, root: Path, tests: list[MeasuredTest]
) -> Iterator[MeasuredTest]:
    """Keep what is measured in this block apart, and then add it to all the rest.

    One within another, or beside another in a thread, has the lines of both.

    Args:
        measuring: what measures.
        root: what paths are relative to.
        tests: where it is put while the block lasts.
    """
    collector = measuring._collector
    with LOCK:
        before: Any = collector.covdata
        if not isinstance(before, LifeData):
            directory = tempfile.mkdtemp(prefix="cano-measured-")
            file = os.path.join(directory, "lines")
            collector.covdata = LifeData.in_place_of(before, basename=file)
            collector.covdata.before = before
        data: LifeData = collector.covdata
        data.tests += 1
        test = MeasuredTest(measuring, root)
        tests.append(test)
    try:
        yield test
    finally:
        with LOCK:
            tests.remove(test)
            data.tests -= 1
            if not data.tests and data.before is not None:
                _give_back(collector, data, data.before)


def _give_back(collector: Any, data: LifeData, before: CoverageData) -> None:
    collector.flush_data()
    collector.covdata = before
    before.set_context(data.others)
    before.update(data)
    data.close(force=True)
    shutil.rmtree(os.path.dirname(data.data_filename()), ignore_errors=True)


@final
class MeasuredTest:
    """What is measured of one test.

    Args:
        measuring: what measures.
        root: what paths are relative to.
    """

    def __init__(self, measuring: Any, root: Path) -> None:
        self._measuring = measuring
        self._root = root
        self._codes: dict[CodeType, None] = {}

    def saw(self, workflow: Workflow) -> None:
        """Take note of a workflow that runs."""
        self._codes |= dict.fromkeys(codes_of(workflow))

    def lines(self) -> TaskLines:
        """Return which lines of the tasks ran so far, in which kinds of lives."""
        with LOCK:
            return self._lines()

    def _lines(self) -> TaskLines:
        collector = self._measuring._collector
        collector.flush_data()
        data = collector.covdata
        known = data.measured_files()
        if getattr(data, "before", None) is not None:
            known |= data.before.measured_files()
        files = {}
        for path, lines in self._lines_of_tasks().items():
            name = collector.file_mapper(canonical_filename(path))
            ran = data.contexts_by_lineno(name)
            found = self._of_file(path, lines, ran) if name in known else None
            if found is not None and found.statements:
                files[path.removeprefix(str(self._root) + os.sep)] = found
        return TaskLines(files)

    def _lines_of_tasks(self) -> Mapping[str, set[int]]:
        files: dict[str, set[int]] = {}
        for code in self._codes:
            files.setdefault(code.co_filename, set()).update(lines_of(code))
        return files

    def _of_file(
        self, path: str, lines: set[int], contexts: Mapping[int, Iterable[str]]
    ) -> FileLines | None:
        reporter = PythonFileReporter(path, self._measuring)
        try:
            statements = reporter.lines() & reporter.translate_lines(lines)
        except CoverageException:
            return None  # there is no source to look at
        ran: dict[str, set[int]] = {kind: set() for kind in KINDS}
        for line, its_contexts in contexts.items():
            for context in its_contexts:
                ran.get(context.rpartition("|")[2], set()).add(line)
        return FileLines(
            frozenset(statements),
            **{
                kind: frozenset(statements & reporter.translate_lines(ran[kind]))
                for kind in KINDS
            },
        )
