"""Stores that get the optional part of the contract wrong, each in one way."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from cano_core import ConfigurationError, RowKind
from plain_store import PlainStore, breaks
from pytest_cano._contract.lines import Line

# The outcome.


@breaks(Line.FINISH)
class FinishKeepsTheLog(PlainStore):
    async def end(self, key, outcome):
        self.ends[key] = outcome, datetime.now(UTC)


@breaks(Line.FINISH)
class FinishForgetsTheOutcome(PlainStore):
    async def end(self, key, outcome):
        self.logs.pop(key, None)
        self.ends[key] = None, datetime.now(UTC)


@breaks(Line.FINISH)
class FinishTakesTwoSteps(PlainStore):
    async def end(self, key, outcome):
        self.ends[key] = outcome, datetime.now(UTC)
        for _ in range(3):
            await asyncio.sleep(0)
        self.logs.pop(key, None)


@breaks(Line.FINISH)
class FinishLeavesNothingForAMoment(PlainStore):
    async def end(self, key, outcome):
        self.logs.pop(key, None)
        self.ends[key] = None, datetime.now(UTC)
        for _ in range(3):
            await asyncio.sleep(0)
        await super().end(key, outcome)


@breaks(Line.FINISH)
class FinishTakesOneRowOnly(PlainStore):
    def legal_end(self, key, rows):
        return len(rows) < 2 and super().legal_end(key, rows)


@breaks(Line.FINISH_RULE)
class FinishTakesAnyRows(PlainStore):
    def legal_end(self, key, rows):
        return bool(rows or key in self.logs)


@breaks(Line.FINISH_RULE)
class FinishesWhatNeverBegan(PlainStore):
    def legal_end(self, key, rows):
        return self.legal(len(self.logs.get(key, [])), rows)


@breaks(Line.FINISH)
class ARefusedFinishClears(PlainStore):
    def legal_end(self, key, rows):
        legal = super().legal_end(key, rows)
        if not legal:
            self.logs.pop(key, None)
        return legal


@breaks(Line.FINISHED)
class AppendsToAFinishedRun(PlainStore):
    def takes_rows(self, key):
        return True


@breaks(Line.APPEND, needs=["test_calls_in_any_order_keep_the_rules"])
class TiresOfClears(PlainStore):
    def __init__(self):
        super().__init__()
        self.clears = {}

    async def clear(self, workflow_id):
        await super().clear(workflow_id)
        self.clears[workflow_id] = self.clears.get(workflow_id, 0) + 1

    def takes_rows(self, key):
        tired = key != "order-1" and self.clears.get(key, 0) > 1
        return not tired and super().takes_rows(key)


@breaks(Line.FINISHED)
class FinishesTwice(PlainStore):
    async def finish(self, workflow_id, rows, outcome):
        if not rows and workflow_id in self.ends:
            return
        await super().finish(workflow_id, rows, outcome)


@breaks(Line.ONE_WINS)
class ChecksThenWaitsBeforeTheEnd(PlainStore):
    async def end(self, key, outcome):
        await asyncio.sleep(0)
        await super().end(key, outcome)


@breaks(Line.NO_PAYLOAD)
class OutcomeLosesEmptyPayloads(PlainStore):
    async def end(self, key, outcome):
        await super().end(key, replace(outcome, payload=outcome.payload or None))


@breaks(Line.OUTCOME)
class OutcomeStatusIsText(PlainStore):
    async def end(self, key, outcome):
        await super().end(key, replace(outcome, status=str(outcome.status)))


@breaks(Line.NO_OUTCOME)
class EveryRunHasAnOutcome(PlainStore):
    async def outcome(self, workflow_id):
        found = await super().outcome(workflow_id)
        busy = len(self.logs) == 1 and len(self.ends) == 1
        return next(iter(self.ends.values()))[0] if busy and not found else found


# Looking over all runs.


@breaks(Line.LISTS)
class ListsInOrderOfCreation(PlainStore):
    async def list_runs(self):
        return list({**self.logs, **self.ends})


@breaks(Line.LISTS)
class ListsLogsOnly(PlainStore):
    async def list_runs(self):
        return sorted(self.logs)


@breaks(Line.LISTS)
class ListsOutcomesTwice(PlainStore):
    async def list_runs(self):
        return sorted([*self.logs, *self.ends, *self.ends])


@breaks(Line.LISTS)
class SortsByUtf16(PlainStore):
    async def list_runs(self):
        found = await super().list_runs()
        return sorted(found, key=lambda one: one.encode("utf-16-be"))


@breaks(Line.PRUNES)
class PrunesEveryOutcome(PlainStore):
    async def prune(self, older_than):
        await super().prune(older_than)
        count = len(self.ends)
        self.ends.clear()
        return count


@breaks(Line.PRUNES)
class PrunesNothing(PlainStore):
    async def prune(self, older_than):
        if older_than.tzinfo is None:
            raise ConfigurationError("naive")
        return 0


@breaks(Line.PRUNES)
class PrunesByText(PlainStore):
    async def prune(self, older_than):
        await super().prune(datetime.min.replace(tzinfo=older_than.tzinfo))
        old = [k for k, (_, at) in self.ends.items() if str(at) < str(older_than)]
        for key in old:
            del self.ends[key]
        return len(old)


@breaks(Line.PRUNES)
class PrunesWithoutCounting(PlainStore):
    async def prune(self, older_than):
        await super().prune(older_than)


@breaks(Line.PRUNES_NO_LOG)
class PrunesLogs(PlainStore):
    async def prune(self, older_than):
        count = await super().prune(older_than)
        self.logs.clear()
        return count


@breaks(Line.PRUNE_AWARE)
class PrunesByANaiveMoment(PlainStore):
    async def prune(self, older_than):
        return await super().prune(older_than.astimezone(UTC))


@breaks(Line.PRUNE_AWARE)
class ComparesNaiveMoments(PlainStore):
    async def prune(self, older_than):
        if older_than.tzinfo is None:
            raise TypeError("can't compare offset-naive and offset-aware datetimes")
        return await super().prune(older_than)


# The tail.


class ReadsTail(PlainStore):
    """Leaves out whatever `replaced` says of a row and those behind it."""

    def replaced(self, row, later):
        return row.kind == RowKind.STEP_CURSOR and any(
            other.kind == row.kind and other.task == row.task for other in later
        )

    async def load_tail(self, workflow_id):
        log = list(await self.load_run(workflow_id))
        return [
            row for at, row in enumerate(log) if not self.replaced(row, log[at + 1 :])
        ]


@breaks(Line.TAIL)
class TailKeepsOneCursorOfAll(ReadsTail):
    def replaced(self, row, later):
        return row.kind == RowKind.STEP_CURSOR and any(
            other.kind == row.kind for other in later
        )


@breaks(Line.TAIL)
class TailLosesWhatIsNoCursor(ReadsTail):
    def replaced(self, row, later):
        return any(other.task == row.task for other in later)


@breaks(Line.TAIL)
class TailLosesTheLastCursor(ReadsTail):
    def replaced(self, row, later):
        return row.kind == RowKind.STEP_CURSOR


@breaks(Line.TAIL)
class TailBeginsWithItsEnd(ReadsTail):
    async def load_tail(self, workflow_id):
        return [*reversed(await super().load_tail(workflow_id))]


@breaks(Line.TAIL)
class TailIsOfAnyRun(ReadsTail):
    async def load_tail(self, workflow_id):
        return await super().load_tail(next(iter(self.logs), workflow_id))


@breaks(Line.TAIL)
class TailOfAFinishedRunStays(ReadsTail):
    async def end(self, key, outcome):
        self.last = [*self.logs.get(key, [])]
        await super().end(key, outcome)

    async def load_tail(self, workflow_id):
        if self.key(workflow_id) in self.ends:
            return self.last
        return await super().load_tail(workflow_id)
