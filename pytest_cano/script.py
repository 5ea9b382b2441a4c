"""What is to happen in one life: at which of the points that it meets, and what.

A script is asked at every point, in order, and answers with a fault or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol, final

from .faults import DEFAULT, FAULTS
from .schedule import CrashPoint, Fault

_UNSYNCED: Final = "unsynced"


class Script(Protocol):
    """What is to happen in one life."""

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind of fault that it may ask for."""

    @property
    def missing(self) -> CrashPoint | None:
        """Where a fault was planned that has not happened (yet)."""

    @property
    def unsynced(self) -> int:
        """The largest number of unsynced writes that it may let be lost."""

    def at(self, point: CrashPoint) -> Fault | None:
        """Say what happens at this point, which the life has just met."""


@final
class Planned:
    """Faults at points that are known before; each happens once."""

    def __init__(self, *faults: Fault) -> None:
        self._left = list(faults)
        self.kinds = frozenset(fault.kind for fault in faults)
        self.unsynced = max(map(_unsynced, faults), default=0)

    @property
    def missing(self) -> CrashPoint | None:
        """Where a fault was planned that has not happened (yet)."""
        return self._left[0].point if self._left else None

    def at(self, point: CrashPoint) -> Fault | None:
        """Say what happens at this point."""
        for fault in self._left:
            if fault.point == point:
                self._left.remove(fault)
                return fault
        return None


def nothing(fault: Fault) -> bool:
    """Spare no fault; a function with a name, for scripts travel between processes."""
    return False


@final
class FirstNew:
    """A crash at the first point that is not among those known.

    Args:
        known: points that are passed by.
        kind: how the life ends.
        spared: says of a fault whether it is not to happen.
    """

    missing: CrashPoint | None = None
    unsynced = 0

    def __init__(
        self,
        known: Collection[CrashPoint],
        kind: str = DEFAULT,
        spared: Callable[[Fault], bool] = nothing,
    ) -> None:
        self._known = known
        self._kind = kind
        self._spared = spared
        self.kinds = frozenset({kind})

    def at(self, point: CrashPoint) -> Fault | None:
        """Say what happens at this point."""
        if point in self._known:
            return None
        fault = Fault(point, self._kind)
        return None if self._spared(fault) else fault


@final
class Nth:
    """A fault at the n-th point that the life meets, whichever that is.

    Args:
        position: n, from 0.
        kind: of the fault; where it can't happen, nothing does until it can.
        amount: its N, if it has one.
        spared: says of a fault whether it is not to happen.
    """

    missing: CrashPoint | None = None

    def __init__(
        self,
        position: int,
        kind: str = DEFAULT,
        amount: int | None = None,
        *,
        spared: Callable[[Fault], bool] = nothing,
    ) -> None:
        self._position = position
        self._kind = kind
        self._amount = amount
        self._spared = spared
        self.unsynced = amount or 0 if kind == _UNSYNCED else 0
        self._seen: set[CrashPoint] = set()
        self._done = False
        self.kinds = frozenset({kind})

    def at(self, point: CrashPoint) -> Fault | None:
        """Say what happens at this point."""
        # A point that is met again is planned by its first time.
        new = point not in self._seen
        self._seen.add(point)
        if self._done or not new or len(self._seen) <= self._position:
            return None
        if FAULTS[self._kind].excluded_from(point.moment):
            return None
        fault = Fault(point, self._kind, self._amount)
        if self._spared(fault):
            return None
        self._done = True
        return fault


@final
class Together:
    """Several scripts in one life; the first that has an answer gives it."""

    missing: CrashPoint | None = None

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self.kinds = frozenset(kind for each in scripts for kind in each.kinds)
        self.unsynced = max((each.unsynced for each in scripts), default=0)

    def at(self, point: CrashPoint) -> Fault | None:
        """Say what happens at this point."""
        answers = [script.at(point) for script in self._scripts]
        return next((answer for answer in answers if answer is not None), None)


def _unsynced(fault: Fault) -> int:
    return fault.amount or 0 if fault.kind == _UNSYNCED else 0


UNDISTURBED: Final = Planned()
"""Nothing happens."""
