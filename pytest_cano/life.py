"""One life: from a start of the program to its end or crash."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, final

from .description import Describer
from .frames import FRAME, TaskFrame
from .probing import Probes
from .schedule import CrashPoint, Fault
from .script import Script
from .stopwatch import Stopwatch
from .store_plans import StorePlans

if TYPE_CHECKING:
    from .endings import Wait
    from .hosts import Process
    from .world import World

HERE: ContextVar[Life | None] = ContextVar("cano_life", default=None)
"""The life that the running code belongs to, where `Life.here` has said it."""

MOST_NOTES = 20

RUNAWAY_FACTOR = 20
RUNAWAY_MARGIN = 200
"""A life runs away that does one thing more often than the undisturbed run by both:
no clock says so, so that the same life always ends in the same place."""


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
        script: what is to happen in it.
        struck: what has happened in it, in order.
        crashed_at: where it crashed, or None.
        cancelled_at: where it was cancelled: it has crashed, but ends by itself.
        durable: digest of what it left at its crash; empty unless that was asked for,
            and if it can't be known.
        runaway: why it was ended as running away, or empty.
        gave_up: why it was ended as waiting for ever, or empty.
        images: how many disks the power loss that ended it may leave.
        unfired: where a fault was planned that there is none of, or None.
        vanished: how its process ended without telling of it, or empty.
        over: whether it has ended, by a crash or otherwise.
        extra: whether it is the extra start of a finished program.
        notes: what leftover code tried after its end, and the like.
        observations: what the program's body observed, as texts, by name.
        task_observations: what tasks observed, by visit (as text) and name.
        describer: writes values as texts, as the program normalises them.
        probes: what is looked at when it has ended of itself.
        frames: what each visit did, by run, state, visit, and whether it was undone.
        paths: the way of each run, by ordinal.
        counts: how often each thing happened that a loop repeats.
        drivers: the asyncio task that drives each run.
        stores: what its stores are asked, and what they are to do wrong.
        process: the process that it has to itself, if it has.
        watch: how long it has been going on.
    """

    def __init__(self, world: World, number: int, script: Script) -> None:
        self.world = world
        self.number = number
        self.script = script
        self.struck: list[Fault] = []
        self.crashed_at: CrashPoint | None = None
        self.cancelled_at: CrashPoint | None = None
        self.durable = ""
        self.runaway = ""
        self.gave_up = ""
        self.images = 0
        self.unfired: CrashPoint | None = None
        self.vanished = ""
        self.drivers: dict[int, asyncio.Task[Any]] = {}
        self.stores = StorePlans()
        self.process: Process | None = None
        self.over = False
        self.extra = False
        self.notes: list[str] = []
        self.observations: dict[str, list[str]] = {}
        self.task_observations: dict[tuple[str, str], list[str]] = {}
        self.describer = Describer()
        self.probes = Probes()
        self.frames: dict[tuple[int, str, int, bool], TaskFrame] = {}
        self.paths: dict[int, list[str]] = {}
        self.storeless_runs = 0
        self.watch = Stopwatch()
        self._points: dict[CrashPoint, None] = {}
        self.counts: Counter[str] = Counter()
        self._watchers: list[Callable[[], object]] = []

    def __getstate__(self) -> dict[str, Any]:
        """What another process can know of it."""
        kept = self.__dict__.copy()
        for name in ("describer", "drivers", "process", "_watchers"):
            del kept[name]
        return kept

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Be known in another process."""
        self.__dict__.update(state)
        self.describer = Describer()
        self.drivers = {}
        self.process = None
        self._watchers = []

    @property
    def alive(self) -> bool:
        """False once the life has crashed or is over."""
        return not self.over

    @property
    def crashed(self) -> bool:
        """Whether it crashed."""
        return self.crashed_at is not None

    @property
    def unended(self) -> str:
        """Why it had to be ended, or ended in a way that nobody has planned."""
        return self.runaway or self.gave_up or self.vanished

    @property
    def undoing(self) -> bool:
        """Whether it crashed after it had begun to undo the visit it crashed in."""
        return self.crashed_at is not None and any(
            frame.undoing and frame.holds(self.crashed_at)
            for frame in self.frames.values()
        )

    @property
    def points(self) -> tuple[CrashPoint, ...]:
        """The crash points that it met, each once, in order."""
        return tuple(self._points)

    @property
    def limit(self) -> float:
        """Seconds that it may take; infinite for no limit.

        A life in which something hangs has a clock that leaps, and needs none.
        """
        if not self.world.schedule or "hang" in self.script.kinds:
            return math.inf
        return self.world.timeout

    @property
    def seconds_left(self) -> float | None:
        """Seconds of its limit that are left; None if there is none."""
        if self.limit == math.inf:
            return None
        return max(0.0, self.limit - self.watch.seconds)

    @property
    def disturbed(self) -> bool:
        """Whether anything is to happen in it."""
        return bool(self.script.kinds)

    @property
    def driven(self) -> bool:
        """Whether something is to happen for which its tasks have to be driven."""
        return self.world.detail != "effects" or not self.script.kinds.isdisjoint(
            ("freeze", "hang", "cancel")
        )

    def reached(self, point: CrashPoint) -> None:
        """Take note of a crash point, from code that is no coroutine's.

        Whatever is planned there happens.

        Raises:
            SimulatedCrash: the life ends here, or ended before.
            Exception: what is planned here is an ordinary failure.
        """
        fault = self._met(point)
        if fault is None:
            return
        waits = False
        if self.driven:
            from .driving import is_driven, wait_here

            waits = is_driven()
        wait = self._blow(fault, waits=waits)
        if wait is not None:
            wait_here(wait())

    async def arrived(self, point: CrashPoint) -> None:
        """Do what `reached` does, where the code can wait."""
        fault = self._met(point)
        if fault is None:
            return
        wait = self._blow(fault, waits=True)
        if wait is not None:
            await wait()

    def _met(self, point: CrashPoint) -> Fault | None:
        with self.world.lock:
            self.go_on()
            if point not in self._points:
                self._points[point] = None
                self.stores.met(point)
            fault = None if self.crashed else self.script.at(point)
            if fault is not None:
                self.struck.append(fault)
                from .endings import BLOWS

                BLOWS[fault.kind].strike(self, fault)
        return fault

    def _blow(self, fault: Fault, *, waits: bool) -> Wait | None:
        from .endings import BLOWS

        self._tell_watchers()
        return BLOWS[fault.kind].carry_out(self, fault, waits=waits)

    def fall(self, point: CrashPoint) -> None:
        """Be over from here on, because of a crash; others learn of it in a moment."""
        self.crashed_at = point
        self.over = True
        # What is under way has had its effect, or has not: nobody knows the state.
        if not self.stores.under_way:
            self.durable = self.world.durable_state()

    def give_up(self, why: str) -> None:
        """Be over because nothing would ever end this life.

        Args:
            why: one line: ``Process@start hangs, and no time limit ends it``.
        """
        with self.world.lock:
            if self.over:
                return
            self.gave_up = why
            self.over = True
        self._tell_watchers()

    def vanish(self, how: str) -> None:
        """Be over because its process has ended without a word.

        Args:
            how: one line: ``the process of life 1 was ended by SIGSEGV``.
        """
        self.vanished = how
        self.over = True

    def _tell_watchers(self) -> None:
        if self.over:
            for watcher in list(self._watchers):
                watcher()

    def counted(self, what: str) -> None:
        """Count what a loop does over and over, and end a life that runs away in one.

        Args:
            what: half a sentence: ``Process was entered``.

        Raises:
            SimulatedCrash: the life ends here, or ended before.
        """
        with self.world.lock:
            self.go_on()
            self.counts[what] += 1
            if self.world.usual is None:
                return
            count, usual = self.counts[what], self.world.usual.get(what, 0)
            if count <= RUNAWAY_FACTOR * usual + RUNAWAY_MARGIN:
                return
            self.runaway = f"{what} {count} times, {usual} in the undisturbed run"
            self.over = True
        self._tell_watchers()
        raise self.crash()

    def go_on(self) -> None:
        """Go on only if the life does; what was under way at its end is no offence.

        Raises:
            SimulatedCrash: the life is over.
        """
        if self.over:
            raise self.crash()

    def require_alive(self, action: str) -> None:
        """Refuse, and take note of, what a dead life tries.

        Args:
            action: what it tries: ``charge('order-1')``.

        Raises:
            SimulatedCrash: the life is over.
        """
        if self.over:
            self.note(f"{action} was tried after the {self._end}, and refused")
            raise self.crash()

    def crash(self) -> SimulatedCrash:
        """Return what unwinds the life's code once it is over."""
        if self.crashed_at is not None:
            return SimulatedCrash(
                f"life {self.number} crashed at {self.crashed_at}: "
                f"{self.crashed_at.phrase(undoing=self.undoing)}"
            )
        if self.runaway:
            return SimulatedCrash(f"life {self.number} ran away: {self.runaway}")
        if self.gave_up:
            return SimulatedCrash(f"life {self.number} was ended: {self.gave_up}")
        return SimulatedCrash(
            f"life {self.number} is over: a store, a ledger or a run that was kept "
            "from it can't be used in a later life"
        )

    @property
    def _end(self) -> str:
        return "end" if self.crashed_at is None else f"crash at {self.crashed_at}"

    def note(self, text: str) -> None:
        """Take a note for the report, once."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def observe(self, name: str, value: object) -> None:
        """Record something that must be the same as in the undisturbed run.

        What a task observes belongs to its visit, and stays as it was when a later
        life does not run that visit again.
        """
        self.go_on()
        frame, text = FRAME.get(), self.describer.value(value)
        if frame is not None and frame.life is self:
            self.task_observations.setdefault((str(frame), name), []).append(text)
        else:
            self.observations.setdefault(name, []).append(text)

    def normalise(self, function: Callable[[object], object]) -> None:
        """Pass every argument and observation of this life through a function."""
        self.describer.normalisers.append(function)

    def frame(
        self, run: int, state: str, visit: int, *, undoing: bool = False
    ) -> TaskFrame:
        """Return what this life knows of a visit, or of its compensation."""
        key = (run, state, visit, undoing)
        frame = self.frames.get(key)
        if frame is None:
            undone = self.frame(run, state, visit) if undoing else None
            frame = self.frames[key] = TaskFrame(self, run, state, visit, undone)
        return frame

    def went(self, run: int, *steps: str) -> None:
        """Add steps to the way of a run."""
        self.paths.setdefault(run, []).extend(steps)

    def on_crash(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call this, in the thread that crashes, once the life crashed or ran away.

        Returns:
            What takes it back.
        """
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def end(self) -> None:
        """End the life: what is left of it can't act any more."""
        cancelled = self.cancelled_at is not None and not self.over
        if cancelled and not self.stores.under_way:
            self.durable = self.world.durable_state()
        self.over = True

    @contextmanager
    def here(self) -> Iterator[None]:
        """Say that this code and all it starts belong to this life.

        Put it around the program where its context can be known (a test function, a
        coroutine). Runs that begin where nothing was said belong to the life that
        began last.
        """
        token = HERE.set(self)
        try:
            yield
        finally:
            HERE.reset(token)
