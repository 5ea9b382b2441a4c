"""Repeating one task in the ways of each level, until one of them is seen outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from ..explorer import Explorer
from ..functions import FunctionProgram
from ..places import Opener
from ..story import Verdict
from ..wording import count
from ..world import World
from .part import Part, Repeated
from .passage import Passage
from .program import TaskProgram, Wanted
from .telling import failure_of

if TYPE_CHECKING:
    from ..spy import KeyFunction


@final
@dataclass(frozen=True, slots=True)
class Repetitions:
    """What was repeated, and what came of it; ``str()`` of it is the whole text.

    Attributes:
        state: label of the state.
        level: how far it was gone.
        verdicts: each schedule that was run, with its verdict; a compensation has
            points of its own.
        limits: what was left out, and why.
        failure: what was found; empty if the task is idempotent.
        seconds: how long it took.
    """

    state: str
    level: int
    verdicts: dict[str, str]
    limits: tuple[str, ...] = ()
    failure: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nobody outside can tell that anything was repeated."""
        return not self.failure

    def __str__(self) -> str:
        if self.failure:
            return self.failure
        line = (
            f"{self.state} is idempotent up to level {self.level}: "
            f"{count(len(self.verdicts), 'schedule')}  {self.seconds:.1f} s"
        )
        return "\n".join((line, *self.limits))


@final
class Repeating:
    """Repeats the task of a state, and its compensation if it has one.

    Args:
        wanted: which task.
        level: how far to go.
        new_world: makes a world with an empty disk.
        open_store: opens the store of a world.
        ignore_effects: names of effects (fnmatch patterns) that are not judged.
        ignore_observations: names of observations (fnmatch patterns) that are not
            compared.
        effect_key: finds the keys of spied calls that have none by themselves.
        again: the call that does this once more.
    """

    def __init__(
        self,
        wanted: Wanted,
        level: int,
        *,
        new_world: Callable[[], World],
        open_store: Opener,
        ignore_effects: Sequence[str],
        ignore_observations: Sequence[str] = (),
        effect_key: KeyFunction | None = None,
        again: str,
    ) -> None:
        self._wanted = wanted
        self._level = level
        self._make_world = new_world
        self._open_store = open_store
        self._ignored = tuple(ignore_effects)
        self._ignored_observations = tuple(ignore_observations)
        self._effect_key = effect_key
        self._again = again
        self._limits: list[str] = []
        self._verdicts: dict[str, str] = {}

    def run(self) -> Repetitions:
        """Repeat it."""
        began = time.perf_counter()
        function = TaskProgram(self._wanted, Passage(self._wanted.label))
        failure = self._repeat(function)
        if not failure and function.compensatable:
            undone = TaskProgram(self._wanted, function.passage, undoing=True)
            failure = self._repeat(undone, undoing=True)
        return Repetitions(
            self._wanted.label,
            self._level,
            dict(self._verdicts),
            tuple(self._limits),
            failure,
            time.perf_counter() - began,
        )

    def _repeat(self, function: TaskProgram, *, undoing: bool = False) -> str:
        """Repeat one part of the state; return what is to be said against it."""
        part = Part(
            function,
            explore=self._explore,
            new_world=self._new_world,
            undoing=undoing,
        )
        failed: list[Repeated] = []
        if not part.flaky:
            for level, trial in part.repeated(self._level):
                if failed and failed[0][0] is not level:
                    break
                self._verdicts[trial.text] = trial.verdict.value
                if trial.verdict is not Verdict.PASS:
                    failed.append((level, trial))
            self._limits += part.limits
        if not failed:
            return part.flaky
        trials = [trial for _, trial in failed]
        return failure_of(part.name, part.kind, failed[0][0], trials, again=self._again)

    def _explore(self, function: TaskProgram) -> tuple[FunctionProgram, Explorer]:
        program = FunctionProgram(function, self._open_store, self._effect_key)
        explorer = Explorer(
            program,
            new_world=self._make_world,
            selectors=(),
            ignore_effects=self._ignored,
            ignore_observations=self._ignored_observations,
        )
        return program, explorer

    def _new_world(self) -> World:
        world = self._make_world()
        world.ignored = self._ignored
        world.ignored_observations = self._ignored_observations
        return world
