"""Which kind of life ran a line, as a context of what coverage.py measures.

A context of coverage.py says when a line ran: it has a static part (``run:context``)
and a dynamic one, which pytest-cov (``--cov-context=test``) or coverage.py itself
(``dynamic_context``) may set. The kind of the life is put behind whatever is there:
``tests/test_shop.py::test_order|run|resumed``. So nobody is in nobody's way, which the
public ``Coverage.switch_context`` would be: it replaces what others have set.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
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


@final
class LifeData(CoverageData):
    """Measured lines whose contexts end in the kind of the life that ran them.

    Attributes:
        kind: of the life that is being lived; empty for none.
        others: the context as all others want it.
        in_memory_of: the process in whose memory it is; 0 if it is in a file.
    """

    kind = ""
    others: str | None = None
    in_memory_of = 0

    def set_context(self, context: str | None) -> str | None:
        """Have a context from now on, the kind behind it; return the one before."""
        before, self.others = self.others, context
        super().set_context("|".join(filter(None, (context, self.kind))) or None)
        return before

    def be_of(self, kind: str) -> None:
        """Belong to a kind of life from now on."""
        self.kind = kind
        self.set_context(self.others)

    @classmethod
    def in_place_of(cls, data: Any, **where: Any) -> LifeData:
        """Return new data that goes on where other data stops."""
        new = cls(**where)
        new.kind = getattr(data, "kind", "")
        # It has no public name.
        new.set_context(
            getattr(data, "others", getattr(data, "_current_context", None))
        )
        return new


@contextmanager
def of_kind(measuring: Any, life: Life) -> Iterator[None]:
    """Let all lines be of a life's kind, until it is over.

    What its leftover code still runs then, a killed process would not have run.
    """
    collector = measuring._collector
    before = getattr(collector.covdata, "kind", "")
    _switch(collector, _kind(life))
    withdraw = life.on_crash(lambda: _switch(collector, ""))
    try:
        yield
    finally:
        withdraw()
        _switch(collector, before)


def _kind(life: Life) -> str:
    if not life.world.schedule:
        return BASELINE
    return CRASHED if life.number == 1 else RESUMED


def _switch(collector: Any, kind: str) -> None:
    data = collector.covdata
    if not isinstance(data, LifeData) or data.kind == kind:
        return
    collector.flush_data()
    data.be_of(kind)
    if kind and collector.tracer_name() == "SysMonitor":
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

    Args:
        measuring: what measures.
        root: what paths are relative to.
        tests: where it is put while the block lasts.
    """
    collector = measuring._collector
    before = collector.covdata
    with tempfile.TemporaryDirectory(prefix="cano-measured-") as directory:
        data = LifeData.in_place_of(before, basename=os.path.join(directory, "lines"))
        collector.covdata = data
        test = MeasuredTest(measuring, data, before, root)
        tests.append(test)
        try:
            yield test
        finally:
            tests.remove(test)
            collector.flush_data()
            collector.covdata = before
            before.set_context(data.others)
            before.update(data)
            data.close(force=True)


@final
class MeasuredTest:
    """What is measured of one test.

    Args:
        measuring: what measures.
        data: what was measured so far in this test.
        before: what was measured before it.
        root: what paths are relative to.
    """

    def __init__(
        self, measuring: Any, data: LifeData, before: CoverageData, root: Path
    ) -> None:
        self._measuring = measuring
        self._data = data
        self._before = before
        self._root = root
        self._codes: dict[CodeType, None] = {}

    def saw(self, workflow: Workflow) -> None:
        """Take note of a workflow that runs."""
        self._codes |= dict.fromkeys(codes_of(workflow))

    def lines(self) -> TaskLines:
        """Return which lines of the tasks ran so far, in which kinds of lives."""
        self._measuring._collector.flush_data()
        known = self._data.measured_files() | self._before.measured_files()
        files = {}
        for path, lines in self._lines_of_tasks().items():
            name = self._measuring._collector.file_mapper(canonical_filename(path))
            found = self._of_file(path, name, lines) if name in known else None
            if found is not None and found.statements:
                files[path.removeprefix(str(self._root) + os.sep)] = found
        return TaskLines(files)

    def _lines_of_tasks(self) -> Mapping[str, set[int]]:
        files: dict[str, set[int]] = {}
        for code in self._codes:
            files.setdefault(code.co_filename, set()).update(lines_of(code))
        return files

    def _of_file(self, path: str, name: str, lines: set[int]) -> FileLines | None:
        reporter = PythonFileReporter(path, self._measuring)
        try:
            statements = reporter.lines() & reporter.translate_lines(lines)
        except CoverageException:
            return None  # there is no source to look at
        ran: dict[str, set[int]] = {kind: set() for kind in KINDS}
        for line, contexts in self._data.contexts_by_lineno(name).items():
            for context in contexts:
                ran.get(context.rpartition("|")[2], set()).add(line)
        return FileLines(
            frozenset(statements),
            **{
                kind: frozenset(statements & reporter.translate_lines(ran[kind]))
                for kind in KINDS
            },
        )
