"""What a parameter gets, and what a return annotation declares."""

import asyncio
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal, Optional

import pytest
from typing_extensions import TypeAliasType

from cano_core import (
    ConfigurationError,
    RunContext,
    Workflow,
)


class Step(Enum):
    START = auto()
    MIDDLE = auto()
    DONE = auto()


@dataclass
class Order:
    total: int = 0


def running(task: object, **options: Any) -> Workflow:
    return Workflow(**options).register("Work", task).add_exit_state("Done")


def run(workflow: Workflow, **options: Any) -> object:
    return asyncio.run(workflow.orchestrate("Work", **options))


# What a parameter gets


def test_parameters_are_filled_by_name_and_by_annotation() -> None:
    seen: list[Any] = []

    async def work(
        text: str, order: Order, context: RunContext, missing: int = 5
    ) -> str:
        seen.extend([text, order, context.label, missing])
        return "Done"

    run(running(work, resources={"text": "by name"}, data=Order), data=Order(3))

    assert seen == ["by name", Order(3), "Work", 5]


def test_an_annotation_wins_over_a_resource_of_that_name() -> None:
    seen: list[Any] = []

    async def work(run: RunContext) -> str:
        seen.append(run)
        return "Done"

    run(running(work, resources={"run": "a resource"}))

    assert isinstance(seen[0], RunContext)


@pytest.mark.parametrize(
    "annotation",
    [RunContext | None, Optional[RunContext]],  # noqa: UP045 -- both spellings are accepted
    ids=str,
)
def test_an_optional_context_is_filled(annotation: Any) -> None:
    seen: list[Any] = []

    async def work(context: Any = None) -> str:
        seen.append(context)
        return "Done"

    work.__annotations__["context"] = annotation
    run(running(work))

    assert isinstance(seen[0], RunContext)


def test_one_of_several_types_is_filled_by_name() -> None:
    seen: list[Any] = []

    async def work(tool: RunContext | int) -> str:
        seen.append(tool)
        return "Done"

    run(running(work, resources={"tool": 3}))

    assert seen == [3]


def test_a_resource_wins_over_a_default() -> None:
    seen: list[Any] = []

    async def work(limit: int = 1) -> str:
        seen.append(limit)
        return "Done"

    run(running(work, resources={"limit": 2}))

    assert seen == [2]


def test_what_a_partial_binds_stays_bound() -> None:
    seen: list[Any] = []

    async def work(limit: int, other: str) -> str:
        seen.append((limit, other))
        return "Done"

    bound = functools.partial(work, limit=1)
    run(running(bound, resources={"limit": 2, "other": "resource"}))

    assert seen == [(1, "resource")]


def test_positional_only_parameters_are_filled_in_their_places() -> None:
    seen: list[Any] = []

    async def work(left: int = 1, right: int = 2, /, *, named: int = 3) -> str:
        seen.append((left, right, named))
        return "Done"

    run(running(work, resources={"right": 20, "named": 30}))

    assert seen == [(1, 20, 30)]


def test_variable_parameters_get_nothing() -> None:
    seen: list[Any] = []

    async def work(*args: int, **kwargs: int) -> str:
        seen.append((args, kwargs))
        return "Done"

    run(running(work, resources={"args": 1, "kwargs": 2}))

    assert seen == [((), {})]


def test_a_decorated_task_is_bound_by_what_it_wraps() -> None:
    seen: list[Any] = []

    def doubled(task: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(task)
        async def twice(*args: Any, **kwargs: Any) -> Any:
            await task(*args, **kwargs)
            return await task(*args, **kwargs)

        return twice

    @doubled
    async def work(limit: int) -> Literal["Done"]:
        seen.append(limit)
        return "Done"

    workflow = running(work, resources={"limit": 7})
    run(workflow)

    assert seen == [7, 7]
    assert workflow.graph.transitions == {"Work": {"Done"}}


def test_a_parameter_that_nothing_fills_is_named_with_what_there_is() -> None:
    async def work(crash: object, ledger: object) -> str:
        return "Done"

    with pytest.raises(ConfigurationError) as caught:
        running(work, resources={"ledger": 1, "mail": 2}, data=Order).validate()

    assert len(caught.value.problems) == 1
    for word in ("'Work'", "'work'", "'crash'", "ledger, mail", "RunContext", "Order"):
        assert word in str(caught.value)


# Transitions


def test_literal_return_annotations_are_the_graph() -> None:
    async def start() -> Literal[Step.MIDDLE, Step.DONE]:
        return Step.DONE

    async def middle() -> Literal[Step.START] | Literal[Step.DONE]:  # noqa: PYI030 -- both spellings are accepted
        return Step.DONE

    async def anywhere() -> Step:
        return Step.DONE

    workflow = (
        Workflow()
        .register(Step.START, start)
        .register(Step.MIDDLE, middle)
        .register("Extra", anywhere)
        .add_exit_state(Step.DONE)
    )

    assert workflow.graph.transitions == {
        "START": {"MIDDLE", "DONE"},
        "MIDDLE": {"START", "DONE"},
        "Extra": None,
    }
    assert workflow.graph.states == ("START", "MIDDLE", "Extra")
    assert workflow.graph.exits == {"DONE"}


def test_an_alias_of_a_literal_is_a_literal() -> None:
    alias = TypeAliasType("alias", Literal["Done"])

    async def work() -> str:
        return "Done"

    work.__annotations__["return"] = alias

    assert running(work).graph.transitions == {"Work": {"Done"}}


@pytest.mark.parametrize("more", [str, None, int | None])
def test_a_union_with_something_else_declares_nothing(more: Any) -> None:
    async def work() -> str:
        return "Done"

    work.__annotations__["return"] = Literal["Done"] | more

    assert running(work).graph.transitions == {"Work": None}


def test_a_declared_state_without_handler_is_a_problem() -> None:
    async def work() -> Literal["Done", "Lost"]:
        return "Done"

    with pytest.raises(ConfigurationError, match="'Lost', which is neither registered"):
        running(work).validate()


def test_a_state_that_nothing_leads_to_is_a_warning() -> None:
    async def work() -> Literal["Done"]:
        return "Done"

    workflow = running(work).register("Old", work)

    with pytest.warns(UserWarning, match="'Work' to 'Old'; keep it if old logs"):
        workflow.validate("Work")


def test_a_task_that_declares_nothing_may_lead_anywhere() -> None:
    async def work() -> str:
        return "Done"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        running(work).register("Old", work).validate("Work")


@pytest.mark.parametrize("named", [1, "", None])
def test_an_annotation_that_names_no_state_is_a_problem(named: Any) -> None:
    async def work() -> str:
        return "Done"

    work.__annotations__["return"] = Literal[named]
    with pytest.raises(ConfigurationError) as caught:
        running(work).register("Other", needs_more).validate()

    assert len(caught.value.problems) == 2
    assert repr(named) in caught.value.problems[0]


async def needs_more(something: object) -> str:
    return "Done"
