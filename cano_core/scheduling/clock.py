"""The clock: APScheduler, which calls a flow when its time has come.

APScheduler keeps the times; what a flow makes of one is the flow's own business. So
its jobs are only short calls in the event loop's thread, never the runs themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, final

from apscheduler.executors.base import BaseExecutor  # type: ignore[import-untyped]
from apscheduler.jobstores.base import (  # type: ignore[import-untyped]
    JobLookupError,
)
from apscheduler.schedulers.asyncio import (  # type: ignore[import-untyped]
    AsyncIOScheduler,
)
from apscheduler.triggers.date import DateTrigger  # type: ignore[import-untyped]

Due: TypeAlias = Callable[[datetime], None]
"""Called with the moment that was asked for; must not raise."""


@final
class _Soon(BaseExecutor):  # type: ignore[misc]
    """Calls a job in the event loop, and tells it the last moment that it was due.

    Not at once: APScheduler is just going through its jobs, and a flow may change them.
    """

    def _do_submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        asyncio.get_running_loop().call_soon(job.func, run_times[-1])
        self._run_job_success(job.id, [])


@final
class Clock:
    """Calls back at moments, once or again and again.

    However late a moment is noticed, it is called; of several that were missed
    together only the last.
    """

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            # Never the machine's own zone: looking for it may warn.
            timezone=UTC,
            executors={"default": _Soon()},
        )
        self._stopped = False

    def start(self) -> None:
        """Begin to call, in the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Call no more; a second time does nothing."""
        if not self._stopped:
            self._stopped = True
            self._scheduler.shutdown(wait=False)

    def once(self, name: str, moment: datetime, due: Due) -> None:
        """Call at a moment, instead of what was to be called under this name."""
        self._add(name, DateTrigger(moment, timezone=UTC), due)

    def repeat(self, name: str, trigger: Any, due: Due) -> None:
        """Call whenever a trigger says."""
        self._add(name, trigger, due)

    def forget(self, name: str) -> None:
        """Don't call under this name."""
        with contextlib.suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def _add(self, name: str, trigger: Any, due: Due) -> None:
        # APScheduler refuses a function that needs an argument it was not given.
        def call(*moments: datetime) -> None:
            # What was due already is waiting in the event loop.
            if not self._stopped:
                due(moments[-1])

        self._scheduler.add_job(
            call, trigger, id=name, name=name, replace_existing=True
        )
