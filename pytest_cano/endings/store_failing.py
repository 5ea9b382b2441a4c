"""``error``, ``error!``, ``ack-lost``: the store operation that follows fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


@final
class StoreFailure:
    """Lets the next store operation of the run fail.

    Args:
        lasting: whether every later one fails, too.
        takes_effect: whether it is done all the same.
    """

    def __init__(self, *, lasting: bool = False, takes_effect: bool = False) -> None:
        self.lasting = lasting
        self.takes_effect = takes_effect

    def strike(self, life: Life, fault: Fault) -> None:
        """Let the store of that run fail from now on."""
        life.stores.plan(fault, lasting=self.lasting)

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Go on: it is the store that fails."""
        return None
