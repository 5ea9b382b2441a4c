"""Who runs schedules: this process one by one, or several beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, final

from .explorer import Explorer
from .measured import add_measured, collect_measured, measured
from .schedule import Schedule
from .story import Story, Trial

if TYPE_CHECKING:
    from .processes.pool import Pool


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


@final
@dataclass(frozen=True, slots=True)
class Done:
    """What a worker has to tell of a schedule.

    Attributes:
        found: what was found; without the baseline, which nobody has to be sent.
        usual: whether it was compared with that one.
        luggage: what the program itself has to tell.
    """

    found: Trial
    usual: bool
    luggage: Any

    @classmethod
    def of(cls, trial: Trial, baseline: Story, luggage: Any) -> Done:
        """Say what is to be sent of a trial."""
        usual = trial.baseline is baseline
        found = replace(trial, baseline=trial.story) if usual else trial
        return cls(found, usual, luggage)

    def trial(self, baseline: Story) -> Trial:
        """Return the whole of it."""
        return replace(self.found, baseline=baseline) if self.usual else self.found


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
        pool: the workers.
    """

    def __init__(self, explorer: Explorer, pool: Pool[Order, Done]) -> None:
        self._explorer = explorer
        self._program: Any = explorer.program
        self._pool = pool

    def run(self, orders: Iterable[Order]) -> Iterator[Trial]:
        """Run them; nobody can tell who did."""
        for done in self._pool.map(orders):
            if done.luggage is not None:
                self._program.unpack(done.luggage)
            yield done.trial(self._explorer.baseline)


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

    def work(order: Order) -> Done:
        trial = explorer.run(order.schedule, known=order.known)
        packs = hasattr(program, "pack")
        luggage = program.pack(measures=False) if packs else None
        return Done.of(trial, explorer.baseline, luggage)

    def prepare() -> None:
        collect_measured()
        if hasattr(program, "set_apart"):
            program.set_apart()

    with Pool(
        work,
        workers,
        prepare=prepare,
        leave=measured,
        left=add_measured,
        keep=getattr(explorer.processes, "channels", ()),
    ) as pool:
        yield BesideEachOther(explorer, pool)
