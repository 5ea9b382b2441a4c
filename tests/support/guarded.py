"""Workflows of one guarded task, on a clock that stands still."""

import asyncio
import math
from typing import Any

import pytest

from cano_core import (
    CircuitBreaker,
    CircuitState,
    RecordingObserver,
    Retry,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from virtual_time import VirtualTime


def guarded(
    breaker: CircuitBreaker | None = None, retries: int = 0, **options: Any
) -> TaskConfig:
    return TaskConfig(retry=Retry.fixed(retries, 0), circuit_breaker=breaker, **options)


def workflow_of(task: object, config: TaskConfig, **options: Any) -> Workflow:
    workflow = Workflow(**options).register("Work", task, config=config)
    return workflow.add_exit_state("Done")


class Service:
    """Fails so many times, then works."""

    def __init__(self, failures: float = math.inf) -> None:
        self.failures = failures
        self.calls = 0

    async def run(self) -> str:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise OSError("gone")
        return "Done"


async def never(run: RunContext) -> str:
    await asyncio.Event().wait()
    return "Done"


def failed(time: VirtualTime, workflow: Workflow, **options: Any) -> TaskFailedError:
    with pytest.raises(TaskFailedError) as raised:
        time.run(lambda: workflow.orchestrate("Work", **options))
    return raised.value


def hooks(observer: RecordingObserver) -> list[str]:
    return [
        event.hook
        for event in observer.events
        if event.hook in {"on_retry", "on_circuit_open", "on_task_failure"}
    ]


def half_open_then(time: VirtualTime, breaker: CircuitBreaker) -> None:
    for _ in range(2):
        breaker.acquire().failure()
    time.now += 10.0


def still_half_open(breaker: CircuitBreaker) -> bool:
    """A trial call ended, was neither, and made room for the next."""
    failures = breaker.failures
    state = breaker.state
    with breaker.acquire():
        pass
    return (state, failures) == (CircuitState.HALF_OPEN, 2)
