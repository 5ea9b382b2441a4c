"""Whether what tasks need is well: asked of the resources, and of nothing else.

A resource that can tell has a method ``health()``, sync or async, that returns a
`Health`, a `HealthStatus` with a word on why, or a bool. One without is healthy. One
that raises, answers with anything else or gives no answer in time is unhealthy: a
report is never better than what is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, final

from .errors import ConfigurationError
from .wording import described, shown

_LET_GO = 1.0
"""Seconds that a check which took too long has for its own cleaning up."""


class Health(StrEnum):
    """How well something is, from best to worst."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@final
@dataclass(frozen=True, slots=True)
class HealthStatus:
    """How well one resource is.

    Attributes:
        level: the verdict.
        detail: why, for a person to read; may be empty.
    """

    level: Health
    detail: str = ""


@final
@dataclass(frozen=True, slots=True)
class HealthReport:
    """How well a workflow's resources are.

    Attributes:
        resources: what each one said, by its name.
    """

    resources: Mapping[str, HealthStatus]

    @property
    def status(self) -> Health:
        """The worst of them; healthy if there are none."""
        order = list(Health)
        levels = (each.level for each in self.resources.values())
        return max(levels, key=order.index, default=Health.HEALTHY)


async def health_of(
    resources: Mapping[str, object], timeout: float | None
) -> HealthReport:
    """Ask all resources at once.

    Args:
        resources: what is asked, by name.
        timeout: seconds that they have together; None for no limit. What is still
            being asked then is cancelled; a sync ``health`` is left behind in its
            thread, which keeps no process alive.

    Raises:
        ConfigurationError: this is no timeout.
    """
    limit: Any = timeout
    if limit is not None and not (isinstance(limit, int | float) and limit > 0):
        raise ConfigurationError(
            f"check_health(timeout={timeout!r}) must be above 0 seconds, or None"
        )
    asked = {
        name: asyncio.create_task(_ask(resource))
        for name, resource in resources.items()
        if can_tell(resource)
    }
    try:
        if asked:
            await asyncio.wait(asked.values(), timeout=timeout)
    finally:
        late = {name: task for name, task in asked.items() if not task.done()}
        for task in late.values():
            task.cancel()
    if late:
        await asyncio.wait(late.values(), timeout=_LET_GO)
    report = dict.fromkeys(resources, HealthStatus(Health.HEALTHY))
    for name, task in asked.items():
        report[name] = (
            _unhealthy(f"no answer within {timeout} seconds")
            if name in late
            else task.result()
        )
    return HealthReport(report)


def can_tell(resource: object) -> bool:
    """Tell whether a resource has a ``health`` method; a class has it for others."""
    return not isinstance(resource, type) and callable(
        getattr(resource, "health", None)
    )


async def _ask(resource: Any) -> HealthStatus:
    try:
        if inspect.iscoroutinefunction(resource.health):
            answer = await resource.health()
        else:
            answer = await _in_a_thread(resource.health)
            if inspect.isawaitable(answer):
                answer = await answer
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody has cancelled the check: something inside it gave up.
        return _unhealthy(described(error))
    except Exception as error:  # noqa: BLE001 -- a check may fail with anything
        return _unhealthy(described(error))
    match answer:
        case HealthStatus():
            return answer
        case Health():
            return HealthStatus(answer)
        case bool():
            return HealthStatus(Health.HEALTHY if answer else Health.UNHEALTHY)
        case _:
            return _unhealthy(
                f"health() answered {shown(answer)}, which is no Health, "
                "HealthStatus or bool"
            )


def _unhealthy(problem: str) -> HealthStatus:
    return HealthStatus(Health.UNHEALTHY, problem)


async def _in_a_thread(function: Callable[[], object]) -> object:
    """Call what may block, in a thread that nobody ever has to wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[object, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def settle(answer: object, failure: BaseException | None) -> None:
        if not future.done():
            future.set_result((answer, failure))

    def work() -> None:
        answer: object = None
        failure: BaseException | None = None
        try:
            answer = context.run(function)
        except BaseException as error:  # noqa: BLE001 -- raised where it is awaited
            failure = error
        # The loop may be closed by now: nobody is waiting any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, answer, failure)

    threading.Thread(target=work, name="cano-health", daemon=True).start()
    answer, failure = await future
    if failure is not None:
        raise failure
    return answer
