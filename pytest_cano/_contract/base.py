"""What every part of the contract stands on: opening stores, and closing them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeAlias, TypeVar

from cano_core.checkpoints.store import CheckpointStore

from .lines import Line, checking

Result = TypeVar("Result")
Check: TypeAlias = Callable[[CheckpointStore], Awaitable[None]]


class StoreChecks:
    """Opens the store under test, and skips what it does not claim to do."""

    durable: ClassVar[bool] = True
    """A new store object on the same directory sees the rows, even after SIGKILL."""

    shared: ClassVar[bool] = True
    """Several objects and processes may use one directory at the same time."""

    patience: ClassVar[float] = 30.0
    """Seconds that a test, or a process of it, may take before it counts as stuck."""

    def make_store(self, directory: Path) -> CheckpointStore:
        """Return a new store object that keeps its runs in this directory.

        It is called from inside a running event loop, many times, also for one
        directory, and in other processes, which make an object of the test class
        for it: no fixture has run there.
        """
        raise NotImplementedError(
            f"{type(self).__qualname__} must say which store is tested: define "
            "make_store(self, directory), which returns a new store object"
        )

    def _skip(self, reason: str) -> NoReturn:
        """Leave the rest of a test out."""
        raise NotImplementedError

    async def _made(self, directory: Path) -> CheckpointStore:
        """Make a store, inside the event loop that is running this."""
        store = self.make_store(directory)
        for name in ("append", "load_run", "clear"):
            if not callable(getattr(store, name, None)):
                raise TypeError(
                    f"make_store returned {store!r}, which has no method {name!r}; "
                    "it must return a checkpoint store, and not be async itself"
                )
        return store

    @asynccontextmanager
    async def _opened(self, directory: Path) -> AsyncIterator[CheckpointStore]:
        """Give a new store object, and close it if it can be closed."""
        store = await self._made(directory)
        try:
            yield store
        finally:
            await close(store)

    def _check(self, line: Line, directory: Path, check: Check) -> None:
        """Run a check on a new store, in an event loop of its own."""
        __tracebackhide__ = True

        async def on_new_store() -> None:
            __tracebackhide__ = True
            async with self._opened(directory) as store:
                await check(store)

        with checking(line):
            self._run(on_new_store())

    def _run(self, check: Coroutine[Any, Any, Result]) -> Result:
        """Run something in an event loop of its own, but not for ever."""
        __tracebackhide__ = True

        async def in_time() -> Result:
            __tracebackhide__ = True
            try:
                async with asyncio.timeout(self.patience) as limit:
                    return await check
            except TimeoutError:
                if limit.expired():
                    text = f"still busy after {self.patience:g} s (patience)"
                    raise TimeoutError(text) from None
                raise

        return asyncio.run(in_time())

    def _need(self, store: CheckpointStore, *capabilities: str) -> None:
        """Skip the test if the store does not have these optional methods."""
        __tracebackhide__ = True
        missing = [
            name for name in capabilities if not callable(getattr(store, name, None))
        ]
        if missing:
            self._skip(f"optional: this store has no {' and no '.join(missing)}")

    def _need_durable(self) -> None:
        """Skip the test if the store does not claim to be durable."""
        __tracebackhide__ = True
        if not self.durable:
            self._skip("durable = False: this store's rows end with its object")

    def _need_shared(self) -> None:
        """Skip the test if the store does not claim to be shared."""
        __tracebackhide__ = True
        if not self.shared:
            self._skip("shared = False: one object at a time uses this store")


async def close(store: CheckpointStore) -> None:
    """Close a store by its `aclose` or `close`, if it has one."""
    for name in ("aclose", "close"):
        method = getattr(store, name, None)
        if callable(method):
            closing = method()
            if inspect.isawaitable(closing):
                await closing
            return
