"""``hang``: a task, or the store operation that follows the point, never returns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from ..moments import MOMENTS
from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class Hang:
    """Lets something wait for ever; the life goes on once a time limit ends that."""

    def strike(self, life: Life, fault: Fault) -> None:
        """Let the store hang, where the point is none inside a task."""
        if MOMENTS[fault.point.moment].place != "task":
            life.stores.plan(fault)

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Hang, inside a task."""
        if MOMENTS[fault.point.moment].place != "task":
            return None
        if waits:
            return lambda: forever(life, fault)
        life.note(f"{fault}: code in a thread can't be made to hang; it was ended")
        life.fall(fault.point)
        raise life.crash()


async def forever(life: Life, fault: Fault) -> None:
    """Wait for what never comes, on a clock that leaps over the waiting.

    Raises:
        SimulatedCrash: nothing will ever end this, so the life is ended.
    """
    from ..virtual_clock import leaping

    loop = asyncio.get_running_loop()
    never: asyncio.Future[None] = loop.create_future()

    def stuck() -> None:
        life.give_up(f"{fault.point} hangs, and no time limit ends it")
        if not never.done():
            never.set_exception(life.crash())

    with leaping(loop, on_stuck=stuck):
        await never
