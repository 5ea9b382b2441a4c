"""Ends a run at every one of its appends in turn, and inside a part of another task."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from cano_core import MemoryCheckpointStore, RunContext, TaskConfig
from cano_core.assembly import Assembly, Model, assembled
from cano_core.binding import Scope
from scripted_store import ScriptedStore, raising


class Crash(BaseException):
    """The end of a process, as far as it can be had in one."""


def every_crash(
    live: Callable[[Any], Awaitable[object]],
    run: Callable[[Callable[[], Awaitable[object]]], object] = lambda main: asyncio.run(
        _begun(main)
    ),
) -> Iterator[MemoryCheckpointStore]:
    """Disks on which a run has crashed, before and after each of its appends.

    Args:
        live: runs it on a store, from where that store says.
        run: runs a coroutine function in an event loop.
    """
    for when in ("before", "after"):
        for n in itertools.count(1):
            script: Any = {when: raising(Crash(), "append", n)}
            store = ScriptedStore(**script)
            try:
                run(lambda: live(store))  # noqa: B023 -- called at once
            except Crash:
                yield store.inner
            else:
                break


async def _begun(main: Callable[[], Awaitable[object]]) -> object:
    return await main()


class InBranch(Model):
    """Calls a task as branch 2 of a split does."""

    def __init__(self, task: object) -> None:
        self.inner = task

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        inner = assembled(self.inner, scope, config)

        async def call(context: RunContext) -> Any:
            run, visit = context._run, context._visit
            return await inner.call(RunContext(run, visit, context.attempt, "2"))

        return Assembly.of(call, inner.config, *inner.bindings)
