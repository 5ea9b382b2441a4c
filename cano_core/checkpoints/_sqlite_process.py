"""What happens to open files when their process forks, and when it ends.

SQLite's locks belong to a process and its connections must not be taken through a
fork, not even to close them: a child would believe in locks that it does not hold,
and a WAL that is still in use would be removed. So nothing is open while a process
forks; both sides open what they need anew.
"""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol


class Halting(Protocol):
    """Something with a file and a thread, which it can do without for a while."""

    def halt(self) -> None:
        """End the thread and close the file."""

    def before_fork(self) -> None:
        """Halt, and stay so until one of the following is called."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew, without anything that is the parent's."""


_known: weakref.WeakSet[Halting] = weakref.WeakSet()
_forking: list[Halting] = []


def look_after(halting: Halting) -> None:
    """Halt this at every fork and at the end, for as long as it exists."""
    _known.add(halting)


def _before_fork() -> None:
    _forking.extend(_known)
    for each in _forking:
        each.before_fork()


def _after_fork_in_parent() -> None:
    while _forking:
        _forking.pop().after_fork_in_parent()


def _after_fork_in_child() -> None:
    while _forking:
        _forking.pop().after_fork_in_child()


@atexit.register
def _at_exit() -> None:
    """Close what was left open, so that no write-ahead log is left behind."""
    for each in list(_known):
        each.halt()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
