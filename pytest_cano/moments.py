"""The moments of a state at which a life can end: the one table of them.

Option, marker, help, reports and documentation all read this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final


@final
@dataclass(frozen=True, slots=True)
class Moment:
    """One moment in the course of a state.

    Attributes:
        name: what stands after the ``@`` of a crash point.
        indexed: whether it needs ``:K``, the how-many-th of its kind.
        durable: what is durable when the life ends here.
        phrase: the same as a timeline says it; ``{index}`` is K, ``{part}`` what ran:
            the task, or the compensation.
        finds: what a crash here brings to light.
        place: where it is: in the midst of a ``task``, at the ``edge`` behind one, or
            at an operation on the ``log``.
        detail: what has to be asked for before it is counted; empty for always.
    """

    name: str
    indexed: bool
    durable: str
    phrase: str
    finds: str
    place: Literal["task", "edge", "log"] = "log"
    detail: str = ""

    @property
    def usage(self) -> str:
        """How the moment is written: ``end``, ``effect:K``."""
        return f"{self.name}:K" if self.indexed else self.name


MOMENTS: Final = {
    moment.name: moment
    for moment in (
        Moment(
            "load",
            False,
            "what was durable before: a resumed run has not read its log yet",
            "its log had not been read",
            "restarts that come to another end when the start before them got nowhere",
        ),
        Moment(
            "enter",
            False,
            "nothing of this state",
            "nothing of it was recorded",
            "runs that were promised to somebody, and that nobody starts again",
        ),
        Moment(
            "start",
            False,
            "the entry row, no effect",
            "its entry was recorded, its task had not begun",
            "resumes that do not come back to the state",
            "task",
        ),
        Moment(
            "effect",
            True,
            "the entry row and the first K effects of the visit",
            "effect {index} had happened, the {part} never learnt of it",
            "tasks that can't be repeated when they are half done",
            "task",
        ),
        Moment(
            "await",
            True,
            "what the task has done before its coroutine waits for the K-th time",
            "the {part} was about to wait for the {index}. time",
            "tasks that can't be repeated when they have come to a wait",
            "task",
            "awaits",
        ),
        Moment(
            "line",
            True,
            "what the task has done before the K-th line that it runs of its module",
            "the {part} was about to run its {index}. line",
            "tasks that can't be repeated from between any two lines",
            "task",
            "lines",
        ),
        Moment(
            "memo",
            True,
            "the entry row and the visit's first K memos",
            "memo {index} was recorded, the {part} never learnt of it",
            "tasks that need more than the recorded result of run.once",
        ),
        Moment(
            "cursor",
            True,
            "the entry row and the visit's first K cursors",
            "cursor {index} was recorded, what follows it had not begun",
            "progress that is lost, or made twice",
        ),
        Moment(
            "branch",
            True,
            "the entry row and the results of K branches, or items",
            "the result of branch {index} was recorded, nobody had seen it",
            "branches and items that are lost, or done twice",
        ),
        Moment(
            "end",
            False,
            "the entry row and all effects; nothing about the result",
            "the task had returned, nothing was recorded",
            "tasks that can't be repeated when they are done",
            "edge",
        ),
        Moment(
            "undo",
            False,
            "that the run is being rolled back; nothing of this compensation",
            "the rollback had begun, its compensation had not",
            "rollbacks that are forgotten, or gone back on",
            "task",
        ),
        Moment(
            "undone",
            False,
            "all effects of the compensation; not that it has returned",
            "its compensation had returned, nothing of that was recorded",
            "compensations that can't be repeated",
            "edge",
        ),
        Moment(
            "recorded",
            False,
            "the exit row, or the last compensation; the log is not cleared yet",
            "the end was recorded, the log was not cleared",
            "finished runs that run again",
        ),
        Moment(
            "cleared",
            False,
            "the outcome",
            "the run was finished, nobody had seen its result",
            "programs that start over, for nobody saw the answer",
        ),
    )
}
"""Every moment by its name, in the order in which a state meets them."""
