"""Who runs schedules: this process one by one, or several beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, final

from .explorer import Explorer
from .measured import add_measured, collect_measured, measured
from .schedule import Schedule
from .story import Trial


@final
@dataclass(frozen=True, slots=True)
class Order:
    """One schedule to run.

    Attributes:
        schedule: the schedule.
        known: durable states that need not be recovered from once more; None where
            nobody asks for states.
    """

    schedule: Schedule
    known: frozenset[str] | None = None


class Runner(Protocol):
    """Runs schedules."""

    def run(self, orders: Iterable[Order]) -> Iterator[Trial]:
        """Run them, and return what was found in the order in which they come."""


@final
class OneByOne:
    """Runs schedules in this process."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def run(self, orders: Iterable[Order]) -> Iterator[Trial]:
        """Run them one after the other."""
        for order in orders:
            yield self._explorer.run(order.schedule, known=order.known)


@final
class BesideEachOther:
    """Runs schedules in worker processes, which are forked from this one.

    Args:
        explorer: what runs a schedule.
        pool: the workers; their work is `work_of` the explorer.
    """

    def __init__(self, explorer: Explorer, pool: Any) -> None:
        self._program: Any = explorer.program
        self._pool = pool

    def run(self, orders: Iterable[Order]) -> Iterator[Trial]:
        """Run them; nobody can tell who did."""
        for trial, output in self._pool.map(orders):
            if output is not None:
                self._program.put_output(output)
            yield trial


@contextmanager
def runner(explorer: Explorer) -> Iterator[Runner]:
    """Give what runs an explorer's schedules, with as many workers as it may have."""
    workers = explorer.scope.workers
    if workers > 1:
        from .processes.forking import why_not

        explorer.serial = why_not()
    if workers == 1 or explorer.serial:
        yield OneByOne(explorer)
        return
    from .processes.pool import Pool

    program: Any = explorer.program

    def work(order: Order) -> tuple[Trial, Any]:
        trial = explorer.run(order.schedule, known=order.known)
        writes = hasattr(program, "take_output")
        return trial, program.take_output() if writes else None

    def prepare() -> None:
        collect_measured()
        if hasattr(program, "set_apart"):
            program.set_apart()

    with Pool(
        work, workers, prepare=prepare, leave=measured, left=add_measured
    ) as pool:
        yield BesideEachOther(explorer, pool)
