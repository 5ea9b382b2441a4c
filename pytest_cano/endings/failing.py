"""``fail``: the task raises an ordinary exception; the life goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .blow import Wait

if TYPE_CHECKING:
    from ..life import Life
    from ..schedule import Fault


class InjectedFailure(Exception):
    """A fault that was planned here: the task, or the store, has failed."""


@final
class Fail:
    """Lets a task fail, which may lead to a retry, to a rollback or to an error."""

    def strike(self, life: Life, fault: Fault) -> None:
        """Leave the life as it is."""

    def carry_out(self, life: Life, fault: Fault, *, waits: bool) -> Wait | None:
        """Fail."""
        raise InjectedFailure(f"planned: {fault}")
