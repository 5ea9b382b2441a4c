"""Tasks that are plain functions: they run in a thread and block nobody."""

import asyncio
import contextvars
import functools
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from cano_core import (
    Cancellation,
    MemoryCheckpointStore,
    Retry,
    RetryExhaustedError,
    RunCancelledError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowTimeoutError,
)
from cano_core.threads import is_async
from sagas import ONCE, resume, start, written

here = contextvars.ContextVar("here", default="nowhere")


def one(task: Any, store: Any = None, **options: Any) -> Workflow:
    config = options.pop("config", ONCE)
    workflow = Workflow(checkpoint_store=store, **options).add_exit_state("Done")
    return workflow.register("A", task, config=config)


def test_a_plain_function_runs_in_a_thread_while_the_loop_goes_on() -> None:
    ticked = threading.Event()

    def task() -> Literal["Done"]:
        assert threading.current_thread() is not threading.main_thread()
        assert ticked.wait(5)
        return "Done"

    async def main() -> object:
        run = asyncio.create_task(one(task).orchestrate("A"))
        await asyncio.sleep(0)
        ticked.set()
        return await run

    assert asyncio.run(main()) == "Done"


class Sync:
    def run(self, limit: int, run: RunContext) -> str:
        assert (limit, run.label, run.attempt) == (3, "A", 1)
        return "Done"


class Called:
    def __call__(self, limit: int) -> str:
        return "Done"


class CalledAsync:
    async def __call__(self, limit: int) -> str:
        return "Done"


def function(limit: int) -> str:
    return "Done"


async def coroutine(limit: int) -> str:
    return "Done"


@pytest.mark.parametrize(
    "task",
    [
        Sync(),
        Sync().run,
        Called(),
        CalledAsync(),
        function,
        coroutine,
        functools.partial(function),
        functools.partial(coroutine, limit=3),
        lambda limit: "Done",
        lambda limit: coroutine(limit),
    ],
    ids=lambda task: type(task).__name__,
)
def test_whatever_can_be_called_is_a_task_and_gets_its_resources(task: Any) -> None:
    assert start(one(task, resources={"limit": 3})) == "Done"


def test_what_a_function_returns_to_be_awaited_is_awaited_in_the_event_loop() -> None:
    threads = []

    async def rest() -> str:
        threads.append(threading.current_thread())
        return "Done"

    assert start(one(lambda: rest())) == "Done"
    assert threads == [threading.main_thread()]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (coroutine, True),
        (functools.partial(functools.partial(coroutine), limit=1), True),
        (CalledAsync(), True),
        (function, False),
        (Called(), False),
        (print, False),
    ],
)
def test_it_is_known_beforehand_what_has_to_run_in_a_thread(
    function: Any, expected: bool
) -> None:
    assert is_async(function) is expected


def test_context_variables_are_seen_and_those_it_sets_are_its_own() -> None:
    seen = []

    def task() -> str:
        seen.append(here.get())
        here.set("thread")
        return "Done"

    async def main() -> None:
        here.set("main")
        await one(task).orchestrate("A")
        seen.append(here.get())

    asyncio.run(main())
    assert seen == ["main", "main"]


def test_data_that_a_function_changes_is_kept() -> None:
    seen = []

    def task(run: RunContext) -> str:
        run.data.append("A")
        return "B"

    def then(run: RunContext) -> str:
        seen.extend(run.data)
        return "Done"

    workflow = one(task, MemoryCheckpointStore(), data=list[str])
    start(workflow.register("B", then), data=[])
    assert seen == ["A"]


# Failures


def test_a_function_fails_and_is_tried_again_like_any_task() -> None:
    tries: list[int] = []

    def task(run: RunContext) -> str:
        tries.append(run.attempt)
        raise OSError("busy")

    with pytest.raises(RetryExhaustedError) as caught:
        start(one(task, config=TaskConfig(retry=Retry.fixed(2, 0))))
    assert tries == [1, 2, 3]
    assert isinstance(caught.value.__cause__, OSError)


def test_an_iterator_that_is_empty_is_a_failure_and_no_hang() -> None:
    """No future can hold a StopIteration, so nobody would ever be told of it."""

    def task() -> str:
        nothing: Iterator[str] = iter(())
        return next(nothing)

    with pytest.raises(TaskFailedError, match="raised StopIteration") as caught:
        asyncio.run(asyncio.wait_for(one(task).orchestrate("A"), 5))
    assert isinstance(caught.value.__cause__.__cause__, StopIteration)  # type: ignore[union-attr]


def test_a_crash_in_a_thread_is_a_crash() -> None:
    def task() -> str:
        raise SystemExit(3)

    store = MemoryCheckpointStore()
    with pytest.raises(SystemExit):
        start(one(task, store))
    assert written(store) == ["A"]


# A thread can't be stopped


class Slow:
    """A function that takes a while, and notices others beside it."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.running = self.most = self.ended = 0

    def __call__(self) -> str:
        self.running += 1
        self.most = max(self.most, self.running)
        time.sleep(self.seconds)
        self.running -= 1
        self.ended += 1
        return "Done"


def test_no_second_attempt_runs_beside_one_that_took_too_long() -> None:
    slow = Slow()
    config = TaskConfig(retry=Retry.fixed(2, 0), attempt_timeout=0.005)
    with pytest.raises(RetryExhaustedError) as caught:
        start(one(slow, config=config))
    assert {type(each) for each in caught.value.attempts} == {TimeoutError}
    assert (slow.most, slow.ended) == (1, 3)


def test_a_run_that_has_no_time_left_ends_after_the_thread() -> None:
    slow = Slow()
    with pytest.raises(WorkflowTimeoutError):
        start(one(slow, total_timeout=0.005))
    assert (slow.running, slow.ended) == (0, 1)


def test_a_cancelled_run_ends_after_the_thread() -> None:
    slow = Slow()
    cancel = Cancellation()

    def task() -> str:
        cancel.cancel()
        return slow()

    with pytest.raises(RunCancelledError):
        start(one(task), cancel=cancel)
    assert (slow.running, slow.ended) == (0, 1)


def test_a_cancelled_asyncio_task_ends_after_the_thread() -> None:
    slow, store = Slow(), MemoryCheckpointStore()
    begun = threading.Event()

    def task() -> str:
        begun.set()
        return slow()

    async def main() -> None:
        run = asyncio.create_task(one(task, store).orchestrate("A", workflow_id="r"))
        await asyncio.to_thread(begun.wait, 5)
        run.cancel()
        await asyncio.sleep(0)
        run.cancel()
        await run

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert (slow.running, slow.ended) == (0, 1)
    assert written(store) == ["A"]
    assert resume(one(Slow(0), store)) == "Done"


def test_a_compensation_in_a_thread_ends_before_the_next_one_begins() -> None:
    slow = Slow()
    undone = []

    def undo(output: str) -> None:
        undone.append(output)
        slow()

    def fail() -> str:
        raise ValueError("no")

    workflow = one(lambda: "Done", compensation_timeout=0.005)
    workflow.register("Fail", fail, config=ONCE)
    for label, following in [("X", "Y"), ("Y", "Fail")]:
        workflow.register_with_compensation(
            label,
            lambda label=label, following=following: (following, label),
            compensate=undo,
            config=ONCE,
        )
    with pytest.raises(Exception, match=r"compensation_timeout of 0\.005"):
        start(workflow, "X")
    # The one took all the time, and to its end; the other was not tried.
    assert (undone, slow.most, slow.running) == (["Y"], 1, 0)
