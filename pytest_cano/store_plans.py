"""What the store is to do wrong in one life, and which point leads to which operation.

A fault of a store happens at the operation that follows its point in the same run.
Several points may lead to one operation; for a search one of them is enough.
"""

from __future__ import annotations

from collections import Counter
from typing import final

from .schedule import CrashPoint, Fault


@final
class StorePlans:
    """The operations of one life's runs, and the faults that wait for them.

    Attributes:
        leads: for each point the number of the operation of its run that followed.
        under_way: how many operations have begun, and not ended.
    """

    def __init__(self) -> None:
        self.leads: dict[CrashPoint, int] = {}
        self.under_way = 0
        self._begun: Counter[int] = Counter()
        self._since: dict[int, list[CrashPoint]] = {}
        self._waiting: dict[int, list[tuple[Fault, bool]]] = {}
        self._lasting: dict[int, Fault] = {}

    @property
    def idle(self) -> tuple[Fault, ...]:
        """The faults that no operation has followed (yet)."""
        return tuple(fault for faults in self._waiting.values() for fault, _ in faults)

    def met(self, point: CrashPoint) -> None:
        """Take note of a point that was met for the first time."""
        self._since.setdefault(point.run, []).append(point)

    def plan(self, fault: Fault, *, lasting: bool = False) -> None:
        """Let the next operation of the fault's run be hit by it.

        Args:
            fault: the fault.
            lasting: whether every later operation is, too.
        """
        self._waiting.setdefault(fault.point.run, []).append((fault, lasting))

    def begins(self, run: int) -> Fault | None:
        """Take note that an operation begins; return the fault that hits it."""
        self.under_way += 1
        self._begun[run] += 1
        for point in self._since.pop(run, ()):
            self.leads[point] = self._begun[run]
        if run in self._lasting:
            return self._lasting[run]
        waiting = self._waiting.get(run)
        if not waiting:
            return None
        fault, lasting = waiting.pop(0)
        if lasting:
            self._lasting[run] = fault
        return fault

    def ends(self) -> None:
        """Take note that an operation has ended."""
        self.under_way -= 1
