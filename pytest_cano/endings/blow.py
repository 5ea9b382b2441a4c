"""What every kind of fault is to a life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault

Wait: TypeAlias = Callable[[], Awaitable[object]]
"""Makes what the code at the point has to wait for."""


class Blow(Protocol):
    """Carries out one kind of fault."""

    def strike(self, life: Life, fault: Fault) -> None:
        """Change what the life is: nothing else happens in any thread meanwhile."""

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Do to the code at the point what the fault is.

        Args:
            life: the life.
            fault: the fault.
            waits: whether that code can wait: it is a coroutine's, or is driven.

        Returns:
            What it is to wait for before it goes on, if anything.

        Raises:
            BaseException: whatever the code at the point is to get.
        """
