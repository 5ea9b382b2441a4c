"""Streams: what may be opened, how it is read, and that it is closed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cano_core import (
    ConfigurationError,
    Count,
    Every,
    MemoryCheckpointStore,
    TaskFailedError,
    Workflow,
)
from one_task import start_or_resume
from streams import Numbers, start, streaming


def test_an_iterator_that_is_read_ahead_of_time_stays_in_one_asyncio_task() -> None:
    tasks = []

    class Bounded(Numbers):
        async def open(self, cursor: int | None) -> AsyncIterator[tuple[int, int]]:
            async with asyncio.timeout(5):
                for number in (1, 2, 3):
                    tasks.append(asyncio.current_task())
                    yield number, number
            tasks.append(asyncio.current_task())

    assert start(streaming(Bounded(0, window=Every(5)))) == "Done"
    assert len(tasks) == 4
    assert len(set(tasks)) == 1


def plain(cursor: int | None) -> list[tuple[int, int]]:
    return [(1, 1), (2, 2)]


def generator(cursor: int | None) -> Iterator[tuple[int, int]]:
    yield 1, 1
    yield 2, 2


async def coroutine(cursor: int | None) -> list[tuple[int, int]]:
    return plain(cursor)


async def nested(cursor: int | None) -> AsyncIterator[tuple[int, int]]:
    return Numbers(2).open(cursor)


@pytest.mark.parametrize("opening", [plain, generator, coroutine, nested])
@pytest.mark.parametrize("window", [Count(1), Every(5)])
def test_a_stream_may_be_anything_that_has_items(
    opening: Callable[..., Any], window: Any
) -> None:
    task: Any = Numbers(0, window=window)
    task.open = opening
    assert start(streaming(task)) == "Done"
    assert task.flushed == [1, 2]


@pytest.mark.parametrize(
    ("opening", "message"),
    [
        (lambda cursor: 7, "holds no items"),
        (lambda cursor: "ab", "holds no items"),
        (lambda cursor: [1], "a pair"),
        (lambda cursor: [(1, 2, 3)], "a pair"),
        (lambda cursor: [(object(), 2)], "the cursor of"),
    ],
)
def test_what_open_must_not_give_stops_the_run(
    opening: Callable[..., Any], message: str
) -> None:
    task: Any = Numbers(0)
    task.open = opening
    with pytest.raises(ConfigurationError, match=message):
        start(streaming(task))


@dataclass
class Offset:
    partition: int
    offset: int


def test_cursors_are_read_back_as_they_are_declared() -> None:
    store = MemoryCheckpointStore()
    opened = []

    class Typed(Numbers):
        async def open(self, cursor: Any) -> AsyncIterator[tuple[Offset, int]]:  # type: ignore[override]
            opened.append(cursor)
            yield Offset(1, 3), 3

    task = Typed(0)
    task.close_failures = 1
    with pytest.raises(TaskFailedError):
        start_or_resume(streaming(task, store))
    assert start_or_resume(streaming(task, store)) == "Done"
    assert opened == [None, Offset(1, 3)]


def test_a_cursor_that_can_not_be_read_any_more_stops_the_run() -> None:
    store, task = MemoryCheckpointStore(), Numbers(3)
    task.close_failures = 1
    with pytest.raises(TaskFailedError):
        start_or_resume(streaming(task, store))
    other: Any = Numbers(3)

    async def opening(cursor: Offset | None) -> Any:
        return []

    other.open = opening
    with pytest.raises(ConfigurationError, match="can't be read"):
        start_or_resume(streaming(other, store))


@pytest.mark.parametrize("window", [Count(2), Every(0.005)])
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_the_iterator_is_closed_before_the_next_state_begins(
    window: Any, kind: str
) -> None:
    task: Any = Numbers(9, window=window)
    task.stop_at = 2
    closed = []

    def opening(cursor: int | None) -> Iterator[tuple[int, int]]:
        try:
            for number in range(1, 9):
                if number > 2:
                    time.sleep(0.002)
                yield number, number
        finally:
            task.closed += 1

    if kind == "sync":
        task.open = opening

    async def stopped() -> str:
        closed.append(task.closed)
        return "Done"

    workflow = (
        Workflow()
        .register_stream("Work", task)
        .register("Stopped", stopped)
        .add_exit_state("Done")
    )
    if kind == "async" and window == Every(0.005):
        task.waits_after = {4}
    assert start(workflow) == "Done"
    assert closed == [1]


@pytest.mark.parametrize("window", [Count(2), Every(5)])
def test_an_iterator_that_can_not_be_closed_fails_the_task(window: Any) -> None:
    class Broken(Numbers):
        async def open(self, cursor: int | None) -> AsyncIterator[tuple[int, int]]:
            try:
                yield 1, 1
                yield 2, 2
            finally:
                raise OSError("no farewell")

    with pytest.raises(TaskFailedError, match="no farewell"):
        start(streaming(Broken(0, window=window)))


def test_an_iterator_that_can_not_be_left_fails_the_task() -> None:
    class Broken(Numbers):
        async def open(self, cursor: int | None) -> AsyncIterator[tuple[int, int]]:
            try:
                yield 1, 1
                await asyncio.Event().wait()
            finally:
                raise OSError("no farewell")

    task = Broken(0, window=Every(0.002))
    task.stop_at = 1
    with pytest.raises(TaskFailedError, match="no farewell"):
        start(streaming(task))
    assert task.windows == [[1]]


def test_a_stream_is_read_with_eager_tasks_too() -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("needs Python 3.12: tox run -e py312")
    numbers = Numbers(3, window=Every(0.01))

    async def main() -> object:
        asyncio.get_running_loop().set_task_factory(factory)
        async with asyncio.timeout(5):
            return await streaming(numbers).orchestrate("Work")

    assert asyncio.run(main()) == "Done"
    assert numbers.flushed == [1, 2, 3]
