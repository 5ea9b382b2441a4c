"""An explorer of one function, for tests."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cano_core import MemoryCheckpointStore
from pytest_cano.budget import UNLIMITED, Budget
from pytest_cano.explorer import Explorer, Trial
from pytest_cano.functions import FunctionProgram
from pytest_cano.schedule import Schedule
from pytest_cano.scope import Scope
from pytest_cano.search import Search as Finder
from pytest_cano.selectors import parse_selectors
from pytest_cano.story import Story
from pytest_cano.view import WorldView
from pytest_cano.world import World

Store = Callable[[World], Any]


class Search:
    """An explorer of one function, on stores in memory unless told otherwise."""

    def __init__(
        self,
        function: Callable[[WorldView], Any],
        directory: Path,
        *,
        crash: str = "all",
        store: Store | None = None,
        ignore: tuple[str, ...] = (),
        processes: Any = None,
        **scope: Any,
    ) -> None:
        numbers = itertools.count()
        self.worlds: list[World] = []

        def new_world() -> World:
            disk = directory / str(next(numbers))
            disk.mkdir()
            self.worlds.append(World(disk, workflow_id="order-1"))
            return self.worlds[-1]

        self.program = FunctionProgram(
            function,
            store or (lambda world: world.keep("store", MemoryCheckpointStore)),
        )
        self.explorer = Explorer(
            self.program,
            new_world=new_world,
            selectors=parse_selectors(crash),
            ignore_effects=ignore,
            scope=Scope(**scope),
            processes=processes,
        )
        self.baseline: Story = self.explorer.record()
        self.flaky = self.explorer.confirm(self.baseline)
        self.plan = self.explorer.plan(self.baseline)

    def run(self, schedule: str) -> Trial:
        return self.explorer.run(Schedule.parse(schedule))

    def trials(self, budget: Budget = UNLIMITED) -> list[Trial]:
        """Go through the whole search; what it has counted is in `finder`."""
        self.finder = Finder(self.explorer, self.plan, budget)
        return list(self.finder.trials())

    def found(self, budget: Budget = UNLIMITED) -> dict[str, str]:
        """What the whole search has reported."""
        return {trial.text: trial.verdict.value for trial in self.trials(budget)}

    def verdicts(self) -> dict[str, str]:
        return {
            str(schedule): self.explorer.run(schedule).verdict.value
            for schedule in self.plan.schedules
        }

    def failures(self) -> dict[str, str]:
        return {
            schedule: verdict
            for schedule, verdict in self.verdicts().items()
            if verdict != "PASS"
        }

    @property
    def points(self) -> list[str]:
        return list(map(str, self.baseline.points))
