"""``freeze``: the task's code stands still for ever, so that no ``finally`` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class Freeze:
    """Ends a life and leaves the task's body as it is.

    Only the body of a task that is a coroutine can be left so: what is around it, and
    what it has started beside itself, is unwound as by ``raise``.
    """

    def strike(self, life: Life, fault: Fault) -> None:
        """End the life."""
        life.fall(fault.point)

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Let the code never go on."""
        from ..driving import freeze_here

        freeze_here(life.crash())
        raise life.crash()
