"""``twin``: a second process lives while this one stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class StandStill:
    """Stops a process where it is, as a long pause of its machine would."""

    def strike(self, life: Life, fault: Fault) -> None:
        """Leave the life as it is."""

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Let the others live, and go on."""
        if life.process is None:
            raise RuntimeError(f"{fault}: the life has no process of its own to stop")
        life.process.stand_still(life)
        return None
