"""The SQLite store: what it keeps, and what becomes of calls that share a commit."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    ConfigurationError,
    RunConflictError,
    SQLiteCheckpointStore,
)
from cano_core.checkpoints import _sqlite_log
from sqlite_runs import FINISHED, entry

ODD_IDS = [
    'it\'s "quoted"',
    "100%_[a-z]*?",
    "run",
    "run ",
    "RUN",
    "\N{SNOWMAN}\N{PILE OF POO}",
    "nul",
    "nul\0in the middle",
    "x" * 10_000,
    "",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.mark.parametrize(
    "payload", [None, b"", b"\0", b"x" * (5 << 20)], ids=["None", "empty", "nul", "5M"]
)
def test_payloads_come_back_as_they_were(path: Path, payload: bytes | None):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0, payload))
            await store.append("run", entry(1), entry(2, payload))
        async with SQLiteCheckpointStore(path) as store:
            return await store.load_run("run")

    assert asyncio.run(main()) == [entry(0, payload), entry(1), entry(2, payload)]


def test_odd_ids_are_runs_of_their_own(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await asyncio.gather(
                *(store.append(odd, entry(0, odd.encode())) for odd in ODD_IDS)
            )
            await store.clear("run")
            logs = [await store.load_run(odd) for odd in ODD_IDS]
            return logs, await store.list_runs()

    logs, runs = asyncio.run(main())
    assert logs == [[] if odd == "run" else [entry(0, odd.encode())] for odd in ODD_IDS]
    assert runs == sorted(set(ODD_IDS) - {"run"})


def test_appends_that_wait_together_share_one_commit(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    commits = []
    commit = _sqlite_log.Log.commit
    monkeypatch.setattr(
        _sqlite_log.Log, "commit", lambda log: commits.append(log) or commit(log)
    )

    async def run(store, number):
        for sequence in range(10):
            await store.append(f"run-{number}", entry(sequence))

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await asyncio.gather(*(run(store, number) for number in range(200)))
            return [len(await store.load_run(f"run-{n}")) for n in range(200)]

    assert asyncio.run(main()) == [10] * 200
    assert len(commits) == 10


# One call of a shared commit goes wrong


ROW = entry(0)
BAD_ROWS = {
    "a label with a lone surrogate": CheckpointRow(0, "\ud800", "", ROW.kind),
    "a payload that is text": CheckpointRow(0, "State", "task", ROW.kind, "text"),
    "a label that is None": CheckpointRow(0, None, "task", ROW.kind),
    "a version that is text": CheckpointRow(0, "State", "task", ROW.kind, None, "v1"),
    "a version of 65 bits": CheckpointRow(0, "State", "task", ROW.kind, None, 1 << 64),
    "an object of another kind": CheckpointRow(0, "State", object(), ROW.kind),
}


@pytest.mark.parametrize("name", BAD_ROWS)
@pytest.mark.parametrize("position", [0, 1], ids=["alone", "second"])
def test_a_row_that_cannot_be_stored_fails_alone(path: Path, name: str, position: int):
    bad = BAD_ROWS[name]
    bad = CheckpointRow(
        position, bad.state, bad.task, bad.kind, bad.payload, bad.version
    )

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            answers = await asyncio.gather(
                store.append("a", entry(0)),
                store.append("bad", *[entry(0)][:position], bad),
                store.append("z", entry(0)),
                return_exceptions=True,
            )
            return answers, await store.list_runs()

    (first, error, last), runs = asyncio.run(main())
    assert isinstance(error, ConfigurationError)
    assert "run 'bad'" in str(error)
    assert (first, last, runs) == (None, None, ["a", "z"])


def test_a_payload_beyond_what_sqlite_takes_fails_alone(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            answers = await asyncio.gather(
                store.append("a", entry(0)),
                store.append("bad", entry(0), entry(1, bytes(1_000_000_001))),
                return_exceptions=True,
            )
            return answers, await store.list_runs()

    (first, error), runs = asyncio.run(main())
    assert isinstance(error, CheckpointStoreError)
    assert str(error).startswith(f"{path}: run 'bad': a payload is larger than")
    assert (first, runs) == (None, ["a"])


CALLS = {
    "append": lambda store, run: store.append(run, entry(0)),
    "load_run": lambda store, run: store.load_run(run),
    "clear": lambda store, run: store.clear(run),
    "finish": lambda store, run: store.finish(run, [entry(0)], FINISHED),
    "outcome": lambda store, run: store.outcome(run),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_id_that_is_no_text_is_refused(path: Path, name: str):
    with SQLiteCheckpointStore(path) as store:
        with pytest.raises(ConfigurationError, match=r"'run \\ud800'.*lone surrogates"):
            asyncio.run(CALLS[name](store, "run \ud800"))
        assert asyncio.run(store.list_runs()) == []


def test_a_conflict_refuses_its_own_rows_only(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            answers = await asyncio.gather(
                store.append("a", entry(0)),
                store.append("run", entry(1), entry(3)),
                store.append("run", entry(0), entry(1)),
                store.append("gap", entry(1)),
                store.append("below", entry(-1)),
                store.append("huge", entry(1 << 70)),
                store.append("run", entry(1)),
                store.append("run", entry(1)),
                store.finish("z", [entry(0)], FINISHED),
                return_exceptions=True,
            )
            return answers, await store.load_run("run"), await store.list_runs()

    answers, log, runs = asyncio.run(main())
    refused = [
        (error.workflow_id, error.sequence)
        for error in answers
        if isinstance(error, RunConflictError)
    ]
    assert refused == [
        ("run", 3),
        ("run", 0),
        ("gap", 1),
        ("below", -1),
        ("huge", 1 << 70),
        ("run", 1),
    ]
    assert answers.count(None) == 3
    assert (log, runs) == ([entry(0), entry(1)], ["a", "run", "z"])


def test_a_commit_that_fails_fails_all_of_its_batch(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(log):
        raise sqlite3.OperationalError("disk I/O error")

    connections = []
    connect = sqlite3.connect

    def connected(*args, **options):
        connections.append(connect(*args, **options))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", connected)

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("a", entry(0))
            with monkeypatch.context() as broken:
                broken.setattr(_sqlite_log.Log, "commit", fail)
                errors = await asyncio.gather(
                    store.append("a", entry(1)),
                    store.append("b", entry(0)),
                    store.clear("a"),
                    return_exceptions=True,
                )
            # The next call finds everything as it was before.
            await store.append("a", entry(1))
            return errors, await store.load_run("a"), await store.list_runs()

    errors, log, runs = asyncio.run(main())
    assert [type(error) for error in errors] == [CheckpointStoreError] * 3
    assert str(errors[1]).startswith(f"{path}: run 'b': ")
    assert "disk I/O error" in str(errors[1])
    assert (log, runs) == ([entry(0), entry(1)], ["a"])
    # What is known about a file that fails is not trusted any more.
    assert len(connections) == 2


@pytest.mark.parametrize(("sync", "synchronous"), [(True, 2), (False, 0)])
def test_every_commit_is_flushed_to_the_disk_unless_said_otherwise(
    path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool, synchronous: int
):
    modes = []
    commit = _sqlite_log.Log.commit

    def noted(log):
        execute = log._connection.execute
        modes.append(execute("PRAGMA journal_mode").fetchone())
        modes.append(execute("PRAGMA synchronous").fetchone())
        commit(log)

    monkeypatch.setattr(_sqlite_log.Log, "commit", noted)
    with SQLiteCheckpointStore(path, sync=sync) as store:
        asyncio.run(store.append("run", entry(0)))

    assert modes == [("wal",), (synchronous,)]


# Where a log ends is remembered, but never longer than it is true


async def grow(store: SQLiteCheckpointStore) -> None:
    await store.append("run", entry(2))


async def clear(store: SQLiteCheckpointStore) -> None:
    await store.clear("run")


async def finish(store: SQLiteCheckpointStore) -> None:
    await store.finish("run", [], FINISHED)


async def replace(store: SQLiteCheckpointStore) -> None:
    await store.clear("run")
    await store.append("run", entry(0))


# Of the sequences 2, 4, 3, 1, 0, tried in this order, those that are accepted.
ACCEPTED = {grow: [3], clear: [0], finish: [], replace: [1]}


@pytest.mark.parametrize("change", ACCEPTED, ids=lambda change: change.__name__)
@pytest.mark.parametrize("own", [True, False], ids=["own", "another store's"])
def test_a_log_ends_where_the_last_change_left_it(path: Path, change, own: bool):
    async def accepted(store, sequence):
        try:
            await store.append("run", entry(sequence))
        except RunConflictError:
            return False
        return True

    async def main():
        async with (
            SQLiteCheckpointStore(path) as store,
            SQLiteCheckpointStore(path) as other,
        ):
            await store.append("run", entry(0), entry(1))
            await change(store if own else other)
            # First the one that would have been right without the change.
            return [n for n in (2, 4, 3, 1, 0) if await accepted(store, n)]

    assert asyncio.run(main()) == ACCEPTED[change]


FINISH, CLEAR = "finish", "clear"


@pytest.mark.parametrize(
    ("calls", "left"),
    [([0, FINISH], []), ([0, CLEAR], []), ([0, 1, CLEAR, 0], [entry(0)])],
)
def test_what_shares_a_commit_happens_in_order(path: Path, calls, left):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            does = {
                FINISH: lambda: store.finish("run", [entry(1)], FINISHED),
                CLEAR: lambda: store.clear("run"),
                0: lambda: store.append("run", entry(0)),
                1: lambda: store.append("run", entry(1)),
            }
            await asyncio.gather(*(does[call]() for call in calls))
            return await store.load_run("run")

    assert asyncio.run(main()) == left


def test_more_runs_than_are_remembered(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_sqlite_log, "_REMEMBERED_ENDS", 5)

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            for sequence in range(3):
                for number in range(12):
                    await store.append(f"run-{number}", entry(sequence))
            with pytest.raises(RunConflictError):
                await store.append("run-0", entry(2))
            return [len(await store.load_run(f"run-{n}")) for n in range(12)]

    assert asyncio.run(main()) == [3] * 12


# Outcomes


def test_prune_compares_moments_whatever_their_time_zone(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.finish("old", [entry(0)], FINISHED)
            await store.append("open", entry(0))
            now = datetime.now(UTC)
            east = timezone(timedelta(hours=14))
            before = (now - timedelta(hours=1)).astimezone(east)
            after = (now + timedelta(hours=1)).astimezone(east)
            counts = [await store.prune(moment) for moment in (before, after, after)]
            return counts, await store.list_runs(), await store.outcome("old")

    assert asyncio.run(main()) == ([0, 1, 0], ["open"], None)


def test_a_naive_datetime_is_refused_by_prune(path: Path):
    with (
        SQLiteCheckpointStore(path) as store,
        pytest.raises(ConfigurationError, match="aware datetime"),
    ):
        asyncio.run(store.prune(datetime(2026, 1, 1)))


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "x"])
def test_a_timeout_that_makes_no_sense_is_refused(path: Path, timeout: float):
    with pytest.raises(ConfigurationError, match="busy_timeout"):
        SQLiteCheckpointStore(path, busy_timeout=timeout)
