"""Binding, declared transitions, and a definition that says all that is wrong."""

import asyncio
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum, auto
from typing import Any, Literal, Optional

import pytest
from typing_extensions import TypeAliasType

from cano_core import (
    ConfigurationError,
    MemoryCheckpointStore,
    Retry,
    RunContext,
    TaskConfig,
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


# All problems at once, at the earliest moment


def test_validate_lists_every_problem() -> None:
    async def lost() -> Literal["Nowhere"]:
        return "Nowhere"

    workflow = Workflow().register("First", needs_more).register("Second", lost)

    with pytest.raises(ConfigurationError) as caught:
        workflow.validate()

    first, second, third = caught.value.problems
    assert "no exit state" in first
    assert "'something'" in second
    assert "'Nowhere'" in third
    assert str(caught.value).startswith("3 problems:\n  - ")


def test_a_run_of_a_wrong_definition_says_the_same_and_touches_nothing() -> None:
    store = MemoryCheckpointStore()
    workflow = running(needs_more, checkpoint_store=store)

    with pytest.raises(ConfigurationError, match="'something'"):
        run(workflow, workflow_id="r")

    assert asyncio.run(store.list_runs()) == []


def test_a_definition_without_states_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="no states"):
        Workflow().validate()


@pytest.mark.parametrize(
    "task",
    [
        lambda: "Done",
        3,
        None,
        object(),
        type("NoTask", (), {"run": 5})(),
        type("SyncTask", (), {"run": lambda self: "Done"})(),
    ],
    ids=["sync", "number", "None", "object", "run-is-no-method", "sync-run"],
)
def test_what_is_no_task_is_refused_when_registered(task: object) -> None:
    with pytest.raises(ConfigurationError):
        Workflow().register("Work", task)


def test_a_class_is_no_task_its_instance_is() -> None:
    class Work:
        async def run(self) -> str:
            return "Done"

    with pytest.raises(ConfigurationError, match=r"register an instance: Work\(\)"):
        Workflow().register("Work", Work)
    assert run(running(Work())) == "Done"


@pytest.mark.parametrize(
    "config", [{"attempt_timeout": 1}, TaskConfig, 3], ids=["dict", "class", "number"]
)
def test_what_is_no_config_is_refused_when_registered(config: Any) -> None:
    async def work() -> str:
        return "Done"

    with pytest.raises(ConfigurationError, match="not a TaskConfig"):
        Workflow().register("Work", work, config=config)


# Labels


class Colour(Enum):
    RED = auto()


class Signal(Enum):
    RED = auto()


class One(IntEnum):
    FIRST = 1


class Two(IntEnum):
    SECOND = 1


class Text(StrEnum):
    LABEL = "value"


async def work() -> str:
    return "Done"


@pytest.mark.parametrize(
    ("first", "second"), [(Colour.RED, Signal.RED), (Colour.RED, "RED"), ("A", "A")]
)
def test_two_states_with_one_label_are_refused(first: Any, second: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"same label 'RED'|registered already"
    ):
        Workflow().register(first, work).register(second, work)
    with pytest.raises(ConfigurationError):
        Workflow().register(first, work).add_exit_state(second)
    with pytest.raises(ConfigurationError):
        Workflow().add_exit_state(first).register(second, work)


@pytest.mark.parametrize(
    ("first", "second"), [(One.FIRST, Two.SECOND), (Text.LABEL, "value")]
)
def test_two_states_that_python_takes_for_one_are_refused(
    first: Any, second: Any
) -> None:
    """A task that returns the one would go to the other."""
    with pytest.raises(ConfigurationError, match="are equal"):
        Workflow().register(first, work).register(second, work)
    with pytest.raises(ConfigurationError, match="are equal"):
        Workflow().register(first, work).add_exit_state(second)


def test_an_exit_state_may_be_added_twice() -> None:
    workflow = Workflow().register("Work", work)
    workflow.add_exit_states("Done", "Failed").add_exit_state("Done").validate()

    assert workflow.graph.exits == {"Done", "Failed"}


# Freezing


def test_a_definition_is_frozen_by_its_first_run() -> None:
    workflow = running(work)
    run(workflow)

    for change in (
        lambda: workflow.register("More", work),
        lambda: workflow.add_exit_state("More"),
        lambda: workflow.task("More")(work),
    ):
        with pytest.raises(ConfigurationError, match="frozen"):
            change()


def test_a_call_that_could_not_run_freezes_nothing() -> None:
    workflow = running(work)
    with pytest.raises(ConfigurationError):
        asyncio.run(workflow.orchestrate("Missing"))
    with pytest.raises(ConfigurationError):
        asyncio.run(workflow.orchestrate("Work", data=3))

    workflow.register("Missing", work)

    assert asyncio.run(workflow.orchestrate("Missing")) == "Done"


def test_resources_are_taken_as_they_were_given() -> None:
    resources = {"limit": 1}
    seen: list[int] = []

    async def look(limit: int) -> str:
        seen.append(limit)
        return "Done"

    workflow = running(look, resources=resources)
    resources["limit"] = 2
    run(workflow)

    assert seen == [1]


# The decorator, and a task's own name and configuration


def test_the_decorator_registers_and_leaves_the_task_alone() -> None:
    workflow = Workflow().add_exit_state("Done")

    @workflow.task("Work")
    async def decorated() -> Literal["Done"]:
        return "Done"

    assert asyncio.run(decorated()) == "Done"
    assert run(workflow) == "Done"


class Once:
    config = TaskConfig.minimal()

    def __init__(self) -> None:
        self.tries = 0

    async def run(self) -> str:
        self.tries += 1
        raise RuntimeError("no")


class OnceByMethod(Once):
    def config(self) -> TaskConfig:
        return TaskConfig.minimal()


@pytest.mark.parametrize("kind", [Once, OnceByMethod])
def test_a_task_object_brings_its_own_config(kind: type[Once]) -> None:
    task = kind()
    with pytest.raises(Exception, match="no"):
        run(running(task))
    assert task.tries == 1


def test_the_config_given_at_registration_wins() -> None:
    task = Once()
    workflow = Workflow().register(
        "Work", task, config=TaskConfig(retry=Retry.fixed(2, 0))
    )
    with pytest.raises(Exception, match="no"):
        run(workflow.add_exit_state("Done"))
    assert task.tries == 3


def test_a_task_whose_config_is_none_of_ours_is_refused() -> None:
    class Strange:
        config = "fast"

        async def run(self) -> str:
            return "Done"

    with pytest.raises(ConfigurationError, match="'fast', not a TaskConfig"):
        Workflow().register("Work", Strange())
