"""The seam for outside packages: asked once a run, and costing nothing otherwise."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cano_core import (
    MemoryCheckpointStore,
    Retry,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowObserver,
)
from cano_core.extension import hookimpl, manager
from scripted_store import ScriptedStore


class Wrapper:
    """Writes down what it is asked, and what goes through it."""

    def __init__(self, name: str, book: list[str]) -> None:
        self.name = name
        self.book = book

    def wrap_store(self, store: Any) -> Any:
        self.book.append(f"{self.name} wraps store")
        return Delegating(self, store)

    def wrap_task(self, state: str, task: object, call: Any) -> Any:
        self.book.append(f"{self.name} wraps {state}")

        async def wrapped(context: RunContext, *values: Any) -> Any:
            self.book.append(f"{self.name} > {context.label} {context.attempt}")
            try:
                return await call(context, *values)
            finally:
                self.book.append(f"{self.name} < {context.label}")

        return wrapped


class Delegating:
    """A store that passes everything on, its capabilities too."""

    def __init__(self, wrapper: Wrapper, store: Any) -> None:
        self._wrapper = wrapper
        self._store = store

    def __getattr__(self, name: str) -> Any:
        self._wrapper.book.append(f"{self._wrapper.name} {name}")
        return getattr(self._store, name)


class Plugin:
    def __init__(self, wrapper: Wrapper | None, asked: list[Any]) -> None:
        self.wrapper = wrapper
        self.asked = asked

    @hookimpl
    def cano_wrap_run(self, workflow: Workflow, workflow_id: str | None) -> Any:
        self.asked.append((workflow, workflow_id))
        return self.wrapper


class Registered:
    """The plugins of one test; gone after it."""

    def __init__(self) -> None:
        self.book: list[str] = []
        self.asked: list[Any] = []
        self.plugins: list[Plugin] = []

    def plug(self, name: str | None) -> None:
        wrapper = None if name is None else Wrapper(name, self.book)
        self.plugins.append(Plugin(wrapper, self.asked))
        manager.register(self.plugins[-1])


@pytest.fixture
def registered() -> Iterator[Registered]:
    registered = Registered()
    yield registered
    for plugin in registered.plugins:
        manager.unregister(plugin)


class Flow:
    def __init__(self, store: Any = None, config: TaskConfig | None = None) -> None:
        self.failures = 0
        self.workflow = (
            Workflow(checkpoint_store=store)
            .register("Work", self.work, config=config or TaskConfig.minimal())
            .register("More", self.more)
            .add_exit_state("Done")
        )

    async def work(self) -> str:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no")
        return "More"

    async def more(self) -> str:
        return "Done"

    def run(self, workflow_id: str = "r") -> object:
        return asyncio.run(self.workflow.orchestrate("Work", workflow_id=workflow_id))


def test_each_run_is_asked_for_once_before_its_store_is_touched(
    registered: Registered,
) -> None:
    store = ScriptedStore()
    flow = Flow(store)
    registered.plug("w")
    registered.plugins[0].asked = Watching(store)

    for workflow_id in ("one", "two"):
        flow.run(workflow_id)
        asyncio.run(flow.workflow.resume_from(workflow_id))

    assert registered.plugins[0].asked == [
        ((flow.workflow, "one"), 0),
        ((flow.workflow, "one"), 3),
        ((flow.workflow, "two"), 5),
        ((flow.workflow, "two"), 8),
    ]


class Watching(list[Any]):
    """What was asked, with the number of store operations until then."""

    def __init__(self, store: ScriptedStore) -> None:
        super().__init__()
        self.store = store

    def append(self, asked: object) -> None:
        super().append((asked, len(self.store.calls)))


def test_the_store_and_each_task_are_wrapped_once_a_run(registered: Registered) -> None:
    registered.plug("w")
    Flow(MemoryCheckpointStore()).run()

    assert [each for each in registered.book if "wraps" in each] == [
        "w wraps Work",
        "w wraps More",
        "w wraps store",
    ]


def test_a_run_without_a_store_has_only_its_tasks_wrapped(
    registered: Registered,
) -> None:
    registered.plug("w")
    asyncio.run(Flow().workflow.orchestrate("Work"))

    assert "w wraps store" not in registered.book
    assert registered.asked[0][1] is None


def test_the_first_one_registered_is_the_innermost(registered: Registered) -> None:
    registered.plug("inner")
    registered.plug(None)
    registered.plug("outer")
    Flow(MemoryCheckpointStore()).run()

    passing = [
        each for each in registered.book if "Work" in each and "wraps" not in each
    ]
    assert passing == [
        "outer > Work 1",
        "inner > Work 1",
        "inner < Work",
        "outer < Work",
    ]
    appends = [each for each in registered.book if each.endswith(" append")]
    assert appends[:2] == ["outer append", "inner append"]


def test_every_attempt_goes_through_the_wrapper(registered: Registered) -> None:
    registered.plug("w")
    flow = Flow(MemoryCheckpointStore(), TaskConfig(retry=Retry.fixed(2, 0)))
    flow.failures = 2
    flow.run()

    assert [each for each in registered.book if "> Work" in each] == [
        "w > Work 1",
        "w > Work 2",
        "w > Work 3",
    ]


def test_the_time_limit_of_an_attempt_is_around_the_wrapper(
    registered: Registered,
) -> None:
    registered.plug("w")
    wrapper = registered.plugins[0].wrapper

    def wrap_task(state: str, task: object, call: Any) -> Any:
        async def hanging(context: RunContext, *values: Any) -> Any:
            await asyncio.Event().wait()

        return hanging

    wrapper.wrap_task = wrap_task
    config = TaskConfig(retry=Retry.none(), attempt_timeout=0.001)
    with pytest.raises(TaskFailedError, match="TimeoutError"):
        Flow(MemoryCheckpointStore(), config).run()


def test_a_wrapper_gets_the_task_as_it_was_registered(registered: Registered) -> None:
    seen: list[tuple[str, object]] = []
    registered.plug("w")
    wrapper = registered.plugins[0].wrapper
    wrapper.wrap_task = lambda state, task, call: seen.append((state, task)) or call
    flow = Flow(MemoryCheckpointStore())
    flow.run()

    assert seen == [("Work", flow.work), ("More", flow.more)]


def test_capabilities_are_those_of_the_wrapped_store(registered: Registered) -> None:
    registered.plug("w")
    store = ScriptedStore()
    Flow(store).run()

    assert "finish" in store.calls
    assert "clear" not in store.calls


def test_looking_at_a_run_is_no_run(registered: Registered) -> None:
    registered.plug("w")
    asyncio.run(Flow(MemoryCheckpointStore()).workflow.status("r"))

    assert registered.asked == []


def test_a_run_that_was_refused_was_not_asked_for(registered: Registered) -> None:
    registered.plug("w")
    flow = Flow(MemoryCheckpointStore())
    with pytest.raises(Exception, match="control"):
        flow.run("bad\nid")

    assert registered.asked == []


def test_one_wrapped_run_leaves_the_next_as_it_was(registered: Registered) -> None:
    flow = Flow(MemoryCheckpointStore())
    registered.plug("w")
    flow.run("one")
    manager.unregister(registered.plugins.pop())
    registered.book.clear()
    flow.run("two")

    assert registered.book == []


@pytest.mark.parametrize("own", [True, False])
def test_an_observer_of_a_wrapper_is_told_after_the_workflows_own(
    registered: Registered, own: bool
) -> None:
    told: list[str] = []

    class Named(WorkflowObserver):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_state_enter(self, workflow_id: str | None, state: str) -> None:
            told.append(f"{self.name} {state}")

    async def work() -> str:
        return "Done"

    registered.plug("w")
    registered.plugins[0].wrapper.observer = Named("wrapper's")
    workflow = Workflow(observers=[Named("own")] if own else [])
    workflow.register("Work", work).add_exit_state("Done")
    asyncio.run(workflow.orchestrate("Work"))

    states = ["Work", "Done"]
    names = ["own", "wrapper's"] if own else ["wrapper's"]
    assert told == [f"{name} {state}" for state in states for name in names]
