"""What can happen at a crash point: the one table of it.

Option, marker, help, messages and documentation all read this table; what each of them
does is in `pytest_cano.endings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from .moments import MOMENTS

Family: TypeAlias = Literal["ending", "task", "hang", "store", "disk", "process"]


@final
@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault.

    Attributes:
        name: what stands after the ``=`` of a fault.
        family: what it concerns: an ``ending`` ends the life; ``task`` and ``store``
            let a task or a store operation fail; ``hang`` either of them; ``disk``
            ends the life with what a power loss leaves; ``process`` lets another
            process live meanwhile.
        help: what happens, as half a sentence.
        counted: whether it needs ``:N``.
        listed: whether a selector may leave ``:N`` out, for every N there is.
        samples: values of N that made-up schedules choose from.
        survived: what has happened to a life that went on, with ``{}`` for where.
    """

    name: str
    family: Family
    help: str
    counted: bool = False
    listed: bool = False
    samples: tuple[int, ...] = ()
    survived: str = ""

    @property
    def usage(self) -> str:
        """How it is written: ``kill``, ``torn:N``."""
        return f"{self.name}:N" if self.counted else self.name

    @property
    def ends(self) -> bool:
        """Whether the life always ends there."""
        return self.family in ("ending", "disk")

    def excluded_from(self, moment: str) -> str:
        """Say why it can't happen at a moment; empty if it can."""
        where = MOMENTS[moment].place
        if self.family == "task" and where == "log":
            return "only a task can fail: it is no moment of a task"
        if self.family in ("store", "hang") and moment == "cleared":
            return "no store operation follows it"
        return ""


FAULTS: Final = {
    kind.name: kind
    for kind in (
        FaultKind("raise", "ending", "a SimulatedCrash unwinds the life"),
        FaultKind(
            "freeze",
            "ending",
            "the task's code stands still for ever: none of its finally blocks runs",
        ),
        FaultKind(
            "cancel", "ending", "the running asyncio task is cancelled, as by Ctrl-C"
        ),
        FaultKind(
            "kill", "ending", "the life runs in a process of its own, which is killed"
        ),
        FaultKind(
            "fail",
            "task",
            "the task raises an ordinary exception there",
            survived="the task was made to fail at {}",
        ),
        FaultKind(
            "hang",
            "hang",
            "the task, or outside of one the next store operation, never returns",
            survived="what followed {} was made to hang",
        ),
        FaultKind(
            "error",
            "store",
            "the next store operation fails",
            survived="the store operation after {} was made to fail",
        ),
        FaultKind(
            "error!",
            "store",
            "every store operation fails from here on",
            survived="every store operation after {} was made to fail",
        ),
        FaultKind(
            "ack-lost",
            "store",
            "the next store operation takes effect, and fails",
            survived="the store operation after {} took effect, and was made to fail",
        ),
        FaultKind(
            "torn",
            "disk",
            "power is lost, and the disk has the last write up to byte N only",
            counted=True,
            samples=(512,),
        ),
        FaultKind(
            "unsynced",
            "disk",
            "power is lost, and with it the last N writes that were not synced",
            counted=True,
            samples=(1, 2, 5),
        ),
        FaultKind(
            "powerloss",
            "disk",
            "power is lost, and the disk is the N-th of those it may leave, or each",
            counted=True,
            listed=True,
        ),
        FaultKind(
            "twin",
            "process",
            "a second process lives while this one stands still",
            survived="stood still at {} while the other process lived",
        ),
    )
}
"""Every kind by its name, the simplest first."""

DEFAULT: Final = "raise"

ENDINGS: Final = tuple(name for name in FAULTS if FAULTS[name].family == "ending")
"""The endings, the cheapest first: what ``--cano-ending=all`` means."""
