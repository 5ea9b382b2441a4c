"""Many calls, a few at a time, none of which outlives the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def work_through(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], count: int
) -> None:
    """Call for every item, with ``count`` calls under way at most.

    There is one asyncio task for each call that may be under way, not for each item.
    The first call that raises anything ends the others, and so does a cancellation;
    they have all come to their end when this does.

    Raises:
        BaseException: what the first call raised.
    """
    waiting = iter(items)
    if count == 1:
        for item in waiting:
            await work(item)
        return
    ended: list[BaseException] = []
    workers: list[asyncio.Task[None]] = []

    def end(reason: BaseException) -> None:
        if not ended:
            ended.append(reason)
            # Once: a second time would disturb those that are putting things right.
            for worker in workers:
                worker.cancel()

    async def worker() -> None:
        try:
            # Who takes no notice of being cancelled does not take another item.
            while not ended:
                try:
                    item = next(waiting)
                except StopIteration:
                    return
                await work(item)
        except BaseException as error:  # noqa: BLE001 -- raised below, once all have ended
            end(error)

    workers += [asyncio.create_task(worker()) for _ in range(count)]
    try:
        await asyncio.wait(workers)
    except asyncio.CancelledError as error:
        end(error)
        while not all(each.done() for each in workers):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(workers)
    if ended:
        raise ended[0]
