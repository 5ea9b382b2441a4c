"""``raise``: a `SimulatedCrash` unwinds the life."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class Raise:
    """Ends a life by an exception that is no `Exception`."""

    def strike(self, life: Life, fault: Fault) -> None:
        """End the life."""
        life.fall(fault.point)

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Unwind the code."""
        raise life.crash()
