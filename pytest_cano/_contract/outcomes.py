"""The optional capability to remember how a run ended: `finish` and `outcome`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias, cast

from cano_core.checkpoints.row import CheckpointRow, Outcome, OutcomeStatus
from cano_core.checkpoints.store import CheckpointStore, RemembersOutcomes
from cano_core.errors import RunConflictError

from .base import StoreChecks
from .calls import finish, holds, refuses, write
from .lines import Line, broken
from .odd import outcomes
from .rows import (
    DONE,
    RUN,
    compare,
    listing,
    row,
    rows,
    same_fields,
)

OutcomeCheck: TypeAlias = Callable[[RemembersOutcomes], Awaitable[None]]
OTHER = Outcome(OutcomeStatus.ROLLED_BACK, "Charge", b"other", 4)


class OutcomeChecks(StoreChecks):
    """`finish` and `outcome`; skipped for a store that has neither."""

    def test_finish_replaces_the_log_by_its_outcome(self, tmp_path: Path) -> None:
        """Afterwards there are no rows, and the outcome is there; clear forgets it."""

        async def check(store: RemembersOutcomes) -> None:
            await write(store, "order-2", [row(0)])
            for log, last in ((2, 1), (2, 3), (0, 1), (2, 0)):
                if log:
                    await write(store, RUN, rows(0, log), Line.CLEARS)
                await finish(store, RUN, rows(log, log + last))
                what = f"after finish with {last} rows at a log of {log}"
                await holds(store, RUN, [], Line.FINISH, what)
                await _ended(store, RUN, DONE, what)
                await holds(store, "order-2", [row(0)], Line.OWN_RUN, what)
                await _not_ended(store, "order-2", Line.NO_OUTCOME, what)
                await store.clear(RUN)
                await _not_ended(store, RUN, Line.CLEARS, "after clear")
                await holds(store, "order-2", [row(0)], Line.CLEARS_ONLY, "after clear")

        self._check_outcomes(Line.FINISH, tmp_path, check)

    def test_finish_obeys_the_rule_of_append(self, tmp_path: Path) -> None:
        """Rows that do not continue the log are a conflict, and nothing is written.

        Without rows there must be a log.
        """

        async def check(store: RemembersOutcomes) -> None:
            await _refuses_finish(store, [], Line.FINISH_RULE)
            await _refuses_finish(store, [row(1)], Line.FINISH_RULE)
            await write(store, RUN, rows(0, 3))
            for last in ([row(4)], [row(2)], [row(3), row(5)], [row(3), row(3)]):
                await _refuses_finish(store, last, Line.FINISH_RULE)

        self._check_outcomes(Line.FINISH_RULE, tmp_path, check)

    def test_a_finished_run_takes_no_rows(self, tmp_path: Path) -> None:
        """Every append and every finish is a conflict, until `clear` frees the id."""

        async def check(store: RemembersOutcomes) -> None:
            await write(store, RUN, rows(0, 2))
            await finish(store, RUN, [row(2)])
            for batch in ([row(3)], [row(2)], [row(0)], rows(0, 3)):
                await refuses(store, RUN, batch, Line.FINISHED)
                await _refuses_finish(store, batch, Line.FINISHED, OTHER)
            await _refuses_finish(store, [], Line.FINISHED, OTHER)
            await _ended(store, RUN, DONE, "after refused calls")
            await store.clear(RUN)
            await write(store, RUN, [row(0)], Line.CLEARS)
            await holds(store, RUN, [row(0)], Line.CLEARS, "begun again after clear")
            await _not_ended(store, RUN, Line.CLEARS, "begun again after clear")

        self._check_outcomes(Line.FINISHED, tmp_path, check)

    def test_an_outcome_comes_back_as_recorded(self, tmp_path: Path) -> None:
        """Either status, odd labels, no payload, an empty one and 5 MiB."""

        async def check(store: RemembersOutcomes) -> None:
            recorded = {f"order-{n}": end for n, end in enumerate(outcomes())}
            for workflow_id, end in recorded.items():
                await finish(store, workflow_id, [row(0)], end)
            for workflow_id, end in recorded.items():
                await _ended(store, workflow_id, end, "after finish")

        self._check_outcomes(Line.OUTCOME, tmp_path, check)

    def test_a_run_that_has_not_ended_has_no_outcome(self, tmp_path: Path) -> None:
        """Neither an unknown run nor one with a log has an outcome."""

        async def check(store: RemembersOutcomes) -> None:
            await _not_ended(store, RUN, Line.NO_OUTCOME, "in an empty store")
            await write(store, RUN, [row(0)])
            await _not_ended(store, RUN, Line.NO_OUTCOME, "after an append")
            await finish(store, "order-2", [row(0)])
            await _not_ended(store, RUN, Line.NO_OUTCOME, "beside a finished run")

        self._check_outcomes(Line.NO_OUTCOME, tmp_path, check)

    def test_a_reader_never_sees_half_a_finish(self, tmp_path: Path) -> None:
        """While runs are finished, each has all of its rows or its outcome."""

        async def check(store: RemembersOutcomes) -> None:
            ids = [f"order-{number}" for number in range(40)]
            for workflow_id in ids:
                await write(store, workflow_id, rows(0, 2))
            async with AsyncExitStack() as opened:
                readers = [store]
                if self.shared:
                    # One object may well answer its callers one after the other.
                    other = await opened.enter_async_context(self._opened(tmp_path))
                    readers.append(cast(RemembersOutcomes, other))
                # One by one: together a store may well end them in one transaction.
                for workflow_id in ids:
                    async with asyncio.TaskGroup() as tasks:
                        ending = tasks.create_task(
                            store.finish(workflow_id, [row(2)], DONE)
                        )
                        for reader in readers:
                            tasks.create_task(watch(reader, workflow_id, ending))

        async def watch(
            store: RemembersOutcomes, workflow_id: str, ending: asyncio.Task[None]
        ) -> None:
            while True:
                last_look = ending.done()
                ended = await store.outcome(workflow_id)
                log = await store.load_run(workflow_id)
                if log and ended:
                    raise broken(
                        Line.FINISH, f"a reader saw {listing(log)} and an outcome"
                    )
                if log:
                    compare(log, rows(0, 2), Line.FINISH, "while it was finished")
                elif await store.outcome(workflow_id) is None:
                    raise broken(
                        Line.FINISH, "a reader saw neither the log nor an outcome"
                    )
                if last_look:
                    return
                await asyncio.sleep(0)

        self._check_outcomes(Line.FINISH, tmp_path, check)

    def test_of_racing_ends_exactly_one_wins(self, tmp_path: Path) -> None:
        """Of many that finish a run, or append to it, one is acknowledged."""

        async def check(store: RemembersOutcomes) -> None:
            for attempt in range(5):
                workflow_id = f"order-{attempt}"
                await write(store, workflow_id, [row(0)])
                results = await asyncio.gather(
                    *(store.finish(workflow_id, [row(1)], DONE) for _ in range(4)),
                    *(store.append(workflow_id, row(1)) for _ in range(4)),
                    return_exceptions=True,
                )
                if results.count(None) != 1:
                    raise broken(
                        Line.ONE_WINS,
                        "4 tasks finished a run and 4 appended to it, all with row 1: "
                        f"{results.count(None)} were acknowledged",
                    )
                for result in results:
                    if result is not None and not isinstance(result, RunConflictError):
                        raise broken(
                            Line.CONFLICT, f"a loser got {result!r}"
                        ) from result

        self._check_outcomes(Line.ONE_WINS, tmp_path, check)

    def test_a_new_object_sees_the_outcome(self, tmp_path: Path) -> None:
        """A store that is closed and opened again knows how its runs ended."""
        self._need_durable()

        async def first(store: RemembersOutcomes) -> None:
            await finish(store, RUN, [row(0)])

        async def second(store: RemembersOutcomes) -> None:
            if await store.outcome(RUN) is None:
                raise broken(Line.DURABLE, "opened again, the outcome was gone")
            await _ended(store, RUN, DONE, "opened again")
            await refuses(store, RUN, [row(0)], Line.FINISHED)

        for check in (first, second):
            self._check_outcomes(Line.DURABLE, tmp_path, check)

    def _check_outcomes(self, line: Line, directory: Path, check: OutcomeCheck) -> None:
        __tracebackhide__ = True

        async def with_outcomes(store: CheckpointStore) -> None:
            self._need(store, "finish", "outcome")
            await check(cast(RemembersOutcomes, store))

        self._check(line, directory, with_outcomes)


async def _ended(
    store: RemembersOutcomes, workflow_id: str, expected: Outcome, when: str
) -> None:
    __tracebackhide__ = True
    found = await store.outcome(workflow_id)
    if found is None:
        raise broken(Line.FINISH, f"{when}, {workflow_id!r} has no outcome")
    same_fields(found, expected, Line.OUTCOME, f"{when}, outcome of {workflow_id!r}")


async def _not_ended(
    store: RemembersOutcomes, workflow_id: str, line: Line, when: str
) -> None:
    __tracebackhide__ = True
    found = await store.outcome(workflow_id)
    if found is not None:
        raise broken(line, f"{when}, {workflow_id!r} has the outcome {found!r}")


async def _refuses_finish(
    store: RemembersOutcomes,
    last: Sequence[CheckpointRow],
    line: Line,
    end: Outcome = DONE,
) -> None:
    __tracebackhide__ = True
    log, outcome = await store.load_run(RUN), await store.outcome(RUN)
    what = f"finish with {listing(last)} at a log of {listing(log)}"
    try:
        await store.finish(RUN, last, end)
    except RunConflictError:
        pass
    except Exception as error:
        raise broken(Line.CONFLICT, f"{what} raised {error!r}") from error
    else:
        raise broken(line, f"{what} was accepted")
    await holds(store, RUN, log, Line.FINISH, f"after a refused {what}")
    if await store.outcome(RUN) != outcome:
        raise broken(Line.FINISH, f"a refused {what} has changed the outcome")
