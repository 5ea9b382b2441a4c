"""What processes that were forked for a test leave behind them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def children() -> list[str]:
    """The processes that this one has begun, those included that nobody waited for."""
    lists = Path("/proc/self/task").glob("*/children")
    return [pid for each in lists for pid in each.read_text().split()]


def running(pid: str) -> bool:
    """Say whether a process has not ended, though nobody may have waited for it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def descriptors() -> dict[str, str]:
    """Every open file descriptor, and what it leads to."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Fail if a process or a descriptor is there afterwards that was not before."""
    # Other tests of this process may have servers that outlive them.
    before, begun = descriptors(), {*children()}
    yield
    assert {*children()} <= begun
    assert descriptors() == before
