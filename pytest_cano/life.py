"""One life: from a start of the program to its end or crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from .schedule import CrashPoint, Fault

if TYPE_CHECKING:
    from .world import World


class SimulatedCrash(BaseException):
    """The life of the program ends here, as if its process were killed.

    It is not an error of the program. Code that catches it goes on in vain: a dead
    life changes neither the disk nor the outside world.
    """


@final
class Life:
    """One process lifetime of a program.

    Death is a flag: whether the life crashed is asked of the life, never of an
    exception, which may be swallowed or lost on its way. `pytest_cano.injection`
    puts the life around the runs that begin in it.

    Attributes:
        world: where it is lived.
        number: from 1.
        fault: the fault planned for it, or None.
        crashed_at: where it crashed, or None.
        notes: what leftover code tried after its end, and the like.
        observations: what the program observed, as texts.
    """

    def __init__(self, world: World, number: int, fault: Fault | None) -> None:
        self.world = world
        self.number = number
        self.fault = fault
        self.crashed_at: CrashPoint | None = None
        self.notes: list[str] = []
        self.observations: dict[str, list[str]] = {}

    @property
    def alive(self) -> bool:
        """False once the life has crashed or is over."""
        raise NotImplementedError

    @property
    def crashed(self) -> bool:
        """Whether it crashed."""
        return self.crashed_at is not None

    @property
    def points(self) -> tuple[CrashPoint, ...]:
        """The crash points that it met, each once, in order."""
        raise NotImplementedError

    def reached(self, point: CrashPoint) -> None:
        """Take note of a crash point, and die there if that is planned.

        Raises:
            SimulatedCrash: the life ends here, or ended before.
        """
        raise NotImplementedError

    def require_alive(self, action: str) -> None:
        """Refuse, and take note of, what a dead life tries.

        Args:
            action: what it tries: ``charge('order-1')``.

        Raises:
            SimulatedCrash: the life is over.
        """
        raise NotImplementedError

    def note(self, text: str) -> None:
        """Take a note for the report, once."""
        raise NotImplementedError

    def observe(self, name: str, value: object) -> None:
        """Record something that must be the same as in the undisturbed run."""
        raise NotImplementedError

    def normalise(self, function: Callable[[object], object]) -> None:
        """Pass every argument and observation of this life through a function."""
        raise NotImplementedError

    def on_crash(self, callback: Callable[[], object]) -> None:
        """Call this, in whatever thread, as soon as the life has crashed."""
        raise NotImplementedError

    def end(self) -> None:
        """End the life: what is left of it can't act any more."""
        raise NotImplementedError

    @contextmanager
    def here(self) -> Iterator[None]:
        """Say that this code and all it starts belong to this life.

        Put it around the program where its context can be known (a test function, a
        coroutine). Runs that begin where nothing was said belong to the life that
        began last.
        """
        yield
