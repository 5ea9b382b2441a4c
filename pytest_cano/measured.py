"""What coverage.py measures, where it does: in every life, and in every process.

A life may end in a process that never saves what was measured in it. And which kind of
life ran a line is what its context says; that is `pytest_cano.line_contexts`, which is
imported only where something is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coverage import CoverageData

    from cano_core.workflow import Workflow

    from .life import Life
    from .line_contexts import MeasuredTest

_collected: list[bytes] | None = None

_tests: list[MeasuredTest] = []
"""What is being explored while something is measured, innermost last."""


def is_measuring() -> bool:
    """Say whether coverage.py measures this process."""
    return _current() is not None


def measuring_test(root: Path) -> AbstractContextManager[MeasuredTest | None]:
    """Keep what all lives of a test run, to be asked for the lines of its tasks.

    Args:
        root: what paths are relative to.

    Returns:
        A context manager; it gives None if nothing is measured.
    """
    measuring = _current()
    if measuring is None:
        return nullcontext()
    from .line_contexts import measured_test

    return measured_test(measuring, root, _tests)


def measuring_life(life: Life) -> AbstractContextManager[object]:
    """Let lines say, while a life lasts, which kind of life ran them."""
    measuring = _current()
    if measuring is None:
        return nullcontext()
    from .line_contexts import of_kind

    return of_kind(measuring, life)


def saw_workflow(workflow: Workflow) -> None:
    """Take note of a workflow that runs, if anybody wants to know its tasks."""
    for test in _tests[-1:]:
        test.saw(workflow)


def keep_apart() -> None:
    """Keep what is measured from now on in this process, which will not save it.

    Its data is bound to a file, which in a forked child is the parent's.
    """
    measuring = _current()
    if measuring is not None:
        from .line_contexts import keep_in_memory

        keep_in_memory(measuring)


def measured() -> bytes | None:
    """Return what has been measured in this process; None if nothing is measured."""
    measuring = _current()
    if measuring is None:
        return None
    from .line_contexts import keep_in_memory

    data = keep_in_memory(measuring)
    measuring._collector.flush_data()
    dumped = data.dumps()
    for other in dict.fromkeys(_collected or ()):
        # Older versions add to data in memory only once.
        with _in_memory(dumped) as all_data, _in_memory(other) as more:
            all_data.update(more)
            dumped = all_data.dumps()
    return dumped


def collect_measured() -> None:
    """Keep what is added, from now on, for somebody else to ask for."""
    global _collected
    _collected = []
    keep_apart()


def add_measured(dumped: bytes | None) -> None:
    """Add what another process has measured to what is measured here."""
    measuring = _current()
    if measuring is None or dumped is None:
        return
    if _collected is not None:
        _collected.append(dumped)
        return
    from .line_contexts import LOCK

    with LOCK, _in_memory(dumped) as data:
        measuring._collector.flush_data()
        measuring._collector.covdata.update(data)


def measuring_alike() -> dict[str, Any] | None:
    """Return how another process has to measure; None if nothing is measured."""
    measuring = _current()
    if measuring is None:
        return None
    options = ("branch", "source", "source_pkgs", "include", "omit", "context")
    return {name: measuring.get_option(f"run:{name}") for name in options}


def begin_measuring(alike: dict[str, Any] | None) -> None:
    """Measure in this process as in the one that asks for it."""
    if alike is None or _current() is not None:
        return
    import coverage

    coverage.Coverage(data_file=None, **alike).start()


@contextmanager
def _in_memory(dumped: bytes) -> Iterator[CoverageData]:
    from coverage import CoverageData

    data = CoverageData(no_disk=True)
    try:
        data.loads(dumped)
        yield data
    finally:
        # Otherwise its connection is collected some day, with a ResourceWarning.
        data.close(force=True)


def _current() -> Any:
    coverage = sys.modules.get("coverage")
    return None if coverage is None else coverage.Coverage.current()
