"""A task that waits until a moment, which is in the log before the wait begins."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, final

from ..assembly import Assembly, Model
from ..binding import Scope, task_name, whole
from ..context import RunContext
from ..extension import TaskCall
from ..guards import guarded
from ..policy import TaskConfig
from ..progress import Cursor
from ..wording import shown
from .parts import beside, data_to_record, halted
from .waiting import Limit, Wait, recorded_wait

WAIT = "wait"
"""The part of the visit that `TimerTask.wait` is: its own idempotency key and names."""


class TimerTask(Model):
    """A task that waits, and then goes on.

    `wait` is called once in a visit. The moment that it names is a row before the
    task sleeps: a resumed run waits the rest, or not at all if that moment has
    passed. A retry of a failed `after_wait` does not wait again either.

    The clock on the wall decides, and is looked at once a minute at least: a machine
    that was suspended, or a clock that was set, does not make the task oversleep by
    more than that.

    Attributes:
        config: by default one attempt without a limit. Its ``attempt_timeout`` bounds
            the wait, from its recorded beginning, also over a resume, and `after_wait`
            on its own. With a retry policy each attempt has its own time, and waits
            for the same moment. Its ``circuit_breaker`` and ``limits`` are for
            `after_wait`.
    """

    config: TaskConfig | Callable[[], TaskConfig] = TaskConfig.minimal()

    @abstractmethod
    def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Say how long to wait; sync or async, with parameters as any task has them.

        Returns:
            Seconds, a ``timedelta``, or a ``datetime`` with a time zone. What is not
            above zero, or in the past, is no wait.
        """

    @abstractmethod
    def after_wait(self, *args: Any, **kwargs: Any) -> Any:
        """Do what is to be done then; sync or async, with parameters as any task.

        Returns:
            The next state.
        """

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        name = task_name(self)
        after = scope.bind(self.after_wait, f"{name}.after_wait", state_in=whole)
        before = scope.bind(self.wait, f"{name}.wait")
        timer = _Timer(
            name,
            config.bounded(before.call()),
            guarded(name, config, after.call()),
            config.attempt_timeout,
        )
        whole_task = TaskConfig(retry=config.retry)
        return Assembly.of(timer.go_off, whole_task, after, before)


@final
@dataclass(frozen=True, slots=True)
class _Timer:
    name: str
    wait: TaskCall
    after_wait: TaskCall
    timeout: float | None

    async def go_off(self, context: RunContext) -> object:
        """Wait, and go on; one attempt of the task."""
        number, wait = recorded_wait(context)
        if wait is None:
            wait = await self._begin(context)
        elif context.attempt > 1 and wait.due > time.time():
            # An attempt after a failed one has its own time.
            wait = replace(wait, began=time.time())
            await self._record(context, number + 1, wait)
        await Limit(self.timeout, wait.began).sleep(wait)
        return await self.after_wait(context)

    async def _begin(self, context: RunContext) -> Wait:
        """Ask how long to wait, and record it."""
        began = time.time()
        mine = beside(context, WAIT)
        asked = await self.wait(mine)
        if context._run.halt is not None:
            raise context._run.halt
        wait = self._understood(context, began, asked)
        await self._record(context, 1, wait, mine)
        return wait

    async def _record(
        self,
        context: RunContext,
        number: int,
        wait: Wait,
        left: RunContext | None = None,
    ) -> None:
        what = f"{self.name}.wait()"
        payload = wait.encode()
        run = context._run
        data = None if left is None else data_to_record(context, left, what)
        cursor = Cursor(context._part, number, payload, data)
        await run.record(context._visit, cursor, what)

    def _understood(self, context: RunContext, began: float, asked: object) -> Wait:
        """Return the wait that was asked for."""
        if isinstance(asked, timedelta):
            asked = asked.total_seconds()
        if isinstance(asked, datetime):
            if asked.tzinfo is not None and asked.utcoffset() is not None:
                return Wait(began, asked.timestamp(), relative=False)
            problem = "which has no time zone; say datetime.now(UTC), or astimezone()"
        elif isinstance(asked, int | float) and math.isfinite(asked):
            return Wait(began, time.time() + asked, relative=True)
        else:
            problem = (
                "neither a number of seconds nor a timedelta nor a datetime with a "
                "time zone"
            )
        raise halted(context, f"{self.name}.wait() returned {shown(asked)}, {problem}")
