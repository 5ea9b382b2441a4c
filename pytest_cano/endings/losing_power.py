"""``torn``, ``unsynced``, ``powerloss``: the disk loses writes with the power."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ..outage import lose_power
from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class LosePower:
    """Ends a life, and takes from its disk what was not synced."""

    def strike(self, life: Life, fault: Fault) -> None:
        """End the life, and keep from here on what the disk has."""
        lose_power(life, fault)

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Unwind the code."""
        if life.over:
            raise life.crash()
        return None  # there is no such disk, so nothing has happened
