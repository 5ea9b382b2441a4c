"""Whatever is wrong with what the engine is given: one clear error, and no log changed.

Every case is tried with a store that holds an interrupted run, a finished one and one
of a foreign version; afterwards the store holds exactly that. What is about runs that
exist is tried on disk as well.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, cast

import pytest

from cano_core import (
    CheckpointRow,
    ConfigurationError,
    CorruptLogError,
    JoinStrategy,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    RowKind,
    RunContext,
    RunExistsError,
    RunNotFoundError,
    SQLiteCheckpointStore,
    TaskConfig,
    VersionMismatchError,
    Workflow,
    WorkflowObserver,
)


@dataclass
class Order:
    items: list[str] = field(default_factory=list)


class Colour(Enum):
    Work = 1


class Watcher(WorkflowObserver):
    pass


async def work() -> str:
    raise AssertionError("no task may run")


async def needs_a_tool(tool: object) -> str:
    raise AssertionError("no task may run")


class Unwritable:
    pass


def a(store: Any, **options: Any) -> Workflow:
    """A workflow that is all right."""
    return (
        Workflow(checkpoint_store=store, **options)
        .register("Work", work, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )


def unread(store: Any) -> Workflow:
    """One whose task reads data that the workflow does not carry."""

    async def reads(run: RunContext) -> str:
        return str(run.data)

    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    return workflow.register("Work", reads, config=TaskConfig.minimal())


Attempt = Callable[[Any], object]


@dataclass(frozen=True)
class Case:
    """Something wrong, the error that it is, and what the message must name."""

    attempt: Attempt
    error: type[Exception]
    named: tuple[str, ...]


def started(**options: Any) -> Attempt:
    made = options.pop("made", {})
    start = options.pop("start", "Work")
    options.setdefault("workflow_id", "new")
    return lambda store: a(store, **made).orchestrate(start, **options)


def resumed(workflow_id: Any = "interrupted", **made: Any) -> Attempt:
    return lambda store: a(store, **made).resume_from(workflow_id)


def started_or_resumed(**options: Any) -> Attempt:
    made = options.pop("made", {})
    options.setdefault("workflow_id", "new")
    return lambda store: a(store, **made).start_or_resume("Work", **options)


CONFIGURATION = {
    # The definition
    "a parameter that nothing fills": Case(
        lambda store: (
            Workflow(checkpoint_store=store, resources={"tools": 1})
            .register("Work", needs_a_tool)
            .add_exit_state("Done")
            .orchestrate("Work", workflow_id="new")
        ),
        ConfigurationError,
        ("'Work'", "'needs_a_tool'", "'tool'", "tools"),
    ),
    "a duplicate label": Case(
        lambda store: a(store).register(Colour.Work, work),
        ConfigurationError,
        ("'Work'", "Colour.Work", "same label"),
    ),
    "a state registered twice": Case(
        lambda store: a(store).register("Work", work),
        ConfigurationError,
        ("'Work'", "already"),
    ),
    "an empty label": Case(
        lambda store: a(store).register("", work),
        ConfigurationError,
        ("label is empty",),
    ),
    "a label that is too long": Case(
        lambda store: a(store).register("x" * 256, work),
        ConfigurationError,
        ("256 characters", "255"),
    ),
    "a label with control characters": Case(
        lambda store: a(store).add_exit_state("Do\x00ne"),
        ConfigurationError,
        ("Do\\x00ne", "control"),
    ),
    "a state that is none": Case(
        lambda store: a(store).register(3, work), ConfigurationError, ("3 is no state",)
    ),
    "no exit state": Case(
        lambda store: (
            Workflow(checkpoint_store=store)
            .register("Work", work)
            .orchestrate("Work", workflow_id="new")
        ),
        ConfigurationError,
        ("no exit state", "add_exit_state"),
    ),
    "a task that is none": Case(
        lambda store: a(store).register("More", "work"),
        ConfigurationError,
        ("'work' is no task",),
    ),
    "a config that is none": Case(
        lambda store: a(store).register("More", work, config={"retry": 3}),
        ConfigurationError,
        ("'work'", "'retry'", "not a TaskConfig"),
    ),
    "a store that is none": Case(
        lambda store: a("orders.db"), ConfigurationError, ("'orders.db'", "append")
    ),
    "the class of a store": Case(
        lambda store: a(MemoryCheckpointStore),
        ConfigurationError,
        ("MemoryCheckpointStore(...)",),
    ),
    "one observer instead of a list": Case(
        lambda store: a(store, observers=Watcher()),
        ConfigurationError,
        ("Watcher", "list"),
    ),
    "the class of an observer": Case(
        lambda store: a(store, observers=[Watcher]), ConfigurationError, ("Watcher()",)
    ),
    "an observer without hooks": Case(
        lambda store: a(store, observers=[3]), ConfigurationError, ("observer 3",)
    ),
    "a version that is no number": Case(
        lambda store: a(store, version="2"), ConfigurationError, ("'2'",)
    ),
    "a negative version": Case(
        lambda store: a(store, version=-1), ConfigurationError, ("-1",)
    ),
    "an accepted version that is none": Case(
        lambda store: a(store, accepts_versions=["1"]), ConfigurationError, ("'1'",)
    ),
    "accepted versions that are none": Case(
        lambda store: a(store, accepts_versions=1),
        ConfigurationError,
        ("accepts_versions=1",),
    ),
    "a store timeout that is no time": Case(
        lambda store: a(store, store_timeout=0),
        ConfigurationError,
        ("store_timeout=0",),
    ),
    "a data type that nobody can write": Case(
        lambda store: a(store, data=Unwritable),
        ConfigurationError,
        ("Unwritable", "can't be"),
    ),
    # The call
    "a start state without handler": Case(
        started(start="Nowhere"), ConfigurationError, ("'Nowhere'", "Work, Done")
    ),
    "a start state that is none": Case(
        started(start=3), ConfigurationError, ("3", "Work, Done")
    ),
    "a store without workflow id": Case(
        started(workflow_id=None), ConfigurationError, ("workflow_id=...",)
    ),
    "data that is missing": Case(
        started(made={"data": Order}), ConfigurationError, ("data=Order(...)",)
    ),
    "data that can not be written": Case(
        started(made={"data": Order}, data=Order([object()])),
        ConfigurationError,
        ("can't be stored", "object"),
    ),
    "data that can not be read": Case(
        started(made={"data": Order}, data=Order([3])),
        ConfigurationError,
        ("can't be stored", "Expected `str`"),
    ),
    "data of another type": Case(
        started_or_resumed(made={"data": Order}, data=["list"]),
        ConfigurationError,
        ("['list']", "Order"),
    ),
    "data for a workflow without": Case(
        started(data=Order()), ConfigurationError, ("Order", "Workflow(data=YourType)")
    ),
    "resuming without a store": Case(
        lambda store: a(None).resume_from("interrupted"),
        ConfigurationError,
        ("resume_from", "checkpoint_store"),
    ),
    "starting or resuming without a store": Case(
        lambda store: a(None).start_or_resume("Work", workflow_id="interrupted"),
        ConfigurationError,
        ("start_or_resume", "checkpoint_store"),
    ),
}

RUNS = {
    "an unknown run": Case(
        resumed("unknown"), RunNotFoundError, ("'unknown'", "StoreStandIn")
    ),
    "a run of a foreign version": Case(
        resumed("foreign"), VersionMismatchError, ("'foreign'", "row 0", "99")
    ),
    "a run of a foreign version, started": Case(
        started_or_resumed(workflow_id="foreign"), VersionMismatchError, ("'foreign'",)
    ),
    "the id of an interrupted run": Case(
        started(workflow_id="interrupted"),
        RunExistsError,
        ("resume_from('interrupted')", "start_or_resume", "clear()"),
    ),
    "the id of a finished run": Case(
        started(workflow_id="finished"), RunExistsError, ("'finished'",)
    ),
    "a run in an unknown state": Case(
        lambda store: (
            Workflow(checkpoint_store=store)
            .register("Other", work)
            .add_exit_state("Done")
            .resume_from("interrupted")
        ),
        CorruptLogError,
        ("'interrupted'", "row 0", "'Work'"),
    ),
    "a run whose data can not be read": Case(
        resumed("interrupted", data=Order),
        CorruptLogError,
        ("'interrupted'", "row 0", "Order"),
    ),
    "a finished run whose exit state is gone": Case(
        lambda store: (
            Workflow(checkpoint_store=store)
            .register("Work", work)
            .add_exit_state("Other")
            .resume_from("finished")
        ),
        ConfigurationError,
        ("'finished'", "'Done'"),
    ),
}

IDS: dict[str, Any] = {
    "empty": "",
    "of 10,000 characters": "x" * 10_000,
    "with a line break": "order\n1",
    "with a null character": "order\x00",
    "with an escape": "\x1b[31m",
    "with half a surrogate pair": "order\ud800",
    "with a hidden direction": "order\u202e1",
    "that is a number": 42,
    "that is bytes": b"order",
}
NAMES_OF_IDS = {
    f"{call} an id {name}": Case(
        lambda store, call=call, value=value: call_with(a(store), call, value),
        ConfigurationError,
        ("workflow id",),
    )
    for name, value in IDS.items()
    for call in ("orchestrate", "start_or_resume", "resume_from", "status", "outcome")
}


def call_with(workflow: Workflow, call: str, workflow_id: Any) -> object:
    if call in ("orchestrate", "start_or_resume"):
        return getattr(workflow, call)("Work", workflow_id=workflow_id)
    return getattr(workflow, call)(workflow_id)


CASES = CONFIGURATION | RUNS | NAMES_OF_IDS

SEEDS = {
    "interrupted": [CheckpointRow(0, "Work", "work", RowKind.STATE_ENTRY, b"\xc1")],
    "foreign": [CheckpointRow(0, "Work", "work", RowKind.STATE_ENTRY, None, 99)],
    "finished": [CheckpointRow(0, "Done", "", RowKind.STATE_ENTRY)],
}
ENDED = Outcome(OutcomeStatus.FINISHED, "Done")


class StoreStandIn:
    """Passes everything on, so that both kinds of store have one name in messages."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "memory":
        yield StoreStandIn(MemoryCheckpointStore())
    else:
        with SQLiteCheckpointStore(tmp_path / "cano.db") as sqlite:
            yield StoreStandIn(sqlite)


async def seed(store: Any) -> None:
    for workflow_id, rows in SEEDS.items():
        if workflow_id == "finished":
            await store.append(workflow_id, *rows)
            await store.finish(workflow_id, [], ENDED)
        else:
            await store.append(workflow_id, *rows)


async def content(store: Any) -> dict[str, Any]:
    return {
        workflow_id: (
            list(await store.load_run(workflow_id)),
            await store.outcome(workflow_id),
        )
        for workflow_id in await store.list_runs()
    }


@pytest.mark.parametrize(
    ("store", "name"),
    [*(("memory", name) for name in CASES), *(("sqlite", name) for name in RUNS)],
    indirect=["store"],
)
def test_it_is_a_clear_error_and_changes_no_log(name: str, store: Any) -> None:
    case = CASES[name]

    async def tried() -> None:
        result = case.attempt(store)
        if isinstance(result, Awaitable):
            await result

    async def main() -> None:
        await seed(store)
        before = await content(store)
        with pytest.raises(case.error) as caught:
            await tried()
        assert type(caught.value) is case.error
        for word in case.named:
            assert word in str(caught.value)
        assert len(str(caught.value)) < 1_000
        assert await content(store) == before

    asyncio.run(main())


@pytest.mark.parametrize("store", ["memory"], indirect=True)
def test_reading_data_that_is_not_there_stops_the_run_where_it_was(store: Any) -> None:
    """What only a running task can get wrong leaves the run where it was."""

    async def main() -> None:
        workflow = unread(store)
        with pytest.raises(ConfigurationError, match="carries no data"):
            await workflow.orchestrate("Work", workflow_id="new")
        assert [row.state for row in await store.load_run("new")] == ["Work"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Workflow(resources=cast(Any, 5)), "resources=5 is no mapping"),
        (lambda: Workflow(resources=cast(Any, {1: 2})), "1 is no name"),
        (lambda: Workflow(observers=cast(Any, 5)), "observers=5 is no list"),
        (lambda: JoinStrategy("foo"), "use JoinStrategy.ALL"),
        (lambda: JoinStrategy("quorum", -1), "use JoinStrategy.ALL"),
        (lambda: JoinStrategy("all", 2), "use JoinStrategy.ALL"),
    ],
    ids=["resources", "name", "observers", "strategy", "number", "no number"],
)
def test_what_is_of_the_wrong_kind_is_refused_at_once(make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        make()
