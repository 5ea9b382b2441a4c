"""One call and how it is tried: again and again, each time within its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

from .context import RunContext
from .errors import ConfigurationError, GivenUp, Refused
from .extension import TaskCall
from .guards import guarded
from .policy import TaskConfig, try_again

if TYPE_CHECKING:
    from .run import Run, Visit


@final
@dataclass(frozen=True, slots=True)
class Attempts:
    """A call of a task, or of a part of it, under its configuration.

    Attributes:
        name: the task's name, for observers.
        config: how often and within what.
        attempt: one attempt, without limits and guards.
        call: the same within them.
    """

    name: str
    config: TaskConfig
    attempt: TaskCall
    call: TaskCall

    @classmethod
    def of(cls, name: str, config: TaskConfig, attempt: TaskCall) -> Attempts:
        """Put a call under a configuration."""
        return cls(name, config, attempt, guarded(name, config, attempt))

    def around(self, attempt: TaskCall) -> Attempts:
        """Return the same with another call in its place, within the same limits."""
        call = guarded(self.name, self.config, attempt)
        return replace(self, attempt=attempt, call=call)

    async def made(
        self,
        run: Run,
        visit: Visit,
        *values: Any,
        part: str = "",
        first: Exception | None = None,
        over: Callable[[], bool] | None = None,
    ) -> tuple[RunContext, Any]:
        """Call until an attempt succeeds or the policy gives up.

        Args:
            run: the run.
            visit: the visit.
            values: what is handed to the call in front of its named parameters.
            part: which part of the visit this is.
            first: what the first attempt has failed with, if it was made already.
            over: asked whether it is too late for another attempt.

        Returns:
            The context of the attempt that succeeded, and what it returned.

        Raises:
            GivenUp: every attempt failed.
            ConfigurationError: an attempt failed with it, so the run stops.
            BaseException: what the run stops with, whatever the task made of it.
        """
        if first is None:
            context = RunContext(run, visit, 1, part)
            try:
                result = await self.call(context, *values)
            except Exception as error:  # noqa: BLE001 -- a task may fail with anything
                first = error
        if first is not None:
            context, result = await self._again(run, visit, values, part, first, over)
        if run.halt is not None:
            raise run.halt
        return context, result

    async def _again(
        self,
        run: Run,
        visit: Visit,
        values: tuple[Any, ...],
        part: str,
        first: Exception,
        over: Callable[[], bool] | None,
    ) -> tuple[RunContext, Any]:
        """Try again as the policy says."""
        attempts = [first]

        async def attempt(number: int) -> tuple[RunContext, object]:
            context = RunContext(run, visit, number, part)
            try:
                return context, await self.call(context, *values)
            except Exception as error:
                attempts.append(error)
                raise

        def may_retry() -> bool:
            return not (
                run.halt is not None
                or isinstance(attempts[-1], ConfigurationError | Refused)
                or (run.interruption is not None and run.interruption.due)
                or (over is not None and over())
            )

        def on_retry(number: int) -> None:
            if run.tell is not None:
                run.tell("on_retry", run.workflow_id, self.name, number)

        last: Exception = first
        if self.config.retry.retries and may_retry():
            try:
                outcome: tuple[RunContext, object] = await try_again(
                    self.config.retry,
                    first,
                    attempt,
                    may_retry=may_retry,
                    on_retry=on_retry,
                )
            except Exception as error:  # noqa: BLE001 -- a task may fail with anything
                last = error
            else:
                return outcome
        if isinstance(last, ConfigurationError) and run.halt is None:
            # The program is wrong, not what it was to do: it is mended, and resumed.
            run.halt = last
        if run.halt is not None:
            raise run.halt
        if isinstance(last, Refused):
            attempts[-1:] = last.attempts
            raise GivenUp(attempts) from attempts[-1]
        # What gave up within this call has told of its attempts itself.
        raise last if isinstance(last, GivenUp) else GivenUp(attempts) from last
