"""What time it is for the engine, in an event loop whose time has leapt.

Most limits of the engine are timers of the event loop. Those that outlive a process
(`total_timeout`, a poll's deadline, the wait of a timer) or concern a whole rollback
are read from the clocks of the module `time`, and have to agree with them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, final
from weakref import WeakSet

_WITH_CLOCKS_OF_THEIR_OWN: Final = ("cano_core.checkpoints", "cano_core.otel")
"""Which measure how long something takes, in threads without an event loop, too."""


@final
class _Time:
    """The module `time`, in the place of itself.

    Args:
        ahead_of: says by how much a loop is ahead of real time.
    """

    def __init__(self, ahead_of: Callable[[asyncio.AbstractEventLoop], float]) -> None:
        self._ahead_of = ahead_of

    def time(self) -> float:
        return time.time() + self._ahead()

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead()

    def _ahead(self) -> float:
        try:
            return self._ahead_of(asyncio.get_running_loop())
        except RuntimeError:
            return 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


_followed: Final[WeakSet[Any]] = WeakSet()
_told: Final[list[ModuleType]] = []


def follow(
    clock: object, ahead_of: Callable[[asyncio.AbstractEventLoop], float]
) -> None:
    """Let the engine live by the time of its loop, as long as this clock goes."""
    _followed.add(clock)
    ours: Any = _Time(ahead_of)
    for name, module in sys.modules.copy().items():
        if (
            name.startswith("cano_core.")
            and not name.startswith(_WITH_CLOCKS_OF_THEIR_OWN)
            and vars(module).get("time") is time
        ):
            vars(module)["time"] = ours
            _told.append(module)


def forget(clock: object) -> None:
    """The clock goes no more; after the last one, the engine has real time."""
    _followed.discard(clock)
    if _followed:
        return
    for module in _told:
        # A test may have given the module another clock meanwhile.
        if isinstance(vars(module).get("time"), _Time):
            vars(module)["time"] = time
    _told.clear()
