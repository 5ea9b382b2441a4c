"""Operations: what was asked of a store about one run, and what became of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from cano_core.checkpoints.row import CheckpointRow

Ended: TypeAlias = Literal["done", "conflict", "cancelled", "failed"]
"""How an operation ended."""


@final
@dataclass(frozen=True, slots=True)
class Operation:
    """One call that wrote to a run's log, or was to; or one that failed to read it.

    Attributes:
        name: of the store's method: ``append``.
        life: number of the life that asked.
        session: which start or resumption of the run asked; 0 for the program itself.
        at: its place in the order of all that happens in a world.
        ended: whether it returned, met another owner, was cancelled, or failed.
        rows: what it was to write.
        log: the log of the run that it was to go on with; see `TaskRun.log`.
        ends: whether it was to end the run.
        durable: whether it is known to have had its effect.
        error: what it raised, as text.
    """

    name: str
    life: int
    session: int
    at: int
    ended: Ended
    rows: tuple[CheckpointRow, ...] = ()
    log: int = 0
    ends: bool = False
    durable: bool = False
    error: str = ""
