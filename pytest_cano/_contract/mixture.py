"""That the rules hold in every order of calls: the store beside a reference.

The reference is `MemoryCheckpointStore`; Hypothesis makes up the calls, and after
each of them both must have given the same answer and hold the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, final

from cano_core.checkpoints.memory import MemoryCheckpointStore
from cano_core.checkpoints.row import CheckpointRow
from cano_core.checkpoints.store import (
    CheckpointStore,
    RemembersOutcomes,
    remembers_outcomes,
)
from cano_core.errors import RunConflictError

from .base import StoreChecks, close
from .lines import Line, broken, checking
from .odd import example_settings
from .rows import DONE, broken_rule, compare, listing, rows


@final
@dataclass(frozen=True, slots=True)
class Call:
    """One call: on which run, how far off the end of its log, with how many rows."""

    name: Literal["append", "finish", "clear"]
    run: str
    off: int
    count: int


class MixtureChecks(StoreChecks):
    """Any calls in any order."""

    def test_calls_in_any_order_keep_the_rules(self, tmp_path: Path) -> None:
        """Appends, ends and clears of two runs, mixed, do what the reference does."""
        from hypothesis import given
        from hypothesis import strategies as st

        with checking(Line.APPEND), asyncio.Runner() as runner:
            store = runner.run(self._made(tmp_path))
            names = ["append", "append", "clear"]
            if remembers_outcomes(store):
                names.append("finish")
            call = st.builds(
                Call,
                name=st.sampled_from(names),
                run=st.sampled_from("ab"),
                off=st.sampled_from([0, 0, 0, 1, -1]),
                count=st.integers(0, 3),
            )
            example = 0

            @example_settings(40)
            @given(calls=st.lists(call, min_size=1, max_size=10))
            def check(calls: list[Call]) -> None:
                nonlocal example
                example += 1
                runner.run(_Twins(store, example).play(calls))

            try:
                check()
            finally:
                runner.run(close(store))


@final
class _Twins:
    """The store under test and the reference, given the same calls."""

    def __init__(self, store: CheckpointStore, example: int) -> None:
        self.store = store
        self.reference = MemoryCheckpointStore()
        self.prefix = f"example {example}, run "

    async def play(self, calls: Sequence[Call]) -> None:
        for number, call in enumerate(calls):
            workflow_id = self.prefix + call.run
            refused = await self._call(call, workflow_id, f"call {number}")
            for run in "ab":
                line = _line_of_state(call, refused=refused, same_run=run == call.run)
                await self._same_state(self.prefix + run, line, f"after {call}")

    async def _call(self, call: Call, workflow_id: str, task: str) -> bool:
        """Make the call on both; return whether it was refused."""
        if call.name == "clear":
            known = workflow_id in await self.reference.list_runs()
            await self.reference.clear(workflow_id)
            with checking(Line.CLEARS if known else Line.CLEARS_UNKNOWN):
                await self.store.clear(workflow_id)
            return False
        log = await self.reference.load_run(workflow_id)
        ended = await self.reference.outcome(workflow_id) is not None
        start = len(log) + call.off
        batch = rows(start, start + call.count, task)
        if call.name == "append":
            if ended and not batch:
                return False  # the contract leaves this open
            expected = await _refused(self.reference.append(workflow_id, *batch))
            with checking(Line.APPEND if batch else Line.EMPTY):
                got = await _refused(self.store.append(workflow_id, *batch))
        else:
            store = cast(RemembersOutcomes, self.store)
            expected = await _refused(self.reference.finish(workflow_id, batch, DONE))
            with checking(Line.FINISH):
                got = await _refused(store.finish(workflow_id, batch, DONE))
        if got != expected:
            state = "a finished run" if ended else f"a log of {listing(log)}"
            raise broken(
                _line_of_answer(call, log, batch, ended=ended, refused=got),
                f"{call.name} of {listing(batch)} to {state} was "
                f"{'refused' if got else 'accepted'}",
            )
        return got

    async def _same_state(self, workflow_id: str, line: Line, when: str) -> None:
        compare(
            await self.store.load_run(workflow_id),
            await self.reference.load_run(workflow_id),
            line,
            when,
        )
        if remembers_outcomes(self.store):
            found = await self.store.outcome(workflow_id)
            expected = await self.reference.outcome(workflow_id)
            if found and not expected and line is not Line.CLEARS:
                line = Line.NO_OUTCOME
            if found != expected:
                raise broken(
                    line, f"{when}, the outcome is {found!r}, expected {expected!r}"
                )


async def _refused(call: Awaitable[None]) -> bool:
    try:
        await call
    except RunConflictError:
        return True
    return False


def _line_of_answer(
    call: Call,
    log: Sequence[CheckpointRow],
    batch: Sequence[CheckpointRow],
    *,
    ended: bool,
    refused: bool,
) -> Line:
    if refused:
        return Line.APPEND if call.name == "append" else Line.FINISH
    if ended:
        return Line.FINISHED
    if call.name == "finish":
        return Line.FINISH_RULE
    return broken_rule(len(log), batch) or Line.APPEND


def _line_of_state(call: Call, *, refused: bool, same_run: bool) -> Line:
    if not same_run:
        return Line.CLEARS_ONLY if call.name == "clear" else Line.OWN_RUN
    if call.name == "clear":
        return Line.CLEARS
    if call.name == "finish":
        return Line.FINISH
    return Line.ATOMIC if refused else Line.APPEND
