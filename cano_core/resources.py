"""What tasks are given by name, and its life around a workflow's runs.

Any object is a resource. One with ``setup``/``teardown`` methods (sync or async) gets
them called; an async context manager is entered, and tasks get what it yields. This
happens in order before the first of the workflow's concurrent runs, and in reverse
order after the last.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, final

from .errors import ResourceError
from .wording import described

logger = logging.getLogger("cano_core")

Undo = Callable[[], Awaitable[None]]


@final
class ResourceScope:
    """A workflow's resources, and how many of its runs are using them.

    Attributes:
        values: what tasks get, by name.
    """

    def __init__(self, resources: Mapping[str, object]) -> None:
        self._resources = dict(resources)
        self._managed = any(_is_managed(each) for each in self._resources.values())
        self._users = 0
        self._ready = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        self._undo: list[tuple[str, Undo]] = []
        self.values: dict[str, object] = dict(self._resources)

    async def acquire(self) -> None:
        """Set everything up, unless another run already has.

        Raises:
            ResourceError: one could not be set up (those before it were torn down),
                or runs in another event loop are using the resources.
        """
        if not self._managed:
            return
        self._move_to(asyncio.get_running_loop())
        self._users += 1
        try:
            async with self._lock:
                if not self._ready:
                    await self._set_up_all()
                    self._ready = True
        except BaseException:
            self._users -= 1
            raise

    async def release(self) -> None:
        """Tear everything down, unless another run still needs it."""
        if not self._managed:
            return
        self._users -= 1
        async with self._lock:
            if self._users == 0 and self._ready:
                self._ready = False
                await self._tear_down_all()

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop:
            return
        if self._users and self._loop is not None and not self._loop.is_closed():
            raise ResourceError(
                "runs in another event loop are using this workflow's resources; "
                "make a workflow object for each loop"
            )
        # A closed loop took its runs with it; what they had set up can't be awaited.
        self._loop, self._lock = loop, asyncio.Lock()
        self._users, self._ready = 0, False
        self._undo.clear()
        self.values.update(self._resources)

    async def _set_up_all(self) -> None:
        for name, resource in self._resources.items():
            try:
                self.values[name], undo = await _set_up(resource)
            except BaseException as error:
                await self._tear_down_all()
                if not isinstance(error, Exception):
                    raise
                raise ResourceError(
                    f"resource {name!r} ({type(resource).__name__}) could not be set "
                    f"up: {described(error)}"
                ) from error
            if undo is not None:
                self._undo.append((name, undo))

    async def _tear_down_all(self) -> None:
        while self._undo:
            name, undo = self._undo.pop()
            try:
                await undo()
            except Exception:
                logger.exception("resource %r could not be torn down", name)
        self.values.update(self._resources)


def _is_managed(resource: object) -> bool:
    return (
        callable(getattr(resource, "setup", None))
        or callable(getattr(resource, "teardown", None))
        or hasattr(type(resource), "__aenter__")
    )


async def _set_up(resource: Any) -> tuple[object, Undo | None]:
    if hasattr(type(resource), "__aenter__"):
        value = await resource.__aenter__()

        async def leave() -> None:
            await resource.__aexit__(None, None, None)

        return value, leave
    setup = getattr(resource, "setup", None)
    if callable(setup):
        await _finished(setup())
    teardown = getattr(resource, "teardown", None)
    if not callable(teardown):
        return resource, None

    async def tear_down() -> None:
        await _finished(teardown())

    return resource, tear_down


async def _finished(result: object) -> None:
    if inspect.isawaitable(result):
        await result
