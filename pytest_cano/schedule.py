"""Crash points, faults and schedules: pure values with one text form each.

    CrashPoint  Process@end   Process@effect:3#2   2:Process@end   "odd @ label"@end
    Fault       Process@end   Process@end=kill   Process@start=unsynced:2
    Schedule    Process@end > Process@start   Ship@start=fail + Pay@undo > Pay@undo

The text is the value: ``parse`` of ``str(value)`` is the value again. What selects
several points at once is in `pytest_cano.selectors`; nothing here touches a store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from .faults import DEFAULT, FAULTS, FaultKind
from .moments import MOMENTS
from .notation import EVERY, Part, SelectorError, kinds, moments, quote, split


@final
@dataclass(frozen=True, slots=True)
class CrashPoint:
    """One moment at which a life can end.

    Attributes:
        state: label of the state.
        moment: name of the moment, one of `MOMENTS`.
        index: the K of ``effect:K`` and ``memo:K``, from 1; None for the others.
        visit: the how-many-th time the run is in that state, from 1.
        run: the how-many-th run of the program, from 1.
    """

    state: str
    moment: str
    index: int | None = None
    visit: int = 1
    run: int = 1

    def __post_init__(self) -> None:
        moment = MOMENTS.get(self.moment)
        if moment is None:
            raise ValueError(f"there is no moment {self.moment!r} ({moments()})")
        if moment.indexed != (self.index is not None):
            raise ValueError(f"the moment is written {moment.usage!r}")
        if min(self.index or 1, self.visit, self.run) < 1:
            raise ValueError("runs, visits and K are counted from 1")

    def __str__(self) -> str:
        run = f"{self.run}:" if self.run != 1 else ""
        visit = f"#{self.visit}" if self.visit != 1 else ""
        return f"{run}{quote(self.state)}@{self.step}{visit}"

    @property
    def step(self) -> str:
        """The moment with its index: ``end``, ``effect:2``."""
        return self.moment if self.index is None else f"{self.moment}:{self.index}"

    def phrase(self, *, undoing: bool = False) -> str:
        """Return what a timeline says about a life that ended here.

        Args:
            undoing: whether it was in the compensation, which has the same points.
        """
        part = "compensation" if undoing else "task"
        return MOMENTS[self.moment].phrase.format(index=self.index, part=part)

    @classmethod
    def parse(cls, text: str) -> CrashPoint:
        """Read a crash point that is written out in full.

        Raises:
            SelectorError: it is none; the message says why.
        """
        part = Part.parse(text)
        if part.kind is not None:
            raise SelectorError(f"{text!r}: a crash point has no '={part.kind}'")
        return cls.of(part)

    @classmethod
    def of(cls, part: Part) -> CrashPoint:
        """Return the one point that a part of a text names.

        Raises:
            SelectorError: it leaves something open.
        """
        if part.state is None or part.moment is None or not part.complete:
            raise SelectorError(
                f"{part.text!r} is no crash point: write STATE@MOMENT, with one of "
                f"the moments {moments()}"
            )
        return cls(part.state, part.moment, part.index, part.visit or 1, part.run or 1)


@final
@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a point.

    Attributes:
        point: where.
        kind: what, one of `pytest_cano.faults.FAULTS`.
        amount: the N of ``torn:N`` and ``unsynced:N``; None for the others.
    """

    point: CrashPoint
    kind: str = DEFAULT
    amount: int | None = None

    def __post_init__(self) -> None:
        kind = FAULTS.get(self.kind)
        if kind is None:
            raise ValueError(f"there is no fault {self.kind!r} ({kinds()})")
        if kind.counted != (self.amount is not None):
            raise ValueError(f"the fault is written {kind.usage!r}")
        if kind.listed and self.amount == 0:
            raise ValueError(f"{kind.usage!r} is counted from 1")
        if problem := kind.excluded_from(self.point.moment):
            raise ValueError(f"{self.kind!r} can't happen at {self.point}: {problem}")

    def __str__(self) -> str:
        if self.kind == DEFAULT:
            return str(self.point)
        amount = "" if self.amount is None else f":{self.amount}"
        return f"{self.point}={self.kind}{amount}"

    @property
    def described(self) -> FaultKind:
        """What the table says of its kind."""
        return FAULTS[self.kind]

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault.

        Raises:
            SelectorError: it is none; the message says why.
        """
        part = Part.parse(text)
        if part.kind == EVERY:
            raise SelectorError(f"{text!r}: a schedule names one ending for each life")
        kind = FAULTS[part.kind or DEFAULT]
        if kind.counted and part.amount is None:
            raise SelectorError(f"{text!r}: in a schedule it is written {kind.usage!r}")
        return cls(CrashPoint.of(part), part.kind or DEFAULT, part.amount)


@final
@dataclass(frozen=True, slots=True)
class Schedule:
    """The faults of successive lives; the life after the last one has none.

    Attributes:
        lives: the faults of each life; where several happen in one, the life goes on
            after all of them but the last.
    """

    lives: tuple[tuple[Fault, ...], ...]

    def __post_init__(self) -> None:
        if not self.lives or not all(self.lives):
            raise ValueError("a schedule has at least one fault for each life")
        for faults in self.lives:
            if sum(fault.described.ends for fault in faults) > 1:
                raise SelectorError(
                    f"{str(self)!r}: a life ends only once; write '>' between what "
                    "ends one life and what ends the next"
                )
        left = [*self.lives]
        while left:
            beside = left.pop(0)
            if any(fault.kind == "twin" for fault in beside):
                beside += left.pop(0) if left else ()
                if any(fault.described.family == "disk" for fault in beside):
                    raise SelectorError(
                        f"{str(self)!r}: a power loss ends both of two processes that "
                        "live at the same time, so it can't happen to one of them"
                    )

    def __str__(self) -> str:
        return " > ".join(" + ".join(map(str, faults)) for faults in self.lives)

    @property
    def written_out(self) -> str:
        """The text with every ending named, whatever may be the usual one."""
        return " > ".join(
            " + ".join(
                f"{fault}={DEFAULT}" if fault.kind == DEFAULT else str(fault)
                for fault in faults
            )
            for faults in self.lives
        )

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault of every life, in order."""
        return tuple(fault for faults in self.lives for fault in faults)

    @property
    def depth(self) -> int:
        """How many lives it disturbs."""
        return len(self.lives)

    @property
    def only_ends(self) -> bool:
        """Whether each life is ended by its one fault."""
        return all(fault.described.ends for fault in self.faults) and all(
            len(faults) == 1 for faults in self.lives
        )

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read a schedule.

        Raises:
            SelectorError: it is none; the message says why.
        """
        return cls(
            tuple(
                tuple(map(Fault.parse, split(life, "+"))) for life in split(text, ">")
            )
        )

    @classmethod
    def of(cls, *points: CrashPoint, kind: str = DEFAULT) -> Schedule:
        """Return the schedule that crashes at these points, life after life."""
        return cls(tuple((Fault(point, kind),) for point in points))

    def then(
        self, point: CrashPoint, kind: str = DEFAULT, amount: int | None = None
    ) -> Schedule:
        """Return the schedule that goes on with a crash of the life after it."""
        return Schedule((*self.lives, (Fault(point, kind, amount),)))

    def holds(self, other: Schedule) -> bool:
        """Say whether the other one's lives are among these, in the same order."""
        lives = iter(self.lives)
        return all(each in lives for each in other.lives)

    def with_kind(self, kind: str, amount: int | None = None) -> Schedule:
        """Return the same schedule with that happening at every one of its points."""
        return Schedule(
            tuple(
                tuple(Fault(fault.point, kind, amount) for fault in faults)
                for faults in self.lives
            )
        )

    def relabelled(self, label: Callable[[str], str]) -> Schedule:
        """Return the same schedule with every state's label passed through."""
        return Schedule(
            tuple(
                tuple(
                    replace(
                        fault,
                        point=replace(fault.point, state=label(fault.point.state)),
                    )
                    for fault in faults
                )
                for faults in self.lives
            )
        )
