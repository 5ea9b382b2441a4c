"""Stores that break the contract, each in one way.

Each is `PlainStore` with one thing wrong. The contract has to find it, and to name
exactly these lines.
"""

import asyncio
import fnmatch
import threading
import unicodedata
from dataclasses import replace

from cano_core import CheckpointRow, RunConflictError
from plain_store import PlainStore, breaks
from pytest_cano._contract.lines import Line

# What append takes and refuses.


@breaks(Line.GAP, Line.STARTS_AT_ZERO)
class AcceptsGaps(PlainStore):
    def legal(self, length, rows):
        first = rows[0].sequence
        return first >= length and super().legal(first, rows)


@breaks(Line.STARTS_AT_ZERO)
class BeginsAnywhere(PlainStore):
    def legal(self, length, rows):
        first = rows[0].sequence
        return super().legal(length or max(first, 0), rows)


@breaks(Line.TAKEN, Line.ONE_WINS)
class AcceptsDuplicates(PlainStore):
    def legal(self, length, rows):
        first = rows[0].sequence
        return first <= length and super().legal(first, rows)


@breaks(Line.TAKEN, Line.ONE_WINS)
class Overwrites(AcceptsDuplicates):
    def write(self, key, rows):
        log = self.logs.setdefault(key, [])
        log[rows[0].sequence : rows[-1].sequence + 1] = rows


@breaks(Line.FOLLOWS)
class ChecksTheFirstRowOnly(PlainStore):
    def legal(self, length, rows):
        return rows[0].sequence == length


@breaks(Line.APPEND, Line.ONE_WINS, Line.CLEARS)
class GivesUpAfterAConflict(PlainStore):
    def __init__(self):
        super().__init__()
        self.contested = set()

    def takes_rows(self, key):
        return key not in self.contested and super().takes_rows(key)

    def legal(self, length, rows):
        legal = super().legal(length, rows)
        if not legal:
            self.contested.add("order-1")
        return legal


@breaks(Line.CONFLICT, Line.ONE_WINS)
class RaisesAnotherError(PlainStore):
    async def append(self, workflow_id, *rows):
        try:
            await super().append(workflow_id, *rows)
        except RunConflictError as error:
            raise ValueError("no") from error


@breaks(Line.ATOMIC)
class KeepsTheGoodRows(PlainStore):
    def legal(self, length, rows):
        return rows[0].sequence == length

    def write(self, key, rows):
        for row in rows:
            if row.sequence != len(self.logs.get(key, [])):
                raise RunConflictError(key, row.sequence)
            super().write(key, [row])


@breaks(Line.ATOMIC)
class WritesRowByRow(PlainStore):
    async def append(self, workflow_id, *rows):
        start = len(self.logs.get(workflow_id, []))
        if rows and not self.legal(start, rows):
            raise RunConflictError(workflow_id, rows[0].sequence)
        for row in rows:
            await super().append(workflow_id, row)


@breaks(Line.EMPTY)
class NeedsRows(PlainStore):
    async def append(self, workflow_id, *rows):
        if not rows:
            raise ValueError("no rows")
        await super().append(workflow_id, *rows)


@breaks(Line.LISTS)
class RemembersEmptyAppends(PlainStore):
    async def append(self, workflow_id, *rows):
        await super().append(workflow_id, *rows)
        if workflow_id not in self.ends:
            self.logs.setdefault(workflow_id, [])


@breaks(Line.ONE_WINS)
class ChecksThenWaits(PlainStore):
    async def append(self, workflow_id, *rows):
        if rows and (
            workflow_id in self.ends
            or not self.legal(len(self.logs.get(workflow_id, [])), rows)
        ):
            raise RunConflictError(workflow_id, rows[0].sequence)
        await asyncio.sleep(0)
        if rows:
            self.write(workflow_id, rows)


@breaks(Line.CANCELLED)
class WritesAfterTheCancellation(PlainStore):
    async def append(self, workflow_id, *rows):
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def work(turns: int) -> None:
            if turns:
                loop.call_soon(work, turns - 1)
                return
            append = loop.create_task(
                super(type(self), self).append(workflow_id, *rows)
            )
            append.add_done_callback(finished)

        def finished(append: asyncio.Task[None]) -> None:
            error = append.exception()
            if done.cancelled():
                return
            if error:
                done.set_exception(error)
            else:
                done.set_result(None)

        work(10)
        await done


@breaks(Line.OWN_RUN, Line.LOOPS, Line.CANCELLED)
class RefusesWhileBusy(PlainStore):
    def __init__(self):
        super().__init__()
        self.busy = ""

    async def append(self, workflow_id, *rows):
        if self.busy not in ("", workflow_id):
            raise RunConflictError(workflow_id, 0)
        self.busy = workflow_id
        try:
            await super().append(workflow_id, *rows)
        finally:
            self.busy = ""


# What comes back.


@breaks(Line.LOAD)
class SortsByText(PlainStore):
    async def load_run(self, workflow_id):
        found = await super().load_run(workflow_id)
        return sorted(found, key=lambda row: str(row.sequence))


@breaks(Line.LOAD)
class LoadsOnePage(PlainStore):
    async def load_run(self, workflow_id):
        return (await super().load_run(workflow_id))[:1000]


@breaks(Line.UNKNOWN)
class InventsARow(PlainStore):
    async def load_run(self, workflow_id):
        found = await super().load_run(workflow_id)
        return [CheckpointRow(0, "", "", 0)] if workflow_id == "nobody" else found


@breaks(Line.NO_PAYLOAD)
class LosesEmptyPayloads(PlainStore):
    def stored(self, row):
        return replace(row, payload=row.payload or None)


@breaks(Line.NO_PAYLOAD)
class LosesMissingPayloads(PlainStore):
    def stored(self, row):
        return replace(row, payload=row.payload or b"")


@breaks(Line.ROW)
class ReturnsPlainNumbers(PlainStore):
    def stored(self, row):
        return replace(row, kind=int(row.kind))


@breaks(Line.ROW)
class ReturnsBuffers(PlainStore):
    def stored(self, row):
        payload = row.payload
        return replace(row, payload=memoryview(payload) if payload else payload)


@breaks(Line.ROW, needs=["test_odd_rows_come_back_as_written"])
class CutsAtNul(PlainStore):
    def stored(self, row):
        return replace(row, task=row.task.split("\0")[0])


@breaks(Line.ROW, needs=["test_odd_rows_come_back_as_written"])
class LosesBigPayloads(PlainStore):
    def stored(self, row):
        return replace(row, payload=row.payload and row.payload[: 2**20])


@breaks(Line.ROW, needs=["test_generated_rows_come_back_as_written"])
class KeepsSmallVersions(PlainStore):
    def stored(self, row):
        return replace(row, version=row.version & 0xFFFF)


# Runs and clear.


@breaks(Line.OWN_RUN)
class IgnoresCase(PlainStore):
    def key(self, workflow_id):
        return workflow_id.casefold()


@breaks(Line.OWN_RUN)
class IgnoresTrailingSpace(PlainStore):
    def key(self, workflow_id):
        return workflow_id.rstrip()


@breaks(Line.OWN_RUN)
class NormalisesIds(PlainStore):
    def key(self, workflow_id):
        return unicodedata.normalize("NFC", workflow_id)


@breaks(Line.OWN_RUN)
class CutsLongIds(PlainStore):
    def key(self, workflow_id):
        return workflow_id.encode()[:254].decode(errors="replace")


@breaks(Line.OWN_RUN)
class ReadsNumbers(PlainStore):
    def key(self, workflow_id):
        try:
            return str(float(workflow_id))
        except ValueError:
            return workflow_id


@breaks(Line.CLEARS_ONLY)
class ClearsByPattern(PlainStore):
    async def clear(self, workflow_id):
        for key in fnmatch.filter(list(self.logs), workflow_id):
            await super().clear(key)
        await super().clear(workflow_id)


@breaks(Line.CLEARS_ONLY, Line.LISTS)
class ClearsEverything(PlainStore):
    async def clear(self, workflow_id):
        self.logs.clear()
        self.ends.clear()


@breaks(Line.CLEARS)
class KeepsTheIdTaken(PlainStore):
    def __init__(self):
        super().__init__()
        self.cleared = set()

    async def clear(self, workflow_id):
        self.cleared.add(workflow_id)
        await super().clear(workflow_id)

    def takes_rows(self, key):
        return key not in self.cleared and super().takes_rows(key)


@breaks(Line.CLEARS, Line.LISTS)
class ClearKeepsTheOutcome(PlainStore):
    async def clear(self, workflow_id):
        self.logs.pop(workflow_id, None)


@breaks(Line.CLEARS_UNKNOWN)
class ClearNeedsARun(PlainStore):
    async def clear(self, workflow_id):
        if workflow_id not in self.logs and workflow_id not in self.ends:
            raise KeyError(workflow_id)
        await super().clear(workflow_id)


# Event loops.


@breaks(Line.LOOPS)
class BelongsToOneLoop(PlainStore):
    def __init__(self):
        super().__init__()
        self.lock = asyncio.Lock()

    async def append(self, workflow_id, *rows):
        async with self.lock:
            await super().append(workflow_id, *rows)


# Stores that do not answer, or not let go.


class LeavesAThread(PlainStore):
    """Starts a thread that waits for ever."""

    def __init__(self) -> None:
        super().__init__()
        threading.Thread(target=threading.Event().wait).start()


class NeverAnswers(PlainStore):
    """Takes rows and says nothing."""

    async def append(self, workflow_id, *rows):
        await asyncio.get_running_loop().create_future()
