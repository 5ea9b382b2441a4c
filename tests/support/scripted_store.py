"""A store whose every operation a test can watch, fail, delay or end the world in."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cano_core import CheckpointRow, MemoryCheckpointStore, Outcome

Script = Callable[[str, int], Awaitable[None] | None]
"""Called as ``script(operation, n)`` around the n-th call (from 1) of an operation."""


def nothing(operation: str, n: int) -> None:
    pass


class ThreeMethodStore:
    """What a user's own store may be: only append, load_run and clear.

    Args:
        before: called before an operation; what it raises keeps the operation from
            happening.
        after: called after an operation has taken effect; what it raises is an
            acknowledgement that got lost.
        inner: where the rows really are.
    """

    def __init__(
        self,
        *,
        before: Script = nothing,
        after: Script = nothing,
        inner: MemoryCheckpointStore | None = None,
    ) -> None:
        self.before = before
        self.after = after
        self.inner = inner or MemoryCheckpointStore()
        self.calls: list[str] = []

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        await self.scripted("append", workflow_id, *rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        found: Sequence[CheckpointRow] = await self.scripted("load_run", workflow_id)
        return found

    async def clear(self, workflow_id: str) -> None:
        await self.scripted("clear", workflow_id)

    async def scripted(self, operation: str, *arguments: Any) -> Any:
        self.calls.append(operation)
        n = self.calls.count(operation)
        await _finished(self.before(operation, n))
        result = await getattr(self.inner, operation)(*arguments)
        await _finished(self.after(operation, n))
        return result


class ScriptedStore(ThreeMethodStore):
    """The same with outcomes."""

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Outcome
    ) -> None:
        await self.scripted("finish", workflow_id, rows, outcome)

    async def outcome(self, workflow_id: str) -> Outcome | None:
        found: Outcome | None = await self.scripted("outcome", workflow_id)
        return found


def raising(error: BaseException, operation: str, n: int = 1) -> Script:
    """Raise in the n-th call of one operation, and in no other."""

    def script(called: str, number: int) -> None:
        if (called, number) == (operation, n):
            raise error

    return script


async def _finished(result: Awaitable[None] | None) -> None:
    if inspect.isawaitable(result):
        await result
