"""Sync tasks: they run in a thread, so that the event loop does not wait for them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from .log import to_its_end


def is_async(function: object) -> bool:
    """Tell whether calling something gives a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 -- the method is wanted, not whether there is one
    )


def in_thread(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Return an async function that calls a sync one in a thread.

    A thread can't be stopped: who cancels the call waits until it has come to its
    end, so that no second attempt, and no later state, ever runs beside it.
    """

    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except StopIteration as error:
            # No future takes it: its waiter would never be told.
            raise RuntimeError("the function raised StopIteration") from error

    async def call(*args: Any, **kwargs: Any) -> Any:
        result = await to_its_end(asyncio.to_thread(called, *args, **kwargs))
        # A lambda, or a decorated function, may give a coroutine all the same.
        return await result if inspect.isawaitable(result) else result

    return call
