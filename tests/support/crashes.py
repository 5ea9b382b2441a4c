"""Ends a run at every one of its appends in turn, or runs a task inside a split."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from cano_core import (
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    SplitResult,
    Workflow,
)
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


async def split_of(task: object, store: Any, **options: Any) -> SplitResult:
    """Start or resume a split of one branch, and return what it gave."""
    given: list[SplitResult] = []

    async def join(result: SplitResult) -> str:
        given.append(result)
        return "Done"

    data = {"data": options.pop("value")} if "value" in options else {}
    workflow = Workflow(checkpoint_store=store, **options)
    workflow.register_split("Split", [task], JoinConfig(JoinStrategy.ALL, "Join"))
    workflow.register("Join", join).add_exit_state("Done")
    await workflow.start_or_resume("Split", workflow_id="r", **data)
    return given[0]
