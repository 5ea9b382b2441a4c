"""The inside of a process that a test may kill: what it runs, tells, and waits for.

It runs one workflow on the file ``runs.db`` of its directory, writes each effect to
the file ``effects`` beside it, and tells the test over a pipe how far it has come.
Where it is told to stop it waits, to be killed or to be let go on. The other end is
`lives`.
"""

import asyncio
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import killable_flows
from cano_core import (
    CanoError,
    RunContext,
    SQLiteCheckpointStore,
    Workflow,
    WorkflowObserver,
)


@dataclass(frozen=True, slots=True)
class Orders:
    """What one process is to do.

    Attributes:
        directory: where its files are.
        name: its name in the effects.
        flow: which workflow, see `killable_flows`.
        call: by which method the run is begun.
        stops: the points where it waits.
        moment: it waits, without an await, at this effect or durable row, from 1.
        fails: whether the state ``Work`` fails, once it may go on.
        tells: whether it tells of each effect and each durable row.
        statement: it is killed by its store's thread at this SQL statement, from 1.
        room: bytes that any file may have; the kernel kills it amid the write that
            goes beyond.
        size: how much there is to do, where the flow asks.
        now: the clock on the wall as it begins, which then lives by what is slept;
            None for the real one.
        until: where that clock stands still once, and the process waits.
    """

    directory: str
    name: str
    flow: str = "plain"
    call: str = "start_or_resume"
    stops: frozenset[str] = frozenset()
    moment: int = 0
    fails: bool = False
    tells: bool = False
    statement: int = 0
    room: int = 0
    size: int = 0
    now: float | None = None
    until: float = 0.0


class World:
    """What a flow's tasks see of the process."""

    def __init__(self, orders: Orders, pipe: "Connection[Any, Any]") -> None:
        self.orders = orders
        self._pipe = pipe
        self._moments = 0
        path = os.path.join(orders.directory, "effects")
        self._effects = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tell(self, *message: object) -> None:
        self._pipe.send(message)

    def effect(self, name: str, run: RunContext | None = None) -> None:
        """Do something that the world sees."""
        key = "" if run is None else run.idempotency_key
        os.write(self._effects, f"{self.orders.name}|{name}|{key}\n".encode())
        if self.orders.tells:
            self.tell("effect", name)
        self.moment()

    async def act(self, name: str, run: RunContext) -> None:
        """Do something that the world sees, and wait there if that is a stop."""
        self.effect(name, run)
        await self.reach(name)

    async def reach(self, point: str) -> None:
        """Wait here, if told so, until the test lets it go on."""
        if point not in self.orders.stops:
            return
        loop = asyncio.get_running_loop()
        may_go_on = loop.create_future()
        loop.add_reader(self._pipe.fileno(), may_go_on.set_result, None)
        self.tell("at", point)
        await may_go_on
        loop.remove_reader(self._pipe.fileno())
        self._pipe.recv()

    def moment(self) -> None:
        """Come to the next moment, and stop there if told so."""
        self._moments += 1
        if self._moments == self.orders.moment:
            self.tell("at", "moment")
            self._pipe.recv()


class Watcher(WorkflowObserver):
    """Tells of each durable row."""

    def __init__(self, world: World) -> None:
        self._world = world

    def on_checkpoint(self, workflow_id: str, sequence: int) -> None:
        if self._world.orders.tells:
            self._world.tell("row", sequence)
        self._world.moment()


class Tool:
    """A resource whose life the world sees."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def setup(self) -> None:
        self._world.effect("setup")
        await self._world.reach("setup")

    async def teardown(self) -> None:
        self._world.effect("teardown")


class Loading:
    """A store that waits between reading a log and whatever is done with it."""

    def __init__(self, store: SQLiteCheckpointStore, world: World) -> None:
        self._store = store
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def load_tail(self, workflow_id: str) -> Any:
        rows = await self._store.load_tail(workflow_id)
        await self._world.reach("loaded")
        return rows


def live(orders: Orders, pipe: "Connection[Any, Any]") -> None:
    """Run one run to its end; tell how it ended."""
    world = World(orders, pipe)
    if orders.now is not None:
        _live_by_sleep(orders.now, orders.until, world.reach)
    statements = _Statements(orders.statement)
    if orders.statement:
        sqlite3.connect = statements.connect  # type: ignore[assignment]
    if orders.room:
        # No core file; and Python would have made an OSError of it.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (orders.room, orders.room))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if orders.flow in killable_flows.OTHERS:
        asyncio.run(killable_flows.OTHERS[orders.flow](world))
    else:
        world.tell("ended", *asyncio.run(_run(world)))


async def _run(world: World) -> tuple[str, str]:
    """Run the workflow; return the exit state or the error's name, and its text."""
    orders = world.orders
    path = os.path.join(orders.directory, "runs.db")
    async with SQLiteCheckpointStore(path) as store:
        watched = orders.tells or orders.moment
        workflow = Workflow(
            checkpoint_store=Loading(store, world)
            if "loaded" in orders.stops
            else store,
            observers=[Watcher(world)] if watched else [],
            resources={"tool": Tool(world)} if orders.flow == "tooled" else {},
        )
        killable_flows.FLOWS[orders.flow](workflow, world)
        begin: Callable[..., Awaitable[str]] = getattr(workflow, orders.call)
        start = () if orders.call == "resume_from" else ("Reserve",)
        try:
            return await begin(*start, workflow_id="run"), ""
        except CanoError as error:
            return type(error).__name__, str(error)


class _Statements:
    """Counts what SQLite executes, and kills its own process at the n-th."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._count = 0
        self._connect = sqlite3.connect

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._connect(*args, **kwargs)
        connection.set_trace_callback(self._executing)
        return connection

    def _executing(self, statement: str) -> None:
        self._count += 1
        if self._count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def _live_by_sleep(
    now: float, until: float, reach: Callable[[str], Awaitable[None]]
) -> None:
    """Let the clock on the wall go on by what is slept, which takes no time."""
    slept = asyncio.sleep

    async def sleep(seconds: float) -> None:
        nonlocal now, until
        if seconds <= 0:
            await slept(0)
        elif until and now + seconds > until:
            now, until = until, 0.0
            await reach("asleep")
        else:
            now += seconds

    time.time = lambda: now
    asyncio.sleep = sleep  # type: ignore[assignment]
