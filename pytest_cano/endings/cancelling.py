"""``cancel``: the asyncio task that drives the run is cancelled, as by Ctrl-C.

It is how a program ends that is asked to: its clean-up runs, and reaches the world.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class Cancel:
    """Cancels the run; the life is over once its program has ended."""

    def strike(self, life: Life, fault: Fault) -> None:
        """Say where the life was cancelled."""
        life.cancelled_at = life.crashed_at = fault.point

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Cancel; what can wait is given the cancellation at once."""
        driver = life.drivers.get(fault.point.run)
        if driver is None or driver.done():
            raise life.crash()
        current = _current()
        if current is None:  # an effect, in a thread
            driver.get_loop().call_soon_threadsafe(driver.cancel)
        else:
            driver.cancel()
        return _turn if waits and current is driver else None


def _current() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None


async def _turn() -> None:
    """Give the loop the turn in which it delivers a cancellation."""
    await asyncio.sleep(0)
