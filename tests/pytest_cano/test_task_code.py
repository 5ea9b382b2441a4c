"""The code of tasks: what of a workflow its author wrote, and on which lines."""

import asyncio
import functools
from pathlib import Path
from typing import Any

import pytest

from cano_core import (
    Done,
    JoinConfig,
    JoinStrategy,
    PollTask,
    Ready,
    RunContext,
    SteppedTask,
    Workflow,
)
from pytest_cano.task_code import codes_of, lines_of, starts_of


def names(workflow: Workflow) -> set[str]:
    return {code.co_name for code in codes_of(workflow)}


def lines(function: Any) -> set[int]:
    """The lines of a function's body, counted from its first line."""
    first = function.__code__.co_firstlineno
    return {line - first for line in lines_of(function.__code__)}


def decorated(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


async def plain(run: RunContext) -> str:
    return "Done"


@decorated
def behind_a_decorator(run: RunContext) -> str:
    return "Done"


def handed_something(thing: object, run: RunContext) -> str:
    return "Done"


class Booking:
    def __init__(self) -> None:
        self.booked = 0

    def run(self, run: RunContext) -> tuple[str, str]:
        return self._book(), self.number

    @staticmethod
    def _book() -> str:
        return "Done"

    @property
    def number(self) -> str:
        return "4711"

    def compensate(self, output: str) -> None:
        pass


class Flight(Booking):
    def compensate(self, output: str) -> None:
        super().compensate(output)


class Called:
    def __call__(self, run: RunContext) -> str:
        return "Done"


class Chooser:
    def route(self, run: RunContext) -> str:
        return "Done"


class Arrival(PollTask):
    async def poll(self) -> Ready[str]:
        return Ready("Done")


class Steps(SteppedTask):
    def step(self, cursor: int | None) -> Done[str]:
        return Done("Done")


def step(cursor: int | None) -> Done[str]:
    return Done("Done")


def undo(output: str) -> None:
    pass


@pytest.mark.parametrize(
    ("task", "found"),
    [
        (plain, {"plain"}),
        (behind_a_decorator, {"behind_a_decorator"}),
        (functools.partial(handed_something, 1), {"handed_something"}),
        (Booking().run, {"run"}),
        (Called(), {"__call__"}),
        (Arrival(), {"poll"}),
    ],
)
def test_a_task_is_what_its_author_wrote(task, found):
    assert names(Workflow().register("Start", task)) == found


def test_an_object_has_all_methods_of_its_class_but_what_makes_it():
    workflow = Workflow().register_with_compensation("Start", Flight())

    assert names(workflow) == {"run", "_book", "number", "compensate"}
    undone = [code for code in codes_of(workflow) if code.co_name == "compensate"]
    assert len({*undone}) == 2


def test_every_kind_of_state_has_code():
    join = JoinConfig(JoinStrategy.ALL, "Route")
    workflow = Workflow()
    workflow.register_split("Split", [plain, Called()], join)
    workflow.register_router("Route", Chooser())
    workflow.register_stepped("Function", step)
    workflow.register_stepped("Steps", Steps())
    workflow.register_with_compensation("Undone", Booking().run, compensate=undo)

    assert names(workflow) == {"plain", "__call__", "route", "step", "undo", "run"}
    assert len({*codes_of(workflow)}) == 7


def test_a_body_begins_after_the_line_that_defines_it():
    @decorated
    async def task(
        run: RunContext,
        many: tuple[int, ...] = (),
    ) -> str:
        """Do it."""
        if run.attempt:

            def inner() -> str:
                return "Done"

            return inner()
        return "Never"

    assert lines(task.__wrapped__) == {6, 8, 9, 11, 12}


def test_what_stands_on_the_line_that_defines_it_is_not_told_from_that():
    assert not lines(lambda run: "Done")


def test_what_is_defined_inside_belongs_to_it():
    def task() -> list[int]:
        class Inner:
            number = 1

            def method(self) -> int:
                return self.number

        return [
            Inner().method()
            for _ in "ab"
        ]  # fmt: skip

    assert {1, 2, 4, 5, 7, 8} <= lines(task)


def test_the_engine_and_the_standard_library_are_no_tasks():
    workflow = Workflow().register("Start", functools.partial(asyncio.sleep, 0))

    assert not names(workflow)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (plain, "plain"),
        (behind_a_decorator, "behind_a_decorator"),
        (functools.partial(handed_something, 1), "handed_something"),
        (Booking(), "run"),
        (Flight(), "run"),
        (Called(), "__call__"),
        # The engine has the method that runs.
        (Arrival(), "poll"),
    ],
)
def test_a_state_begins_where_its_task_does(task, name):
    ((label, where),) = starts_of(Workflow().register("Start", task))

    assert label == "Start"
    file, _, place = where.rpartition(":")
    line, _, said = place.partition(" in ")
    assert (file, said) == (__file__, name)
    source = Path(__file__).read_text("utf-8").splitlines()[int(line) - 1 :]
    assert any(f"def {name}(" in text for text in source[:2])


def test_a_split_begins_where_its_first_branch_does():
    workflow = Workflow().register_split(
        "Fan", [plain, behind_a_decorator], JoinConfig(JoinStrategy.ALL, "Done")
    )

    assert [where.endswith(" in plain") for _, where in starts_of(workflow)] == [True]


def test_what_is_no_code_of_ours_begins_nowhere():
    assert not [*starts_of(Workflow().register("Start", asyncio.sleep))]
