"""What surrounds a workflow's runs: set up once before, torn down once after."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cano_core import (
    MemoryCheckpointStore,
    ResourceError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)


class Managed:
    """A resource that writes down its life."""

    def __init__(self, name: str, book: list[str], **fails: BaseException) -> None:
        self.name = name
        self.book = book
        self.fails = fails

    def note(self, event: str) -> None:
        self.book.append(f"{event} {self.name}")
        if event in self.fails:
            raise self.fails[event]


class WithMethods(Managed):
    async def setup(self) -> None:
        await asyncio.sleep(0)
        self.note("setup")

    async def teardown(self) -> None:
        await asyncio.sleep(0)
        self.note("teardown")


class WithPlainMethods(Managed):
    def setup(self) -> None:
        self.note("setup")

    def teardown(self) -> None:
        self.note("teardown")


class OnlyTeardown(Managed):
    def teardown(self) -> None:
        self.note("teardown")


class Manager(Managed):
    async def __aenter__(self) -> str:
        self.note("setup")
        return f"what {self.name} yields"

    async def __aexit__(self, *exc_info: object) -> None:
        self.note("teardown")


def workflow_with(
    resources: dict[str, Any], task: object = None, **options: Any
) -> Workflow:
    async def done() -> str:
        return "Done"

    return (
        Workflow(resources=resources, **options)
        .register("Work", task or done, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )


def run(workflow: Workflow, **options: Any) -> object:
    return asyncio.run(workflow.orchestrate("Work", **options))


def test_resources_are_torn_down_in_reverse_order() -> None:
    book: list[str] = []

    async def work(b: str) -> str:
        book.append(f"work with {b}")
        return "Done"

    workflow = workflow_with(
        {
            "a": WithMethods("a", book),
            "plain": object(),
            "b": Manager("b", book),
            "c": WithPlainMethods("c", book),
            "d": OnlyTeardown("d", book),
        },
        work,
    )
    for _ in range(2):
        book.clear()
        run(workflow)
        assert book == [
            "setup a",
            "setup b",
            "setup c",
            "work with what b yields",
            "teardown d",
            "teardown c",
            "teardown b",
            "teardown a",
        ]


def test_they_are_torn_down_after_a_failure_too() -> None:
    book: list[str] = []

    async def work() -> str:
        raise RuntimeError("no")

    with pytest.raises(TaskFailedError):
        run(workflow_with({"a": WithMethods("a", book)}, work))
    assert book == ["setup a", "teardown a"]


def test_a_failed_setup_unwinds_what_was_set_up() -> None:
    book: list[str] = []
    ran: list[int] = []
    store = MemoryCheckpointStore()

    async def work() -> str:
        ran.append(1)
        return "Done"

    workflow = workflow_with(
        {
            "a": WithMethods("a", book),
            "b": WithMethods("b", book, setup=OSError("no network")),
            "c": WithMethods("c", book),
        },
        work,
        checkpoint_store=store,
    )
    with pytest.raises(ResourceError, match=r"'b' \(WithMethods\).*OSError: no net"):
        run(workflow, workflow_id="r")

    assert book == ["setup a", "setup b", "teardown a"]
    assert ran == []
    assert asyncio.run(store.list_runs()) == []


@pytest.mark.parametrize("end", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_a_setup_that_is_ended_unwinds_too(end: BaseException) -> None:
    book: list[str] = []
    workflow = workflow_with(
        {"a": WithMethods("a", book), "b": WithMethods("b", book, setup=end)}
    )
    with pytest.raises(type(end)):
        run(workflow)
    assert book == ["setup a", "setup b", "teardown a"]


def test_a_failed_teardown_is_logged_and_keeps_no_other_from_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book: list[str] = []
    workflow = workflow_with(
        {
            "a": WithMethods("a", book),
            "b": WithMethods("b", book, teardown=OSError("hung up")),
        }
    )
    with caplog.at_level(logging.ERROR, "cano_core"):
        assert run(workflow) == "Done"

    assert book == ["setup a", "setup b", "teardown b", "teardown a"]
    assert "'b' could not be torn down" in caplog.text


@pytest.mark.parametrize("end", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_a_teardown_that_is_ended_keeps_no_other_from_its_own(
    end: BaseException,
) -> None:
    book: list[str] = []
    workflow = workflow_with(
        {"a": WithMethods("a", book), "b": WithMethods("b", book, teardown=end)}
    )
    with pytest.raises(type(end)):
        run(workflow)
    assert book == ["setup a", "setup b", "teardown b", "teardown a"]


def test_a_cancelled_run_tears_down() -> None:
    book: list[str] = []
    started = asyncio.Event()

    async def work() -> str:
        started.set()
        await asyncio.Event().wait()
        return "Done"

    workflow = workflow_with({"a": WithMethods("a", book)}, work)

    async def main() -> None:
        running = asyncio.create_task(workflow.orchestrate("Work"))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert book == ["setup a", "teardown a"]


# Runs side by side


def test_concurrent_runs_share_one_setup_and_the_last_tears_down() -> None:
    """H24 of cano: there the first to finish tore down under the other."""
    book: list[str] = []
    go_on = {number: asyncio.Event() for number in range(3)}

    async def work(a: Managed, run: RunContext) -> str:
        await go_on[int(run.workflow_id)].wait()
        book.append(f"work {run.workflow_id}")
        return "Done"

    workflow = workflow_with({"a": WithMethods("a", book)}, work)

    async def main() -> None:
        runs = [
            asyncio.create_task(workflow.orchestrate("Work", workflow_id=str(number)))
            for number in range(3)
        ]
        for number in (1, 0, 2):
            await asyncio.sleep(0)
            go_on[number].set()
            await runs[number]

    asyncio.run(main())
    assert book == ["setup a", "work 1", "work 0", "work 2", "teardown a"]


def test_a_run_that_begins_while_another_tears_down_sets_up_again() -> None:
    book: list[str] = []
    tearing, go_on = asyncio.Event(), asyncio.Event()

    class Slow(WithMethods):
        async def teardown(self) -> None:
            tearing.set()
            await go_on.wait()
            await super().teardown()

    workflow = workflow_with({"a": Slow("a", book)})

    async def main() -> None:
        first = asyncio.create_task(workflow.orchestrate("Work"))
        await tearing.wait()
        second = asyncio.create_task(workflow.orchestrate("Work"))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, second)

    asyncio.run(main())
    assert book == ["setup a", "teardown a"] * 2


def test_a_failed_setup_is_tried_again_by_the_run_that_waits_for_it() -> None:
    book: list[str] = []

    class Flaky(WithMethods):
        async def setup(self) -> None:
            await super().setup()
            if book.count("setup a") == 1:
                raise OSError("not yet")

    workflow = workflow_with({"a": Flaky("a", book)})

    async def main() -> list[Any]:
        return await asyncio.gather(
            workflow.orchestrate("Work"),
            workflow.orchestrate("Work"),
            return_exceptions=True,
        )

    first, second = asyncio.run(main())
    assert isinstance(first, ResourceError)
    assert second == "Done"
    assert book == ["setup a", "setup a", "teardown a"]


def test_a_run_that_is_cancelled_while_it_waits_for_a_setup_leaves_it_alone() -> None:
    book: list[str] = []
    setting, go_on = asyncio.Event(), asyncio.Event()

    class Slow(WithMethods):
        async def setup(self) -> None:
            setting.set()
            await go_on.wait()
            await super().setup()

    workflow = workflow_with({"a": Slow("a", book)})

    async def main() -> None:
        first = asyncio.create_task(workflow.orchestrate("Work"))
        await setting.wait()
        second = asyncio.create_task(workflow.orchestrate("Work"))
        await asyncio.sleep(0)
        second.cancel()
        go_on.set()
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert results[0] == "Done"
        assert isinstance(results[1], asyncio.CancelledError)

    asyncio.run(main())
    assert book == ["setup a", "teardown a"]


# Event loops


def test_a_loop_that_died_with_its_runs_leaves_the_resources_to_the_next() -> None:
    """Also when what is left of its run is collected while the next one is busy."""
    book: list[str] = []
    abandoned: list[asyncio.Task[Any]] = []

    async def work(run: RunContext, b: str) -> str:
        if run.workflow_id == "dead":
            await asyncio.Event().wait()
        abandoned.clear()
        gc.collect()
        book.append(f"work with {b}")
        return "Work" if run.visit == 1 else "Done"

    workflow = workflow_with(
        {"a": WithMethods("a", book), "b": Manager("b", book)}, work
    )

    loop = asyncio.new_event_loop()
    abandoned.append(loop.create_task(workflow.orchestrate("Work", workflow_id="dead")))
    abandoned[0]._log_destroy_pending = False
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert book == ["setup a", "setup b"]

    asyncio.run(workflow.orchestrate("Work", workflow_id="alive"))
    assert book[2:] == [
        "setup a",
        "setup b",
        "work with what b yields",
        "work with what b yields",
        "teardown b",
        "teardown a",
    ]


def test_a_second_loop_beside_the_first_is_refused() -> None:
    book: list[str] = []
    inner: list[BaseException] = []

    async def work() -> str:
        def beside() -> None:
            try:
                asyncio.run(workflow.orchestrate("Work"))
            except ResourceError as error:
                inner.append(error)

        await asyncio.to_thread(beside)
        return "Done"

    workflow = workflow_with({"a": WithMethods("a", book)}, work)
    run(workflow)

    assert "another event loop" in str(inner[0])
    assert book == ["setup a", "teardown a"]


# What is no resource to be entered


@pytest.mark.parametrize(
    "lock",
    [asyncio.Lock(), asyncio.Semaphore(), asyncio.BoundedSemaphore()],
    ids=lambda lock: type(lock).__name__,
)
def test_a_lock_is_for_the_tasks_to_take(lock: asyncio.Lock) -> None:
    """An async context manager it is, but held for the whole run it would block all."""

    async def work(lock: asyncio.Lock) -> str:
        assert not lock.locked()
        async with lock:
            return "Done"

    assert run(workflow_with({"lock": lock}, work)) == "Done"


def test_unmanaged_resources_are_handed_over_as_they_are() -> None:
    value = object()
    seen: list[object] = []

    async def work(value: object) -> str:
        seen.append(value)
        return "Done"

    run(workflow_with({"value": value}, work))
    assert seen[0] is value


def test_a_context_manager_that_can_be_entered_only_once_says_so() -> None:
    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[str]:
        yield "connection"

    async def task(database: str) -> str:
        assert database == "connection"
        return "Done"

    workflow = Workflow(resources={"database": connect()})
    workflow.register("A", task).add_exit_state("Done")
    assert asyncio.run(workflow.orchestrate("A")) == "Done"
    with pytest.raises(ResourceError, match=r"'database'.*entered only once"):
        asyncio.run(workflow.orchestrate("A"))
