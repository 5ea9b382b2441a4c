"""What coverage.py measures in a process that will never save it itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coverage import CoverageData

_collected: list[bytes] | None = None


def measured() -> bytes | None:
    """Return what has been measured in this process; None if nothing is measured."""
    measuring = _current()
    if measuring is None:
        return None
    # Its own data is bound to a file, which in a forked child is the parent's.
    collector = measuring._collector
    with _in_memory() as data:
        kept, collector.covdata = collector.covdata, data
        try:
            collector.flush_data()
        finally:
            collector.covdata = kept
        dumped = data.dumps()
    for other in dict.fromkeys(_collected or ()):
        # Older versions add to data in memory only once.
        with _in_memory(dumped) as data, _in_memory(other) as more:
            data.update(more)
            dumped = data.dumps()
    return dumped


def collect_measured() -> None:
    """Keep what is added, from now on, for somebody else to ask for."""
    global _collected
    _collected = []


def add_measured(dumped: bytes | None) -> None:
    """Add what another process has measured to what is measured here."""
    measuring = _current()
    if measuring is None or dumped is None:
        return
    if _collected is not None:
        _collected.append(dumped)
        return
    with _in_memory(dumped) as data:
        measuring.get_data().update(data)


def measuring_alike() -> dict[str, Any] | None:
    """Return how another process has to measure; None if nothing is measured."""
    measuring = _current()
    if measuring is None:
        return None
    options = ("branch", "source", "source_pkgs", "include", "omit")
    return {name: measuring.get_option(f"run:{name}") for name in options}


def begin_measuring(alike: dict[str, Any] | None) -> None:
    """Measure in this process as in the one that asks for it."""
    if alike is None or _current() is not None:
        return
    import coverage

    coverage.Coverage(data_file=None, **alike).start()


@contextmanager
def _in_memory(dumped: bytes | None = None) -> Iterator[CoverageData]:
    from coverage import CoverageData

    data = CoverageData(no_disk=True)
    try:
        if dumped is not None:
            data.loads(dumped)
        yield data
    finally:
        # Otherwise its connection is collected some day, with a ResourceWarning.
        data.close(force=True)


def _current() -> Any:
    coverage = sys.modules.get("coverage")
    return None if coverage is None else coverage.Coverage.current()
