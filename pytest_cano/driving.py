"""A coroutine driven by hand, whose sync code may stand still for ever, or wait.

An ending such as *freeze* comes to code that can't await: a call of the ledger, deep
in the stack of a task. A killed process would not go on from there, nor run any
``finally``. So the task's coroutine runs in a greenlet. Sync code in it can leave its
stack as it is, for ever (`freeze_here`), or until something was awaited for it
(`wait_here`).

What runs inside is none the wiser: it is the same asyncio task in the same context,
and cancellation, timeouts, task groups and async generators are what they were.

Only the coroutine itself is driven. An asyncio task that it starts, and a thread, is
not: `is_driven` is False there, `freeze_here` comes back, `wait_here` refuses.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, final
from weakref import WeakSet

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from .light_threads import Tracer

T = TypeVar("T")

OnSuspend: TypeAlias = Callable[[], object]
"""Called, within the driven stack, before a suspension reaches the event loop."""


class NotDrivenError(RuntimeError):
    """Sync code was to wait where it is part of no driven coroutine."""


async def driven(awaitable: Awaitable[T], *, on_suspend: OnSuspend | None = None) -> T:
    """Await something so that sync code within it can stand still or wait.

    Args:
        awaitable: what to drive; asyncio tasks that it starts are not driven.
        on_suspend: called each time it has suspended, before the event loop is told.
            It may call `freeze_here` and `wait_here`; what it raises is raised where
            the awaitable awaits.

    Returns:
        What the awaitable returns.

    Raises:
        BaseException: what the awaitable raises, or what `freeze_here` was given.
    """
    result: T = await _Body(awaitable, on_suspend)
    return result


def is_driven() -> bool:
    """Say whether the running code is part of a driven coroutine."""
    return _innermost() is not None


def freeze_here(error: BaseException) -> bool:
    """Stand still here for ever, and raise an error out of `driven`.

    No ``finally`` and no ``except`` between here and there is ever run, not at the
    end of the process either: everything that the stack holds is kept for good. So
    hold no lock. Where a driven coroutine awaits another one, both are frozen.

    Returns:
        False where the running code is not driven (another asyncio task, a thread):
        all that the caller can do there is raise. Otherwise it does not return.
    """
    body = _innermost()
    if body is None:
        return False
    while (outer := _body_around(body.parent)) is not None and outer.task is body.task:
        body = outer
    body.freeze(error)
    return True


def wait_here(awaitable: Awaitable[T]) -> T:
    """Await something from sync code, in the asyncio task that runs it.

    Returns:
        What it returns.

    Raises:
        BaseException: what it raises, or what is thrown into the asyncio task
            meanwhile, such as a cancellation.
        NotDrivenError: the running code is not driven.
    """
    body = _innermost()
    if body is None:
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise NotDrivenError(
            "sync code can wait only within pytest_cano.driving.driven(...), in the "
            "asyncio task that awaits it"
        )
    result: T = body.ask(_awaited(awaitable).__await__())
    return result


@final
@dataclass(frozen=True, slots=True)
class _Frozen:
    """Asks the driver to give the body up.

    Attributes:
        error: what to raise in its place.
    """

    error: BaseException


@final
class _Body(greenlet):  # type: ignore[misc]  # greenlet comes without types
    """The stack of one driven awaitable; awaiting it drives it.

    Attributes:
        task: the asyncio task that drives it.
        parent: the stack that drives it.
    """

    parent: Any

    def __init__(self, awaitable: Awaitable[Any], on_suspend: OnSuspend | None) -> None:
        super().__init__(self._live)
        # A greenlet has a context of its own, unless it is given one.
        self.gr_context = getcurrent().gr_context
        self.task = _current_task()
        self._coroutine = _coroutine(awaitable)
        self._on_suspend = on_suspend
        self._tracer = Tracer()
        # Another greenlet may stand within this one, such as one of SQLAlchemy.
        self._deepest: Any = self
        self._generators: WeakSet[AsyncGenerator[Any, Any]] = WeakSet()
        self._loops_hook: Callable[[AsyncGenerator[Any, Any]], object] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        """Drive the body; what it asks for is asked of the event loop."""
        go_on = self.switch
        values: tuple[Any, ...] = ()
        try:
            while True:
                request = self._enter(go_on, values)
                if self.dead:
                    return request
                if isinstance(request, _Frozen):
                    raise request.error
                try:
                    values = ((yield from request),)
                    go_on = self._deepest.switch
                except BaseException as error:  # noqa: BLE001 -- it belongs inside
                    values = (error,)
                    go_on = self._deepest.throw
        finally:
            # Or this frame would hold an exception, and the exception this frame.
            del values

    def ask(self, request: Generator[Any, Any, Any]) -> Any:
        """From within: have something awaited by the driver."""
        self._deepest = getcurrent()
        return self.parent.switch(request)

    def freeze(self, error: BaseException) -> None:
        """From within: never go on.

        Nothing of the stack is ever finalised. Only the stack itself refers to it,
        where no collector of garbage looks, not at the end of the interpreter either.
        """
        # The end of a loop, too, would finalise what it knows of.
        known = getattr(asyncio.get_running_loop(), "_asyncgens", None)
        for each in self._generators:
            if known is not None:
                known.discard(each)
        self.parent.switch(_Frozen(error))

    def _enter(self, go_on: Callable[..., Any], values: tuple[Any, ...]) -> Any:
        """Let the body run until it asks for something, or ends."""
        if self.parent is not (here := getcurrent()):
            # The first step of an eager task is made wherever it was created.
            self.parent = here
        hooks = sys.get_asyncgen_hooks()
        self._loops_hook = hooks.firstiter
        sys.set_asyncgen_hooks(firstiter=self._first_iteration)
        self._tracer.enter()
        try:
            return go_on(*values)
        finally:
            del values
            self._tracer.leave()
            sys.set_asyncgen_hooks(*hooks)

    def _live(self) -> Any:
        """Take the coroutine from one suspension to the next, to its end."""
        step, value = self._coroutine.send, None
        try:
            while True:
                try:
                    future = step(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    if self._on_suspend is not None:
                        _seen(future, self._on_suspend)
                    value = self.ask(_handed_on(future))
                    step = self._coroutine.send
                except BaseException as error:  # noqa: BLE001 -- it belongs inside
                    value = error
                    step = self._coroutine.throw
        finally:
            del value

    def _first_iteration(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators.add(generator)
        if self._loops_hook is not None:
            self._loops_hook(generator)


def _innermost() -> _Body | None:
    """Return the body that the running code is part of."""
    body = _body_around(getcurrent())
    # An eager task makes its first step on the stack of whoever creates it.
    return None if body is None or body.task is not _current_task() else body


def _body_around(here: Any) -> _Body | None:
    while here is not None and not isinstance(here, _Body):
        here = here.parent
    return here


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    return awaitable if inspect.iscoroutine(awaitable) else _awaited(awaitable)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _seen(future: Any, on_suspend: OnSuspend) -> None:
    """Let a suspension be seen; the future is as before if it is not to be awaited."""
    awaited = getattr(future, "_asyncio_future_blocking", False)
    if awaited:
        # It is about to be handed to an event loop. Nobody else could await it.
        future._asyncio_future_blocking = False
    on_suspend()
    if awaited:
        future._asyncio_future_blocking = True


def _handed_on(future: object) -> Generator[Any, Any, Any]:
    """Ask the event loop for what a coroutine has asked it for."""
    return (yield future)
