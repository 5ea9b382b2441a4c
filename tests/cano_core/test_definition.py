"""A definition that says all that is wrong with it, and freezes at its first run."""

import asyncio
from enum import Enum, IntEnum, StrEnum, auto
from typing import Any, Literal

import pytest

from cano_core import (
    ConfigurationError,
    MemoryCheckpointStore,
    Retry,
    TaskConfig,
    Workflow,
)


def running(task: object, **options: Any) -> Workflow:
    return Workflow(**options).register("Work", task).add_exit_state("Done")


def run(workflow: Workflow, **options: Any) -> object:
    return asyncio.run(workflow.orchestrate("Work", **options))


# All problems at once, at the earliest moment


async def needs_more(something: object) -> str:
    return "Done"


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
        3,
        None,
        object(),
        type("NoTask", (), {"run": 5})(),
    ],
    ids=["number", "None", "object", "run-is-no-method"],
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


def test_the_graph_says_what_each_state_is_registered_as() -> None:
    workflow = (
        Workflow()
        .register("Work", work)
        .register_router("Choose", work)
        .register_with_compensation("Pay", work, compensate=print)
        .add_exit_state("Done")
    )

    assert workflow.graph.kinds == {
        "Work": "task",
        "Choose": "router",
        "Pay": "compensatable",
    }


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
