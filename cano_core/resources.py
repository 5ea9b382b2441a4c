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
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, final

from .errors import ResourceError
from .health import can_tell
from .wording import described

logger = logging.getLogger("cano_core")

T = TypeVar("T")
Undo = Callable[[], Awaitable[None]]


@final
class Lease:
    """The resources as the runs of one event loop have them.

    Attributes:
        loop: the event loop.
        lock: held while anything is set up or torn down.
        users: how many runs there are.
        ready: whether everything is set up.
        undo: how to tear down what is, in the order of setting up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.lock = asyncio.Lock()
        self.users = 0
        self.ready = False
        self.undo: list[tuple[str, Undo]] = []


@final
class ResourceScope:
    """A workflow's resources, and who is using them.

    Args:
        resources: what tasks are to get, by name.
        timeout: seconds that setting one up, or tearing it down, may take; or None.

    Attributes:
        values: what tasks get, by name.
    """

    def __init__(
        self, resources: Mapping[str, object], timeout: float | None = None
    ) -> None:
        self._resources = dict(resources)
        self._timeout = timeout
        self._managed = any(_is_managed(each) for each in self._resources.values())
        self._lease = Lease(None)
        self.values: dict[str, object] = dict(self._resources)

    async def acquire(self) -> Lease:
        """Set everything up, unless another run already has.

        Returns:
            What to give to `release`.

        Raises:
            ResourceError: one could not be set up (those before it were torn down),
                or runs in another event loop are using the resources.
        """
        if not self._managed:
            return self._lease
        lease = self._lease_of(asyncio.get_running_loop())
        lease.users += 1
        try:
            async with lease.lock:
                if not lease.ready:
                    await self._set_up_all(lease)
                    lease.ready = True
        except BaseException:
            lease.users -= 1
            raise
        return lease

    async def release(self, lease: Lease) -> None:
        """Tear everything down, unless another run still needs it."""
        if not self._managed:
            return
        lease.users -= 1
        async with lease.lock:
            if lease.users == 0 and lease.ready:
                lease.ready = False
                await self._tear_down_all(lease)

    def current(self) -> dict[str, object]:
        """Return each resource, or what it was entered as if only that can tell."""
        return {
            name: resource if can_tell(resource) else self.values[name]
            for name, resource in self._resources.items()
        }

    def _lease_of(self, loop: asyncio.AbstractEventLoop) -> Lease:
        lease = self._lease
        if lease.loop is loop:
            return lease
        if lease.users and lease.loop is not None and not lease.loop.is_closed():
            raise ResourceError(
                "runs in another event loop are using this workflow's resources; "
                "make a workflow object for each loop"
            )
        # A closed loop took its runs with it, and what they had set up can't be torn
        # down any more. Whatever is left of them keeps the old lease to itself.
        self._lease = Lease(loop)
        self.values.update(self._resources)
        return self._lease

    async def _set_up_all(self, lease: Lease) -> None:
        for name, resource in self._resources.items():
            try:
                self.values[name], undo = await self._in_time(_set_up(resource))
            except BaseException as error:
                await self._tear_down_all(lease)
                if not isinstance(error, Exception):
                    raise
                raise ResourceError(
                    f"resource {name!r} ({type(resource).__name__}) could not be set "
                    f"up: {described(error)}"
                ) from error
            if undo is not None:
                lease.undo.append((name, undo))

    async def _tear_down_all(self, lease: Lease) -> None:
        ended: BaseException | None = None
        if lease.loop is None or lease.loop.is_closed():
            lease.undo.clear()
        while lease.undo:
            name, undo = lease.undo.pop()
            try:
                await self._in_time(undo())
            except Exception:
                logger.exception("resource %r could not be torn down", name)
            except BaseException as error:  # noqa: BLE001 -- raised after the rest
                ended = ended or error
        if lease is self._lease:
            self.values.update(self._resources)
        if ended is not None:
            raise ended

    async def _in_time(self, work: Awaitable[T]) -> T:
        """Await something, and give it up when its time is over."""
        try:
            async with asyncio.timeout(self._timeout) as scope:
                return await work
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise TimeoutError(f"no end within {self._timeout} seconds") from error


# Entering one of these is taking it: no task could, while the workflow had it.
_FOR_TASKS_TO_ENTER = (asyncio.Lock, asyncio.Semaphore, asyncio.Condition)


def _is_managed(resource: object) -> bool:
    return (
        callable(getattr(resource, "setup", None))
        or callable(getattr(resource, "teardown", None))
        or _is_entered(resource)
    )


def _is_entered(resource: object) -> bool:
    return hasattr(type(resource), "__aenter__") and not isinstance(
        resource, _FOR_TASKS_TO_ENTER
    )


async def _set_up(resource: Any) -> tuple[object, Undo | None]:
    if _is_entered(resource):
        try:
            value = await resource.__aenter__()
        except AttributeError as error:
            if isinstance(resource, AbstractAsyncContextManager) and hasattr(
                resource, "gen"
            ):
                raise TypeError(
                    "what an @asynccontextmanager function returns can be entered only "
                    "once, and these resources are needed again; give an object with "
                    "setup() and teardown(), or a class with __aenter__ and __aexit__"
                ) from error
            raise

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
