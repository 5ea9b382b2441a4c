"""A store bound to a life: attributes pass, the dead do nothing but close."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStore,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    RunConflictError,
    SQLiteCheckpointStore,
)
from cano_core.checkpoints.store import remembers_outcomes
from programs import ForgetfulStore, RememberingStore
from pytest_cano.bound_store import bound_store, unbound
from pytest_cano.life import Life, SimulatedCrash
from pytest_cano.schedule import Fault
from pytest_cano.script import Planned
from pytest_cano.view import WorldView
from pytest_cano.world import World
from stories import row, rows

LOG = rows("Start", "Done")
DONE = Outcome(OutcomeStatus.FINISHED, "Done")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def life(world: World) -> Life:
    return world.new_life()


def die(life: Life) -> None:
    point = life.frame(1, "Process", 1).point("end")
    life.script = Planned(Fault(point))
    with pytest.raises(SimulatedCrash):
        life.reached(point)


def test_a_bound_store_is_a_store(life):
    assert isinstance(bound_store(ForgetfulStore(), life), CheckpointStore)


@pytest.mark.parametrize("store", [ForgetfulStore(), RememberingStore()])
def test_capabilities_are_those_of_the_store(life, store):
    assert remembers_outcomes(bound_store(store, life)) == remembers_outcomes(store)


def test_attributes_are_those_of_the_store(life):
    inner: Any = ForgetfulStore()
    inner.name = "mine"
    store: Any = bound_store(inner, life)

    assert store.name == "mine"
    assert store.logs is inner.logs
    assert repr(store) == repr(inner)
    with pytest.raises(AttributeError):
        _ = store.unknown


def test_it_is_unbound_only_in_its_own_life(world, life):
    inner = ForgetfulStore()
    store = bound_store(inner, life)

    assert unbound(store, life) is inner
    assert unbound(store, world.new_life()) is store
    assert unbound(inner, life) is inner


@pytest.mark.asyncio
async def test_what_a_program_does_directly_is_known(world, life):
    store: Any = bound_store(RememberingStore(), life)
    log = world.book.log("r", world.book.place(store._inner))

    await store.append("r", *LOG[:1])
    assert log.rows == list(LOG[:1])
    with pytest.raises(RunConflictError):
        await store.append("r", *LOG[:1])
    await store.finish("r", LOG[1:], DONE)
    assert await store.outcome("r") == DONE
    assert log.exit == "Done"
    await store.clear("r")

    assert log.forgotten
    assert await store.load_run("r") == []
    assert log.loads == []


OPERATIONS = {
    "append": lambda store: store.append("r", row(0, "Start")),
    "load_run": lambda store: store.load_run("r"),
    "clear": lambda store: store.clear("r"),
    "finish": lambda store: store.finish("r", LOG, DONE),
    "outcome": lambda store: store.outcome("r"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.asyncio
async def test_every_operation_of_the_dead_is_refused(life, operation):
    inner = MemoryCheckpointStore()
    store: Any = bound_store(inner, life)
    die(life)

    with pytest.raises(SimulatedCrash):
        await OPERATIONS[operation](store)
    assert await inner.list_runs() == []
    assert len(life.notes) == 1
    assert life.notes[0].startswith(operation)


def test_further_methods_of_the_dead_are_refused(life):
    store: Any = bound_store(MemoryCheckpointStore(), life)
    die(life)

    with pytest.raises(SimulatedCrash):
        store.list_runs()


def test_the_dead_may_close(life, tmp_path):
    inner = SQLiteCheckpointStore(tmp_path / "x.db")
    store: Any = bound_store(inner, life)
    asyncio.run(store.append("r", row(0, "Start")))
    die(life)

    with store:
        pass
    store.close()
    assert life.notes == []


@pytest.mark.asyncio
async def test_async_closing(life, tmp_path):
    store: Any = bound_store(SQLiteCheckpointStore(tmp_path / "x.db"), life)

    async with store as entered:
        assert entered is store
        await entered.append("r", row(0, "Start"))


class Waiting(RememberingStore):
    """Keeps every caller waiting until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()

    async def pause(self) -> None:
        self.entered.set()
        await self.go_on.wait()

    async def append(self, workflow_id: str, *rows: Any) -> None:
        await self.pause()
        await super().append(workflow_id, *rows)

    async def load_run(self, workflow_id: str) -> Any:
        await self.pause()
        return await super().load_run(workflow_id)

    async def clear(self, workflow_id: str) -> None:
        await self.pause()
        await super().clear(workflow_id)

    async def outcome(self, workflow_id: str) -> Any:
        await self.pause()
        return await super().outcome(workflow_id)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.asyncio
async def test_what_was_under_way_at_death_happens_and_tells_nobody(
    world, life, operation
):
    inner = Waiting()
    inner.logs["r"] = [] if operation in {"append", "finish"} else list(LOG)
    log = world.book.log("r", world.book.place(inner))
    log.appended(inner.logs["r"])
    store = bound_store(inner, life)
    under_way = asyncio.ensure_future(OPERATIONS[operation](store))
    await inner.entered.wait()
    die(life)
    inner.go_on.set()

    with pytest.raises(SimulatedCrash):
        await under_way
    assert inner.logs.get("r", []) == log.rows
    assert inner.outcomes.get("r") == log.outcome
    assert life.notes == []


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.asyncio
async def test_what_was_cancelled_is_in_doubt(world, life, durable):
    inner = Waiting()
    store = bound_store(inner, life)
    appending = asyncio.ensure_future(store.append("r", *LOG[:1]))
    await inner.entered.wait()
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    if durable:
        inner.logs["r"] = list(LOG[:1])
    inner.go_on.set()

    await store.load_run("r")

    assert world.book.log("r", world.book.place(inner)).loads == []


# What a program is given


def test_a_view_opens_its_store_once_and_closes_it(life, tmp_path):
    opened: list[SQLiteCheckpointStore] = []

    def open_store() -> SQLiteCheckpointStore:
        opened.append(SQLiteCheckpointStore(tmp_path / "x.db"))
        return opened[-1]

    view = WorldView(life, open_store)
    assert opened == []
    assert view.store is view.store
    asyncio.run(view.store.append("r", row(0, "Start")))
    view.close()
    view.close()

    assert len(opened) == 1
    assert (tmp_path / "x.db").exists()
    assert not (tmp_path / "x.db-wal").exists()


class ClosingStore(ForgetfulStore):
    closed = 0

    def close(self) -> None:
        self.closed += 1


class AsyncClosingStore(ForgetfulStore):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("kind", [ClosingStore, AsyncClosingStore])
def test_a_view_closes_either_way(life, kind):
    store = kind()
    view = WorldView(life, lambda: store)
    _ = view.store
    view.close()

    assert store.closed == 1


def test_a_view_does_not_close_what_the_world_keeps(world, life):
    view = WorldView(life, lambda: world.keep("store", ClosingStore))
    _ = view.store
    view.close()

    assert world.keep("store", ClosingStore).closed == 0


class PruningStore(RememberingStore):
    async def prune(self, older_than: datetime) -> int:
        forgotten = len(self.outcomes)
        self.outcomes.clear()
        return forgotten


def test_what_a_store_was_to_forget_is_not_lost(world, life):
    inner, other = PruningStore(), RememberingStore()
    store: Any = bound_store(inner, life)
    elsewhere: Any = bound_store(other, life)

    async def live() -> int:
        for each in (store, elsewhere):
            await each.finish("r", LOG, DONE)
        forgotten: int = await store.prune(datetime.now(UTC))
        other.outcomes.clear()
        for each in (store, elsewhere):
            await each.outcome("r")
        return forgotten

    assert asyncio.run(live()) == 1
    places = [world.book.place(each) for each in (inner, other)]
    assert [len(world.book.log("r", place).loads) for place in places] == [0, 1]


def test_a_store_can_be_asked_to_prune_only_if_it_can(life):
    assert not hasattr(bound_store(RememberingStore(), life), "prune")
    store: Any = bound_store(PruningStore(), life)
    die(life)

    with pytest.raises(SimulatedCrash):
        asyncio.run(store.prune(datetime.now(UTC)))


class TailStore(ForgetfulStore):
    """One that reads the end of a log faster, and may lose something on the way."""

    loses = 0

    async def load_tail(self, workflow_id: str) -> list[CheckpointRow]:
        found = await self.load_run(workflow_id)
        return found[: len(found) - self.loses]


def test_a_tail_is_there_where_the_store_has_it(life):
    assert callable(getattr(bound_store(TailStore(), life), "load_tail", None))
    assert not hasattr(bound_store(ForgetfulStore(), life), "load_tail")


@pytest.mark.parametrize("loses", [0, 1])
def test_a_tail_is_compared_with_what_was_written(world, life, loses):
    inner = TailStore()
    store: Any = bound_store(inner, life)
    asyncio.run(store.append("r", *LOG))
    inner.loses = loses
    found = asyncio.run(store.load_tail("r"))
    log = world.book.log("r", world.book.place(inner))

    assert found == list(LOG[: len(LOG) - loses])
    assert len(log.loads) == loses


def test_a_log_that_was_there_before_is_known_in_full(world, life):
    inner = TailStore()
    asyncio.run(inner.append("r", *LOG))
    inner.loses = 1
    store: Any = bound_store(inner, life)
    asyncio.run(store.load_tail("r"))
    log = world.book.log("r", world.book.place(inner))

    assert [load.expected for load in log.loads] == [LOG]


def test_the_dead_read_no_tail(life):
    store: Any = bound_store(TailStore(), life)
    die(life)

    with pytest.raises(SimulatedCrash):
        asyncio.run(store.load_tail("r"))
