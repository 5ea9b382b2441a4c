"""The branches of one split, from their start until the last of them has ended.

A branch ends in one of four ways: with a value, which counts once it is a row; with a
failure; cancelled, because the split was over without it; or with what stops the whole
run (a crash, a store that failed, somebody else who owns the run).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, final

from .context import RunContext
from .errors import BranchCancelledError, ConfigurationError, GivenUp
from .progress import Branch, part_of
from .results import encode_result
from .tasks.parts import changed_data, halted
from .wording import described

if TYPE_CHECKING:
    from .split import Split

MOST_SHOWN = 3
"""How many failed branches a message tells of."""


@final
class Branches:
    """One go at the branches of a split, in one process.

    Args:
        split: what to do.
        context: the attempt that does it.

    Attributes:
        errors: why branches failed while they were waited for, by index.
    """

    def __init__(self, split: Split, context: RunContext) -> None:
        self.errors: dict[int, Exception] = {}
        self._split = split
        self._run = context._run
        self._visit = context._visit
        self._snapshot = context._run.snapshot
        self._parts = [
            part_of(context._part, index) for index in range(len(split.branches))
        ]
        bulkhead = split.join.bulkhead
        self._bulkhead: contextlib.AbstractAsyncContextManager[None] = (
            contextlib.nullcontext()
            if bulkhead is None
            else asyncio.Semaphore(bulkhead)
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._recorded = 0
        self._decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over: str | None = None
        self._crash: BaseException | None = None
        self._timed_out = False

    @property
    def succeeded(self) -> dict[int, bytes]:
        """The encoded values of the branches that have one, in the order of the log."""
        numbers = {part: index for index, part in enumerate(self._parts)}
        return {
            numbers[part]: value
            for part, value in self._visit.progress.branches.items()
            if part in numbers
        }

    async def until_joined(self) -> None:
        """Run what has no value yet until the join is decided, and await all of it.

        Raises:
            GivenUp: too many failed, or the join's time was over.
            BaseException: what stops the whole run.
        """
        known = self._visit.progress.branches
        missing = [index for index, part in enumerate(self._parts) if part not in known]
        self._recorded = len(self._parts) - len(missing)
        if not self._settled:
            await self._run_all(missing)
        succeeded = len(self.succeeded)
        if succeeded < self._split.join.strategy.needed(len(self._parts)):
            raise self._failure(succeeded)

    async def _run_all(self, indices: list[int]) -> None:
        seconds = self._split.join.timeout
        try:
            for index in indices:
                self._tasks.append(asyncio.create_task(self._branch(index)))
            async with asyncio.timeout(seconds):
                await self._decided
        except TimeoutError:
            self._timed_out = True
            self._stop(f"the join's timeout of {seconds} seconds was over")
        finally:
            self._stop("the run was stopped")
            cancelled = await self._ended()
            if self._crash is not None:
                raise self._crash
            if cancelled is not None:
                raise cancelled

    async def _branch(self, index: int) -> None:
        run, part = self._run, self._parts[index]
        attempts = self._split.branches[index].attempts
        begun = False
        error: Exception | None = None
        try:
            async with self._bulkhead:
                if self._over is not None:
                    return
                begun = True
                if run.tell is not None:
                    run.tell("on_task_start", run.workflow_id, attempts.name)
                context, value = await attempts.made(run, self._visit, part=part)
            await self._keep(index, context, value)
        except GivenUp as given_up:
            error = given_up.cause
            if self._over is None:
                self.errors[index] = error
        except BaseException as stopped:  # noqa: BLE001 -- raised by who awaits us
            if isinstance(stopped, Exception):
                error = stopped
            if self._over is None or not isinstance(stopped, asyncio.CancelledError):
                self._crashed(stopped)
        if part in self._visit.progress.branches:
            self._recorded += 1
            if run.tell is not None:
                run.tell("on_task_success", run.workflow_id, attempts.name)
        elif begun and run.tell is not None:
            if error is None:
                error = BranchCancelledError(f"{attempts.name}: {self._over}")
            run.tell("on_task_failure", run.workflow_id, attempts.name, error)
        if self._over is None and self._settled:
            self._stop("the join was decided without it")

    async def _keep(self, index: int, context: RunContext, value: object) -> None:
        """Make a value durable, if it is still waited for."""
        if self._over is not None:
            return
        run, branch, part = self._run, self._split.branches[index], self._parts[index]
        name = branch.attempts.name
        if run.snapshot is not self._snapshot or changed_data(context) is not None:
            raise halted(
                context,
                f"branch {name!r} changed the run's data, which other branches have "
                "at the same time; return what is to be kept, and let the join state "
                "change the data",
            )
        try:
            encoded = encode_result(
                branch.codec,
                value,
                f"{run.described}: the value of branch {name!r} of state "
                f"{context.label!r}",
            )
        except ConfigurationError as error:
            # The branch has done its work and the log can't know of it.
            run.halt = error
            raise
        await run.record(self._visit, Branch(part, encoded), f"branch {name!r}")

    @property
    def _settled(self) -> bool:
        return self._split.join.strategy.is_settled(
            len(self._parts), self._recorded, len(self.errors)
        )

    def _crashed(self, error: BaseException) -> None:
        # What stops the run says more than a cancellation that came of it.
        if self._crash is None or isinstance(self._crash, asyncio.CancelledError):
            self._crash = error
        self._stop(f"the run was stopped by {described(error)}")

    def _stop(self, why: str) -> None:
        """Wait for no branch any more; in the same turn, so that none goes on."""
        if self._over is not None:
            return
        self._over = why
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        if not self._decided.done():
            self._decided.set_result(None)

    async def _ended(self) -> asyncio.CancelledError | None:
        """Await every branch; return a cancellation that came meanwhile."""
        cancelled: asyncio.CancelledError | None = None
        while running := [task for task in self._tasks if not task.done()]:
            try:
                await asyncio.wait(running)
            except asyncio.CancelledError as error:
                cancelled = error
                for task in running:
                    task.cancel()
        return cancelled

    def _failure(self, succeeded: int) -> GivenUp:
        branches = self._split.branches
        failed = [(index, self.errors[index]) for index in sorted(self.errors)]
        errors = [error for _, error in failed]
        if self._timed_out:
            join = self._split.join
            needed = join.strategy.needed(len(branches))
            timeout = TimeoutError(
                f"the join was not decided within {join.timeout} seconds: {needed} of "
                f"{len(branches)} branches had to succeed, {succeeded} did and "
                f"{len(errors)} failed"
            )
            return GivenUp((*errors, timeout), cause=timeout, summary=str(timeout))
        shown = [
            f"{branches[index].attempts.name} with {described(error)}"
            for index, error in failed[:MOST_SHOWN]
        ]
        if len(failed) > MOST_SHOWN:
            shown.append(f"and {len(failed) - MOST_SHOWN} more")
        summary = (
            f"{len(failed)} of {len(branches)} branches failed: {'; '.join(shown)}"
        )
        cause = errors[0] if len(errors) == 1 else ExceptionGroup(summary, errors)
        return GivenUp(errors, cause=cause, summary=summary)
