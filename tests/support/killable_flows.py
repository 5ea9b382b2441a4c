"""Workflows for processes that are killed: one for each kind of state.

Each begins with two states that can be undone, Reserve and Pack, and goes on to the
state that it is about, Work; the flow "everything" has several.
"""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

from cano_core import (
    BatchTask,
    CheckpointRow,
    CloseReason,
    Count,
    Done,
    ItemDone,
    ItemFailed,
    JoinConfig,
    JoinStrategy,
    More,
    Pending,
    PollTask,
    Ready,
    RowKind,
    RunContext,
    SplitResult,
    SQLiteCheckpointStore,
    SteppedTask,
    StreamTask,
    TaskConfig,
    TimerTask,
    Workflow,
)

if TYPE_CHECKING:
    from killable import World

BRANCHES = 5
ITEMS = 6
STREAMED = 9
WAIT = 3600.0
DELAY = 1000.0
BEGAN = 1_000_000.0
ROWS_AT_ONCE = 3
OUTPUT = "some pages of a file; " * 1000


class Undoable:
    """A state whose work can be undone."""

    def __init__(self, world: "World", name: str, following: str) -> None:
        self.name = name
        self._world = world
        self._following = following

    async def run(self, run: RunContext) -> tuple[str, str]:
        await self._world.act(f"do {self.name}", run)
        return self._following, OUTPUT

    async def compensate(self, output: str, run: RunContext) -> None:
        await self._world.act(f"undo {self.name}", run)


class Steps(SteppedTask):
    """Counts up."""

    def __init__(self, world: "World", following: str = "Done") -> None:
        self._world = world
        self._following = following

    async def step(self, cursor: int | None, run: RunContext) -> More[int] | Done[str]:
        number = cursor or 0
        await self._world.act(f"step {number}", run)
        if number + 1 < self._world.orders.size:
            return More(number + 1)
        return Done(self._following)


class Items(BatchTask):
    """Squares numbers."""

    def __init__(self, world: "World", following: str = "Done") -> None:
        self._world = world
        self._following = following
        self.concurrency = max(self._world.orders.size, 1)

    async def load(self, run: RunContext) -> list[int]:
        await self._world.act("load", run)
        return list(range(ITEMS))

    async def process_item(self, item: int, run: RunContext) -> int:
        await self._world.act(f"item {item}", run)
        return item * item

    async def finish(
        self, results: list[ItemDone[int] | ItemFailed], run: RunContext
    ) -> str:
        values = [
            each.value if isinstance(each, ItemDone) else None for each in results
        ]
        await self._world.act(f"finish {values}", run)
        return self._following


class Windows(StreamTask):
    """Reads numbers, three at a time."""

    window = Count(3)

    def __init__(self, world: "World", following: str = "Done") -> None:
        self._world = world
        self._following = following

    async def open(
        self, cursor: int | None, run: RunContext
    ) -> AsyncIterator[tuple[int, int]]:
        self._world.effect(f"open {cursor}")
        for number in range(0 if cursor is None else cursor + 1, STREAMED):
            yield number, number

    async def process_item(self, item: int, run: RunContext) -> int:
        await self._world.act(f"read {item}", run)
        return item

    async def flush_window(self, results: list[int], run: RunContext) -> None:
        await self._world.act(f"flush {results}", run)

    async def on_close(self, reason: CloseReason, run: RunContext) -> str:
        await self._world.act(f"close {reason.value}", run)
        return self._following


class Timed(TimerTask):
    """Waits an hour."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def wait(self, run: RunContext) -> float:
        await self._world.act(f"wait at {time.time():.0f}", run)
        return WAIT

    async def after_wait(self, run: RunContext) -> str:
        await self._world.act(f"after at {time.time():.0f}", run)
        return "Done"


class Asking(PollTask):
    """Asks again and again for an hour."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def poll(self, run: RunContext) -> Ready[str] | Pending:
        await self._world.act(f"poll at {time.time():.0f}", run)
        return Ready("Done") if time.time() >= BEGAN + WAIT else Pending(DELAY)


def plain(workflow: Workflow, world: "World") -> None:
    async def work(run: RunContext) -> Literal["Done"]:
        await world.act("Work", run)
        if world.orders.fails:
            raise OSError("no work today")
        return "Done"

    at_once = TaskConfig.minimal()
    _with_work(workflow, world).register("Work", work, config=at_once)


def tooled(workflow: Workflow, world: "World") -> None:
    async def work(tool: object, run: RunContext) -> Literal["Done"]:
        await world.act("Work", run)
        return "Done"

    _with_work(workflow, world).register("Work", work)


def once(workflow: Workflow, world: "World") -> None:
    async def work(run: RunContext) -> Literal["Done"]:
        await run.once("pay", world.act, "pay", run)
        world.effect("paid", run)
        return "Done"

    _with_work(workflow, world).register("Work", work)


def stepped(workflow: Workflow, world: "World") -> None:
    _with_work(workflow, world).register_stepped("Work", Steps(world))


def batch(workflow: Workflow, world: "World") -> None:
    _with_work(workflow, world).register("Work", Items(world))


def stream(workflow: Workflow, world: "World") -> None:
    _with_work(workflow, world).register_stream("Work", Windows(world))


def timer(workflow: Workflow, world: "World") -> None:
    _with_work(workflow, world).register("Work", Timed(world))


def poll(workflow: Workflow, world: "World") -> None:
    _with_work(workflow, world).register("Work", Asking(world))


def split(workflow: Workflow, world: "World") -> None:
    def branch(number: int) -> Callable[[RunContext], Awaitable[int]]:
        async def work(run: RunContext) -> int:
            await world.act(f"branch {number}", run)
            return 10 * number

        return work

    async def join(values: SplitResult, run: RunContext) -> Literal["Done"]:
        await world.act(f"join {values.values} without {values.cancelled}", run)
        return "Done"

    # So many have to succeed; 0 for all of them.
    needed = world.orders.size
    strategy = JoinStrategy.quorum(needed) if needed else JoinStrategy.ALL
    _with_work(workflow, world).register_split(
        "Work", [branch(n) for n in range(BRANCHES)], JoinConfig(strategy, "Join")
    ).register("Join", join)


def everything(workflow: Workflow, world: "World") -> None:
    async def last(run: RunContext) -> Literal["Done"]:
        await world.act("Last", run)
        if world.orders.fails:
            raise OSError("no luck at last")
        return "Done"

    _undoable(workflow, world, ("Reserve", "Steps"), ("Pack", "Items"))
    workflow.register_stepped("Steps", Steps(world, "Pack"))
    workflow.register("Items", Items(world, "Windows"))
    workflow.register_stream("Windows", Windows(world, "Last"))
    workflow.register("Last", last, config=TaskConfig.minimal())


def _with_work(workflow: Workflow, world: "World") -> Workflow:
    return _undoable(workflow, world, ("Reserve", "Pack"), ("Pack", "Work"))


def _undoable(workflow: Workflow, world: "World", *ways: tuple[str, str]) -> Workflow:
    for name, following in ways:
        state = Undoable(world, name, following)
        workflow.register_with_compensation(name, state)
    return workflow.add_exit_state("Done")


FLOWS: dict[str, Callable[[Workflow, "World"], object]] = {
    flow.__name__: flow
    for flow in (
        *(plain, tooled, once, stepped, batch, stream, timer, poll, split),
        everything,
    )
}


def payload_of(run: str, sequence: int) -> bytes:
    """Return what the storm writes into a row: up to some pages of the file."""
    return f"{run}/{sequence};".encode() * (sequence * 37 % 1000)


async def storm(world: "World") -> None:
    """Append to five logs at the same time, as fast as can be, and never stop."""
    path = os.path.join(world.orders.directory, "runs.db")
    names = [f"{world.orders.name}/{number}" for number in range(5)]
    async with SQLiteCheckpointStore(path) as store:

        async def fill(run: str) -> None:
            for end in itertools.count(0, ROWS_AT_ONCE):
                rows = [
                    CheckpointRow(n, run, "", RowKind.STATE_ENTRY, payload_of(run, n))
                    for n in range(end, end + ROWS_AT_ONCE)
                ]
                await store.append(run, *rows)
                world.tell("appended", run, end + ROWS_AT_ONCE)

        await asyncio.gather(*map(fill, names))


OTHERS: dict[str, Callable[["World"], Coroutine[Any, Any, None]]] = {"storm": storm}
