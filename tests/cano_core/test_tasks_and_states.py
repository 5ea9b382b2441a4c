"""What may be a state, and what may be a task."""

import asyncio
import functools
from enum import Flag, IntEnum, StrEnum, auto
from typing import Any

import pytest

from cano_core import (
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    Workflow,
)


class Text(StrEnum):
    FIRST = "first value"
    LAST = "last value"


class Number(IntEnum):
    FIRST = 0
    LAST = 1


class Bits(Flag):
    FIRST = auto()
    LAST = auto()


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        (Text.FIRST, Text.LAST, ["FIRST", "LAST"]),
        (Number.FIRST, Number.LAST, ["FIRST", "LAST"]),
        (Bits.FIRST, Bits.FIRST | Bits.LAST, ["FIRST", "FIRST|LAST"]),
        ("first", "last", ["first", "last"]),
        ("a label, with/odd \N{SNOWMAN} 'signs'@2#3>", "…", None),
    ],
)
def test_states_are_enum_members_or_strings(
    first: Any, last: Any, labels: list[str] | None
) -> None:
    watcher = RecordingObserver()

    async def go() -> Any:
        return last

    workflow = Workflow(
        observers=[watcher], checkpoint_store=MemoryCheckpointStore()
    ).register(first, go)
    workflow.add_exit_state(last)

    assert asyncio.run(workflow.orchestrate(first, workflow_id="r")) is last
    assert watcher.path == (labels or [first, last])


@pytest.mark.parametrize("returned", [1, True])
def test_a_number_is_no_state_even_where_an_int_enum_is(returned: int) -> None:
    async def go() -> Any:
        return returned

    workflow = Workflow().register(Number.FIRST, go).add_exit_state(Number.LAST)
    with pytest.raises(ConfigurationError, match="no state of this workflow"):
        asyncio.run(workflow.orchestrate(Number.FIRST))


class Resource:
    def __init__(self) -> None:
        self.seen: list[str] = []


class Methodical:
    name = "methodical"

    async def run(self, log: Resource) -> str:
        log.seen.append("object")
        return "Done"


class Called:
    async def __call__(self, log: Resource) -> str:
        log.seen.append("called")
        return "Done"

    async def method(self, log: Resource) -> str:
        log.seen.append("method")
        return "Done"


async def with_argument(word: str, log: Resource, *, end: str) -> str:
    log.seen.append(word)
    return end


@pytest.mark.parametrize(
    ("task", "name", "word"),
    [
        (Methodical(), "methodical", "object"),
        (Called(), "Called", "called"),
        (Called().method, "method", "method"),
        (
            functools.partial(with_argument, "partial", end="Done"),
            "with_argument",
            "partial",
        ),
    ],
)
def test_a_task_is_any_async_callable_or_object_with_run(
    task: object, name: str, word: str
) -> None:
    log, watcher = Resource(), RecordingObserver()
    workflow = (
        Workflow(resources={"log": log}, observers=[watcher])
        .register("Work", task)
        .add_exit_state("Done")
    )

    assert asyncio.run(workflow.orchestrate("Work")) == "Done"
    assert log.seen == [word]
    assert watcher.of("on_task_success") == [(None, name)]
