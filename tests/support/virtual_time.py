"""A clock, and an event loop that lives by it: waiting takes no time."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualTime:
    """Stands still until somebody waits; called, it tells the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in an event loop of its own, to its end."""

        async def begin() -> T:
            return await main()

        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(begin())


class _Selector(selectors.DefaultSelector):
    """Lets the time pass instead of waiting."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time
        self._standing = 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                # Only a thread can help now, and threads live in real time.
                ready = super().select(5)
                if not ready:
                    raise RuntimeError("everybody waits, and nothing will happen")
                return ready
            self._standing = 0 if timeout else self._standing + 1
            if self._standing > 100_000:
                raise RuntimeError("they are busy, and time stands still")
            self._time.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, time: VirtualTime) -> None:
        self._virtual = time
        super().__init__(_Selector(time))

    def time(self) -> float:
        return self._virtual.now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        # Its threads live in real time, so no virtual limit may end the wait.
        await super().shutdown_default_executor()
