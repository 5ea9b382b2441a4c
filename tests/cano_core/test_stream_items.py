"""Streams: items that fail, are tried again, or are left out."""

import asyncio
import math
from typing import Any

import pytest

from cano_core import (
    CircuitBreaker,
    ConfigurationError,
    MemoryCheckpointStore,
    Retry,
    RetryExhaustedError,
    StreamTask,
    TaskConfig,
    TaskFailedError,
)
from one_task import start_or_resume
from streams import Numbers, cursors, start, streaming


def test_an_item_that_fails_is_tried_again_and_not_dropped() -> None:
    task = Numbers(4)
    task.failures[2] = 2
    config = TaskConfig(retry=Retry.fixed(2, 0))
    assert start(streaming(task, None, config)) == "Done"
    assert task.processed == [1, 2, 2, 2, 3, 4]
    assert task.windows == [[1, 2, 3], [4]]


def test_an_item_fails_after_its_retries() -> None:
    task = Numbers(4)
    task.failures[2] = 5
    with pytest.raises(RetryExhaustedError) as caught:
        start(streaming(task, None, TaskConfig(retry=Retry.fixed(1, 0))))
    assert [str(each) for each in caught.value.attempts] == ["item 2", "item 2"]
    assert task.processed == [1, 2, 2]


def test_without_a_configuration_an_item_is_tried_once() -> None:
    class Bare:
        open, process_item = Numbers.open, Numbers.process_item
        flush_window, on_close = Numbers.flush_window, Numbers.on_close
        __init__ = Numbers.__init__

    task: Any = Bare(4)
    task.failures[2] = 1
    with pytest.raises(TaskFailedError):
        start(streaming(task))
    assert task.processed == [1, 2]
    assert start(streaming(task)) == "Done"


def test_items_that_fail_may_be_left_out_until_too_many_do_in_a_row() -> None:
    task = Numbers(9)
    task.consecutive_errors = 2
    task.failures.update({2: 1, 5: 1, 6: 1})
    assert start(streaming(task)) == "Done"
    assert task.windows == [[1, 3, 4], [7, 8, 9]]
    assert task.left_out == [2, 5, 6]

    task = Numbers(9)
    task.consecutive_errors = 2
    task.failures.update({5: 1, 6: 1, 7: 1})
    with pytest.raises(TaskFailedError, match="item 7"):
        start(streaming(task))
    assert task.windows == [[1, 2, 3]]


def test_an_item_may_be_tried_again_and_then_be_left_out() -> None:
    task = Numbers(4)
    task.consecutive_errors = math.inf
    task.failures.update({1: 1, 2: 2, 3: 2})
    config = TaskConfig(retry=Retry.fixed(1, 0))
    assert start(streaming(task, None, config)) == "Done"
    assert task.processed == [1, 1, 2, 2, 3, 3, 4]
    assert task.windows == [[1, 4]]
    assert task.left_out == [2, 3]


def test_by_default_a_left_out_item_is_logged(caplog: Any) -> None:
    task = Numbers(2)
    task.consecutive_errors = 1
    task.failures[1] = 1
    task.item_left_out = StreamTask.item_left_out.__get__(task)  # type: ignore[method-assign]
    assert start(streaming(task)) == "Done"
    assert "leaves out an item that failed with ConnectionError" in caplog.text


def test_items_that_were_left_out_do_not_come_again() -> None:
    store, task = MemoryCheckpointStore(), Numbers(2)
    task.consecutive_errors = math.inf
    task.failures.update({1: 1, 2: 1})
    task.close_failures = 1
    with pytest.raises(TaskFailedError):
        start_or_resume(streaming(task, store))
    assert task.windows == []
    assert cursors(store) == [2]


def test_a_mistake_is_not_left_out() -> None:
    class Mistaken(Numbers):
        consecutive_errors = math.inf

        async def process_item(self, item: int) -> Any:  # type: ignore[override]
            raise ConfigurationError("wrong")

    with pytest.raises(ConfigurationError, match="wrong"):
        start(streaming(Mistaken(3)))


def test_an_item_that_hangs_is_ended_by_its_time_limit() -> None:
    task = Numbers(6)

    async def run() -> None:
        task.held[5] = asyncio.Event()
        config = TaskConfig(retry=Retry.none(), attempt_timeout=0.01)
        with pytest.raises(TaskFailedError) as caught:
            await streaming(task, None, config).orchestrate("Work")
        assert isinstance(caught.value.__cause__, TimeoutError)

    asyncio.run(run())
    assert task.windows == [[1, 2, 3]]
    assert task.closed == 1


def test_items_that_an_open_breaker_refuses_are_not_left_out() -> None:
    task = Numbers(9)
    task.consecutive_errors = math.inf
    task.failures[2] = 1
    breaker = CircuitBreaker(failure_threshold=1)
    config = TaskConfig(retry=Retry.none(), circuit_breaker=breaker)
    with pytest.raises(TaskFailedError):
        start(streaming(task, None, config))
    assert task.left_out == [2]
    assert task.processed == [1, 2]
