"""Resources that hang while they are set up or torn down."""

import asyncio
import logging
from typing import Any

import pytest

from cano_core import ConfigurationError, ResourceError, Workflow


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
