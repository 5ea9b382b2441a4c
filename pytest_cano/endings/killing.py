"""``kill``: the life's process ends itself with a real SIGKILL."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class Kill:
    """Ends the process that a life has to itself."""

    def strike(self, life: Life, fault: Fault) -> None:
        """End the life."""
        life.fall(fault.point)

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Write down what this process knows, and end it."""
        if life.process is None:
            raise RuntimeError(f"{fault}: the life has no process of its own to kill")
        life.process.die(life)
        raise life.crash()  # a process in the way of its own death
