"""The moments of a state at which a life can end: the one table of them.

Option, marker, help, reports and documentation all read this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True, slots=True)
class Moment:
    """One moment in the course of a state.

    Attributes:
        name: what stands after the ``@`` of a crash point.
        indexed: whether it needs ``:K``, the how-many-th of its kind.
        durable: what is durable when the life ends here.
        phrase: the same as a timeline says it; ``{index}`` is K.
    """

    name: str
    indexed: bool
    durable: str
    phrase: str

    @property
    def usage(self) -> str:
        """How the moment is written: ``end``, ``effect:K``."""
        return f"{self.name}:K" if self.indexed else self.name


MOMENTS: Final = {
    moment.name: moment
    for moment in (
        Moment("enter", False, "nothing of this state", "nothing of it was recorded"),
        Moment(
            "start",
            False,
            "the entry row, no effect",
            "its entry was recorded, its task had not begun",
        ),
        Moment(
            "effect",
            True,
            "the entry row and the task's first K effects",
            "effect {index} had happened, the task never learnt of it",
        ),
        Moment(
            "memo",
            True,
            "the entry row and the visit's first K memos",
            "memo {index} was recorded, the task never learnt of it",
        ),
        Moment(
            "end",
            False,
            "the entry row and all effects; nothing about the result",
            "the task had returned, nothing was recorded",
        ),
        Moment(
            "recorded",
            False,
            "the exit row; the log is not cleared yet",
            "the exit was recorded, the log was not cleared",
        ),
        Moment(
            "cleared",
            False,
            "the outcome",
            "the run was finished, nobody had seen its result",
        ),
    )
}
"""Every moment by its name, in the order in which a state meets them."""
