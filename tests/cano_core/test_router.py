"""States that only choose the next one, and leave no row."""

import asyncio
import threading
from typing import Any, Literal

import pytest

from cano_core import (
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    RetryExhaustedError,
    RunContext,
    RunPhase,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from sagas import ONCE, Journal, resume, saga, start, written
from scripted_store import ScriptedStore, raising
from small_flow import RESUME, row


def routed(journal: Journal, store: Any = None, **options: Any) -> Workflow:
    """A > R > C > S > T > D > Done; R, S and T are routers."""
    options.setdefault("states", "ARCSTD")
    return saga(journal, store, plain="ACD", routers="RST", **options)


def choosing(route: Any, store: Any = None, **options: Any) -> Workflow:
    """One router, and Done."""
    config = options.pop("config", ONCE)
    workflow = Workflow(checkpoint_store=store, **options).add_exit_state("Done")
    return workflow.register_router("R", route, config=config)


# Rows


def test_u09_a_router_is_entered_and_leaves_no_row() -> None:
    store, watcher = ScriptedStore(before=raising(OSError(), "finish")), None
    watcher = RecordingObserver()
    journal = Journal()
    with pytest.raises(Exception, match="finish"):
        start(routed(journal, store, observers=[watcher]))

    assert watcher.path == ["A", "R", "C", "S", "T", "D", "Done"]
    assert written(store) == ["A", "C", "D"]
    assert [each.sequence for each in asyncio.run(store.load_run("r"))] == [0, 1, 2]
    assert [number for _, number in watcher.of("on_checkpoint")] == [0, 1, 2]


def test_u10_a_resume_goes_on_with_the_state_that_has_a_row() -> None:
    store, journal = MemoryCheckpointStore(), Journal()
    asyncio.run(store.append("r", row(0, "A"), row(1, "C")))
    assert resume(routed(journal, store)) == "Done"
    assert journal.did == ["C", "S", "T", "D"]


@pytest.mark.parametrize("router", "RST")
def test_a_crash_in_a_router_runs_the_state_before_it_again(router: str) -> None:
    store = MemoryCheckpointStore()
    journal = Journal(**{router: [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        start(routed(journal, store))
    before = {"R": "A", "S": "C", "T": "C"}[router]
    assert written(store)[-1] == before
    journal.did.clear()
    assert resume(routed(journal, store)) == "Done"
    assert journal.did == [*"ARCSTD"["ARCSTD".index(before) :]]


@pytest.mark.parametrize("crash_in", ["R", "S"])
def test_h14_a_run_that_begins_with_routers_can_be_resumed(crash_in: str) -> None:
    """The start state leaves row 0, whatever it is."""
    store = MemoryCheckpointStore()
    journal = Journal(**{crash_in: [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        start(routed(journal, store, states="RSCD"), "R")

    assert written(store) == ["R"]
    workflow = routed(journal, store, states="RSCD")
    status = asyncio.run(workflow.status("r"))
    assert (status.phase, status.state) == (RunPhase.INTERRUPTED, "R")
    journal.did.clear()
    assert resume(workflow) == "Done"
    assert journal.did == ["R", "S", "C", "D"]
    assert written(store) == []


def test_a_start_router_that_is_come_back_to_leaves_no_second_row() -> None:
    store = MemoryCheckpointStore()
    visits: list[int] = []

    def route(run: RunContext) -> str:
        visits.append(run.visit)
        return "A" if run.visit < 3 else "Stop"

    workflow = choosing(route, store)
    workflow.register("A", lambda: "R").register("Stop", crash)
    with pytest.raises(KeyboardInterrupt):
        start(workflow, "R")
    assert visits == [1, 2, 3]
    assert written(store) == ["R", "A", "A", "Stop"]


async def crash() -> str:
    raise KeyboardInterrupt


def test_a_router_after_a_compensatable_state_finds_its_work_recorded() -> None:
    store = MemoryCheckpointStore()
    journal = Journal(R=[KeyboardInterrupt()])
    workflow = saga(journal, store, states="ARC", routers="R")
    with pytest.raises(KeyboardInterrupt):
        start(workflow)
    assert written(store) == ["A", "A done"]
    assert resume(workflow) == "Done"
    assert journal.did == ["A", "R", "R", "C"]


def test_a_router_that_fails_has_what_was_done_undone() -> None:
    store = MemoryCheckpointStore()
    journal = Journal(R=[ValueError("no")])
    with pytest.raises(TaskFailedError) as caught:
        start(saga(journal, store, states="ARC", routers="R"))
    assert (caught.value.state, caught.value.path) == ("R", ("A", "R"))
    assert journal.did == ["A", "R", "undo A1"]
    assert written(store) == []


def test_a_plain_state_that_routes_has_rows_like_any_other() -> None:
    store = MemoryCheckpointStore()
    journal = Journal(R=[KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        start(saga(journal, store, states="ARC", plain="ARC"))
    assert written(store) == ["A", "R"]


def test_a_router_of_the_log_may_be_registered_otherwise_by_now() -> None:
    """The row says which state it was, not what it was registered as."""
    store = MemoryCheckpointStore()
    asyncio.run(store.append("r", row(0, "R"), row(1, "R", RESUME)))
    journal = Journal()
    assert resume(saga(journal, store, states="RC", plain="RC")) == "Done"
    assert journal.did == ["R", "C"]


# What can be a router


def test_a_sync_router_runs_in_a_thread() -> None:
    threads = []

    def route(limit: int, run: RunContext) -> Literal["Done"]:
        threads.append(threading.current_thread())
        assert (limit, run.label, run.attempt) == (3, "R", 1)
        return "Done"

    workflow = choosing(route, resources={"limit": 3})
    assert start(workflow, "R") == "Done"
    assert threads[0] is not threading.main_thread()
    assert workflow.graph.transitions == {"R": {"Done"}}
    assert workflow.graph.kinds == {"R": "router"}


class ByObject:
    name = "by object"

    async def route(self) -> Literal["Done"]:
        return "Done"


def test_an_object_may_have_a_route_method() -> None:
    watcher = RecordingObserver()
    assert start(choosing(ByObject(), observers=[watcher]), "R") == "Done"
    assert watcher.of("on_task_start") == [("r", "by object")]


def test_a_router_is_tried_again_like_any_task() -> None:
    journal = Journal(R=[OSError("busy")] * 3)
    config = TaskConfig(retry=Retry.fixed(2, 0))
    with pytest.raises(RetryExhaustedError):
        start(routed(journal, config=config))
    assert journal.did == ["A", "R", "R", "R"]


def test_a_router_may_change_the_data_for_what_follows() -> None:
    seen = []

    async def route(run: RunContext) -> str:
        run.data.append("routed")
        return "A"

    async def task(run: RunContext) -> str:
        seen.extend(run.data)
        return "Done"

    store = MemoryCheckpointStore()
    workflow = choosing(route, store, data=list[str]).register("A", task)
    start(workflow, "R", data=[])
    assert seen == ["routed"]


@pytest.mark.parametrize("result", ["Nowhere", None, 3, ["Done"], ("Done", 1)])
@pytest.mark.parametrize("durable", [False, True])
def test_anything_but_a_state_is_a_clear_error(result: object, durable: bool) -> None:
    store = MemoryCheckpointStore() if durable else None
    with pytest.raises(ConfigurationError) as caught:
        start(choosing(lambda: result, store), "R")
    text = str(caught.value)
    for part in ("run 'r'", "state 'R'", "no state of this workflow (Done, R)"):
        assert part in text or part.replace("Done, R", "R, Done") in text
    if store is not None:
        assert written(store) == ["R"]


def test_what_it_does_not_declare_it_must_not_return() -> None:
    async def route() -> Literal["Done"]:
        return "R"  # type: ignore[return-value]

    with pytest.raises(ConfigurationError, match="declares only Done"):
        start(choosing(route), "R")


@pytest.mark.parametrize("router", [3, None, object(), ByObject])
def test_what_is_no_router_is_refused_at_once(router: object) -> None:
    with pytest.raises(ConfigurationError):
        Workflow().register_router("R", router)


# What a router can't have


@pytest.mark.parametrize("swallowed", [False, True])
def test_a_call_that_is_to_be_recorded_is_refused(swallowed: bool) -> None:
    """There is no row it could belong to; and the run must not go on without."""
    store, calls = MemoryCheckpointStore(), []

    async def route(run: RunContext) -> str:
        try:
            await run.once("call", calls.append, 1)
        except ConfigurationError:
            if not swallowed:
                raise
        return "Done"

    workflow = choosing(route, store).register("A", lambda: "R")
    with pytest.raises(ConfigurationError, match="a router leaves no row") as caught:
        start(workflow)
    assert "register it with register()" in str(caught.value)
    assert calls == []
    assert written(store) == ["A"]


def test_there_is_no_idempotency_key() -> None:
    async def route(run: RunContext) -> str:
        return run.idempotency_key

    workflow = choosing(route, MemoryCheckpointStore()).register("A", lambda: "R")
    no_row = "is a router, whose visits leave no row"
    with pytest.raises(ConfigurationError, match=no_row):
        start(workflow)


def test_where_it_is_the_start_state_it_has_both() -> None:
    keys: list[str] = []

    async def route(run: RunContext) -> str:
        keys.append(await run.once("call", str, run.idempotency_key))
        if len(keys) == 1:
            raise KeyboardInterrupt
        return "Done"

    store = MemoryCheckpointStore()
    workflow = choosing(route, store)
    with pytest.raises(KeyboardInterrupt):
        start(workflow, "R")
    assert resume(workflow) == "Done"
    assert keys == ["r/R/1", "r/R/1"]


def test_a_failed_router_says_where_a_resume_goes_on() -> None:
    async def begin() -> str:
        return "Choose"

    def choose() -> str:
        raise OSError("no idea")

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    workflow.register("Begin", begin)
    workflow.register_router("Choose", choose, config=TaskConfig.minimal())
    workflow.add_exit_state("Done")
    with pytest.raises(TaskFailedError, match="goes on from the state before this"):
        asyncio.run(workflow.orchestrate("Begin", workflow_id="r"))
