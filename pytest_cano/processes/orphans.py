"""Children that do not outlive their parent."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


@cache
def _prctl() -> Callable[..., int] | None:
    """Return the system call that ties a process to its parent, where there is one."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None


def prepare() -> None:
    """In the parent: do what a child should not have to."""
    _prctl()


def die_with(parent: int) -> None:
    """In a child: be killed as soon as its parent has ended, in whatever way.

    Elsewhere than on Linux a child notices when it has something to say.
    """
    prctl = _prctl()
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)  # it had ended before that was said
