"""Resources that hang while they are set up or torn down."""

import asyncio
import logging
from typing import Any

import pytest

from cano_core import (
    Cancellation,
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    ResourceError,
    RolledBackError,
    RunCancelledError,
    RunPhase,
    Workflow,
    WorkflowTimeoutError,
)
from saga_rows import completion, rollback
from small_flow import row


class Resource:
    """Writes down its life, and hangs where it is told to."""

    def __init__(self, name: str, book: list[str], hangs_in: str = "") -> None:
        self.name = name
        self.book = book
        self.hangs_in = hangs_in
        self.hangs = asyncio.Event()

    async def setup(self) -> None:
        await self.pass_through("setup")

    async def teardown(self) -> None:
        await self.pass_through("teardown")

    async def pass_through(self, event: str) -> None:
        self.book.append(f"{event} {self.name}")
        if event == self.hangs_in:
            self.hangs.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.book.append(f"{self.name} gives up")


def workflow_with(resources: dict[str, Any], **options: Any) -> Workflow:
    workflow = Workflow(resources=resources, **options)
    return workflow.register("Work", lambda: "Done").add_exit_state("Done")


def run(workflow: Workflow) -> object:
    return asyncio.run(workflow.orchestrate("Work"))


def test_h53_a_setup_that_hangs_is_given_up_and_unwound() -> None:
    """H53 of cano: there a set-up that hangs, hangs for ever."""
    book: list[str] = []
    workflow = workflow_with(
        {"a": Resource("a", book), "b": Resource("b", book, "setup")},
        resource_timeout=0.01,
    )
    with pytest.raises(
        ResourceError, match=r"resource 'b' \(Resource\).*no end within 0\.01 seconds"
    ) as caught:
        run(workflow)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert book == ["setup a", "setup b", "b gives up", "teardown a"]


def test_h53_a_teardown_that_hangs_keeps_no_other_from_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book: list[str] = []
    workflow = workflow_with(
        {"a": Resource("a", book), "b": Resource("b", book, "teardown")},
        resource_timeout=0.01,
    )
    with caplog.at_level(logging.ERROR, "cano_core"):
        assert run(workflow) == "Done"
    assert book == ["setup a", "setup b", "teardown b", "b gives up", "teardown a"]
    assert "resource 'b' could not be torn down" in caplog.text
    assert "no end within 0.01 seconds" in caplog.text


def test_the_timeout_of_a_resource_is_its_own() -> None:
    """What it raises by itself in time is not called a lack of time."""

    class Pool:
        async def setup(self) -> None:
            raise TimeoutError("the pool's own")

    with pytest.raises(ResourceError, match="the pool's own"):
        run(workflow_with({"pool": Pool()}, resource_timeout=5))


def test_h53_a_run_can_be_cancelled_in_its_setup() -> None:
    book: list[str] = []
    hanging = Resource("b", book, "setup")
    workflow = workflow_with({"a": Resource("a", book), "b": hanging})

    async def main() -> None:
        running = asyncio.create_task(workflow.orchestrate("Work"))
        await hanging.hangs.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert book == ["setup a", "setup b", "b gives up", "teardown a"]


@pytest.mark.parametrize("timeout", [0, -1, "1"])
def test_a_resource_timeout_that_makes_no_sense_is_refused(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="resource_timeout"):
        Workflow(resource_timeout=timeout)


def test_a_cancellation_is_noticed_while_resources_are_set_up() -> None:
    """Nothing is undone without its resources; the run stays as it is."""
    book: list[str] = []
    hanging, watcher = Resource("b", book, "setup"), RecordingObserver()
    store = MemoryCheckpointStore()
    workflow = workflow_with(
        {"a": Resource("a", book), "b": hanging},
        checkpoint_store=store,
        observers=[watcher],
    )
    workflow.register_with_compensation(
        "Before", lambda: ("Work", 1), compensate=lambda output: book.append("undone")
    )
    cancel = Cancellation()

    async def main() -> None:
        await store.append("r", row(0, "Before"), completion(1, "Before", "Work", 1))
        running = asyncio.create_task(workflow.resume_from("r", cancel=cancel))
        await hanging.hangs.wait()
        cancel.cancel(rollback=True)
        with pytest.raises(RunCancelledError) as caught:
            await running
        assert not caught.value.rolled_back
        assert (await workflow.status("r")).phase is RunPhase.INTERRUPTED

    asyncio.run(main())
    assert book == ["setup a", "setup b", "b gives up", "teardown a"]
    assert watcher.of("on_cancelled") == [("r", "Work")]
    assert watcher.of("on_run_end") == [("r", None)]


def test_the_time_of_a_run_is_noticed_while_resources_are_set_up() -> None:
    book: list[str] = []
    workflow = workflow_with({"a": Resource("a", book, "setup")}, total_timeout=0.01)
    with pytest.raises(WorkflowTimeoutError):
        run(workflow)
    assert book == ["setup a", "a gives up"]


def test_a_resumed_rollback_is_not_stopped_in_its_set_up() -> None:
    """What is begun is done, whatever is asked meanwhile."""
    book: list[str] = []
    store = MemoryCheckpointStore()
    workflow = workflow_with({"a": Resource("a", book)}, checkpoint_store=store)
    workflow.register_with_compensation(
        "Before", lambda: ("Work", 1), compensate=lambda output: book.append("undone")
    )
    rows = row(0, "Before"), completion(1, "Before", "Work", 1), row(2, "Work")
    asyncio.run(store.append("r", *rows, rollback(3, "Work")))
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(RolledBackError):
        asyncio.run(workflow.resume_from("r", cancel=cancel))
    assert book == ["setup a", "undone", "teardown a"]
