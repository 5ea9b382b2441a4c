"""Annotations as strings, and of classes that only a function knows."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Literal

import pytest

from cano_core import ConfigurationError, MemoryCheckpointStore, Workflow

if TYPE_CHECKING:
    from nowhere import Missing

    from cano_core import RunContext


def test_classes_local_to_a_function_are_found() -> None:
    class Step(Enum):
        START = auto()
        DONE = auto()

    @dataclass
    class Order:
        total: int

    seen: list[Any] = []

    async def start(order: Order, run: RunContext) -> Literal[Step.DONE]:
        order.total += 1
        seen.append((order, run.visit))
        return Step.DONE

    workflow = (
        Workflow(data=Order).register(Step.START, start).add_exit_state(Step.DONE)
    )

    assert workflow.graph.transitions == {"START": {"DONE"}}
    assert asyncio.run(workflow.orchestrate(Step.START, data=Order(1))) is Step.DONE
    assert seen == [(Order(2), 1)]


class Task:
    async def run(self, run: RunContext) -> Literal["Done"]:
        return "Done"


class Called:
    async def __call__(self, run: RunContext) -> Literal["Done"]:
        return "Done"


async def with_word(word: str, run: RunContext) -> Literal["Done"]:
    return "Done"


@pytest.mark.parametrize(
    "task",
    [Task(), Called(), Called().__call__, functools.partial(with_word, "word")],
    ids=["object", "callable", "method", "partial"],
)
def test_every_kind_of_task_has_its_annotations_read(task: object) -> None:
    workflow = Workflow().register("Work", task).add_exit_state("Done")

    assert workflow.graph.transitions == {"Work": {"Done"}}
    assert asyncio.run(workflow.orchestrate("Work")) == "Done"


def test_a_name_that_a_function_gets_only_later_does_not_disturb() -> None:
    async def work(run: RunContext) -> Literal["Done"]:
        return later

    workflow = Workflow().register("Work", work).add_exit_state("Done")
    assert workflow.graph.transitions == {"Work": {"Done"}}
    later = "Done"
    assert asyncio.run(workflow.orchestrate("Work")) == "Done"


def test_a_parameter_type_that_is_not_there_does_not_disturb() -> None:
    async def work(tool: Missing, run: RunContext) -> Literal["Done"]:
        return "Done"

    workflow = Workflow(resources={"tool": 1}).register("Work", work)

    assert asyncio.run(workflow.add_exit_state("Done").orchestrate("Work")) == "Done"


def test_transitions_that_can_not_be_read_are_a_problem() -> None:
    async def work() -> Literal[Missing.STATE]:
        return "Done"

    with pytest.raises(ConfigurationError, match=r"'Literal\[Missing.STATE\]'"):
        Workflow().register("Work", work).add_exit_state("Done").validate()


@dataclass
class Receipt:
    number: int


def test_the_declared_result_of_a_call_is_read_whatever_its_parameters_are() -> None:
    """A call that is made and then can't be recorded would be made again."""
    store = MemoryCheckpointStore()
    seen: list[Any] = []

    async def charge(order: Missing) -> Receipt:
        return Receipt(order)

    async def work(run: RunContext) -> str:
        seen.append(await run.once("charge", charge, 1))
        seen.append(await run.once("partial", functools.partial(charge, 2)))
        raise KeyboardInterrupt

    workflow = (
        Workflow(checkpoint_store=store).register("Work", work).add_exit_state("Done")
    )
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(workflow.start_or_resume("Work", workflow_id="r"))

    assert seen == [Receipt(1), Receipt(2)] * 2


def test_a_call_may_return_a_class_that_only_a_function_knows() -> None:
    @dataclass
    class Local:
        number: int

    seen: list[Any] = []

    class Shop:
        def charge(self) -> Local:
            return Local(1)

        async def __call__(self) -> Local:
            return Local(2)

    async def work(run: RunContext) -> str:
        seen.append(await run.once("method", Shop().charge))
        seen.append(await run.once("callable", Shop()))
        return "Done"

    workflow = Workflow().register("Work", work).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Work"))

    assert seen == [Local(1), Local(2)]
