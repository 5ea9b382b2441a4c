"""A task that asks again and again until something is ready."""

from __future__ import annotations

import asyncio
import math
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, final

from ..assembly import Assembly, Model
from ..binding import Scope, task_name
from ..context import RunContext
from ..errors import ConfigurationError, GivenUp, Refused
from ..extension import TaskCall
from ..guards import guarded
from ..policy import TaskConfig
from ..progress import Cursor
from ..wording import shown
from .declared import held_by, plainly
from .parts import beside, halted
from .waiting import Limit, Wait, recorded_wait

T_co = TypeVar("T_co", covariant=True)

SHORTEST_DELAY = 0.01
"""Seconds between two polls even if less was asked for, so that none spins."""

WORTH_A_ROW = 1.0
"""Seconds from which on a delay, after the first one, is recorded."""


@final
@dataclass(frozen=True, slots=True)
class Ready(Generic[T_co]):
    """What was waited for is there.

    Attributes:
        state: the next state; in a branch of a split, the branch's value.
    """

    state: T_co


@final
@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet.

    Attributes:
        delay: seconds until the next poll; a hundredth of a second at least is
            waited.
    """

    delay: float

    def __post_init__(self) -> None:
        if not is_seconds(self.delay):
            raise ConfigurationError(
                f"Pending({self.delay!r}) must be 0 or more seconds"
            )


def is_seconds(value: object) -> bool:
    """Tell whether something is a finite number of seconds from 0."""
    return isinstance(value, int | float) and 0 <= value < math.inf


class PollTask(Model):
    """A task that asks again and again until something is ready.

    Every poll is a call of its own: it gets the run's data as of the start of the
    state, and only what the last one leaves is kept. `RunContext.once` makes a call
    once in the visit, whichever poll it is made in.

    How long a task waits is in the log: with the first `Pending`, and with every
    later one of a second or more. A resumed run waits the rest of the recorded delay
    and polls again.

    Attributes:
        config: by default one attempt without a limit. Its ``attempt_timeout`` bounds
            the whole waiting, from its recorded beginning, also over a resume; a
            resumed run whose time is over polls once more. With a retry policy each
            attempt has its own time. Its ``circuit_breaker`` and ``limits`` are for
            every single poll.
        consecutive_errors: how many polls in a row may fail; the next one that does
            is the task's failure. A `Pending` begins a new count, and so does a
            resume. Observers are told ``on_retry`` for each that is let pass.
        error_delay: seconds between a failed poll and the next one.
    """

    config: TaskConfig | Callable[[], TaskConfig] = TaskConfig.minimal()
    consecutive_errors: int = 0
    error_delay: float = 1.0

    @abstractmethod
    def poll(self, *args: Any, **kwargs: Any) -> Any:
        """Ask once; sync or async, with parameters as any task has them.

        Returns:
            ``Ready(state)`` or ``Pending(delay)``.
        """

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        name = task_name(self)
        binding = scope.bind(self.poll, f"{name}.poll", state_in=_state_of_ready)
        binding.returns = plainly(_state_of_ready(binding.returns))
        tolerated: Any = self.consecutive_errors
        problems: list[str] = []
        if not isinstance(tolerated, int) or tolerated < 0:
            problems.append(
                f"task {name!r}: consecutive_errors={tolerated!r} must be a whole "
                "number from 0"
            )
        if not is_seconds(self.error_delay):
            problems.append(
                f"task {name!r}: error_delay={self.error_delay!r} must be 0 or more "
                "seconds"
            )
        polling = _Polling(
            name,
            guarded(name, replace(config, attempt_timeout=None), binding.call()),
            config.attempt_timeout,
            tolerated,
            self.error_delay,
        )
        whole = TaskConfig(retry=config.retry)
        return Assembly.of(
            polling.until_ready, whole, binding, problems=tuple(problems)
        )


@final
@dataclass(frozen=True, slots=True)
class _Polling:
    name: str
    poll: TaskCall
    timeout: float | None
    tolerated: int
    error_delay: float

    async def until_ready(self, context: RunContext) -> object:
        """Poll until there is an answer; one attempt of the task."""
        run, visit, part = context._run, context._visit, context._part
        number, wait = recorded_wait(context)
        if context.attempt > 1:
            # An attempt after a failed one waits on its own account.
            wait = None
        began = time.time() if wait is None else wait.began
        limit = Limit(self.timeout, began)
        if wait is not None and limit.alarm.rest > 0:
            await limit.sleep(wait)
        errors: list[Exception] = []
        while True:
            answer = await self._answer(context, limit, errors)
            if isinstance(answer, Ready):
                return answer.state
            delay = self.error_delay if answer is None else answer.delay
            following = Wait(began, time.time() + max(delay, SHORTEST_DELAY), True)
            if answer is not None and (wait is None or delay >= WORTH_A_ROW):
                wait = following
                number += 1
                cursor = Cursor(part, number, wait.encode())
                await run.record(visit, cursor, f"{self.name}.poll()")
            await limit.sleep(following)

    async def _answer(
        self, context: RunContext, limit: Limit, errors: list[Exception]
    ) -> Ready[object] | Pending | None:
        """Poll once; None for an error that is let pass."""
        run = context._run
        mine = beside(context)
        scope = asyncio.timeout(limit.for_one_call)
        try:
            async with scope:
                answer = await self.poll(mine)
        except Exception as error:
            if run.halt is not None:
                raise run.halt from error
            if scope.expired():
                raise limit.exceeded() from error
            if isinstance(error, ConfigurationError | Refused) or not self.tolerated:
                raise
            errors.append(error)
            if len(errors) > self.tolerated:
                raise GivenUp(errors) from error
            if run.tell is not None:
                run.tell("on_retry", run.workflow_id, self.name, len(errors))
            return None
        if run.halt is not None:
            raise run.halt
        if isinstance(answer, Pending):
            errors.clear()
            return answer
        if isinstance(answer, Ready):
            # What this poll made of the run's data is what the task leaves.
            context._data = mine._data
            return answer
        raise halted(
            context,
            f"{self.name}.poll() returned {shown(answer)}, neither Ready(state) nor "
            "Pending(delay)",
        )


def _state_of_ready(annotation: object) -> object:
    return held_by(Ready, annotation, Pending)
