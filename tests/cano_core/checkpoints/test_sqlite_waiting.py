"""The SQLite store beside others: locks, cancellation, loops, and who commits."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cano_core import (
    CheckpointStoreError,
    ConfigurationError,
    RunConflictError,
    SQLiteCheckpointStore,
)
from cano_core.checkpoints import _sqlite_log, _sqlite_writer
from sqlite_runs import FINISHED, entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock, as another program does in the middle of a transaction."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield other
        finally:
            other.execute("ROLLBACK")


async def tried(store: SQLiteCheckpointStore) -> None:
    """Return once the store has tried all that was asked of it before, twice."""
    for _ in range(2):
        await store.load_run("some other run")


@pytest.mark.parametrize("timeout", [0, 0.05])
def test_a_busy_file_is_given_up_in_the_end(path: Path, timeout: float):
    async def main():
        async with SQLiteCheckpointStore(path, busy_timeout=timeout) as store:
            await store.append("run", entry(0))
            with locked(path):
                errors = await asyncio.gather(
                    store.append("run", entry(1)),
                    store.finish("run", [entry(1)], FINISHED),
                    store.clear("run"),
                    return_exceptions=True,
                )
            log = await store.load_run("run")
            await store.append("run", entry(1))
            return errors, log

    errors, log = asyncio.run(main())
    for error in errors:
        assert isinstance(error, CheckpointStoreError)
        assert str(error).startswith(f"{path}: run 'run': the file was busy for ")
    assert log == [entry(0)]


def test_a_busy_file_is_waited_for(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            with locked(path):
                waiting = asyncio.create_task(store.append("run", entry(1)))
                await tried(store)
                undone = not waiting.done()
            await waiting
            return undone, await store.load_run("run")

    assert asyncio.run(main()) == (True, [entry(0), entry(1)])


def test_reads_need_no_lock_and_see_what_is_committed(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            await store.finish("done", [entry(0)], FINISHED)
            with locked(path) as other:
                other.execute("DELETE FROM log")
                other.execute("DELETE FROM outcome")
                waiting = asyncio.create_task(store.append("run", entry(1)))
                seen = (
                    await store.load_run("run"),
                    await store.outcome("done"),
                    await store.list_runs(),
                )
            await waiting
            return seen

    assert asyncio.run(main()) == ([entry(0)], FINISHED, ["done", "run"])


def test_a_cancelled_append_ends_before_its_caller_is_told(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            with locked(path):
                waiting = asyncio.create_task(store.append("run", entry(1)))
                await tried(store)
                waiting.cancel()
                waiting.cancel()
                await tried(store)
                undone = not waiting.done()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return undone, await store.load_run("run")

    assert asyncio.run(main()) == (True, [entry(0), entry(1)])


def test_a_cancelled_append_that_is_refused_is_cancelled_all_the_same(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            waiting = asyncio.create_task(store.append("run", entry(7)))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return await store.load_run("run")

    assert asyncio.run(main()) == []


def test_a_read_can_be_cancelled_at_once(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            waiting = asyncio.create_task(store.load_run("run"))
            await asyncio.sleep(0)
            waiting.cancel()
            turns = 0
            while not waiting.done():
                turns += 1
                await asyncio.sleep(0)
            return turns, await store.load_run("run")

    turns, log = asyncio.run(main())
    assert turns <= 2
    assert log == []


def test_one_store_serves_loop_after_loop(path: Path):
    with SQLiteCheckpointStore(path) as store:
        for sequence in range(3):
            asyncio.run(store.append("run", entry(sequence)))
        assert len(asyncio.run(store.load_run("run"))) == 3


def test_one_store_serves_the_loops_of_several_threads(path: Path):
    async def run(name: str) -> None:
        for sequence in range(20):
            await store.append(name, entry(sequence))

    with SQLiteCheckpointStore(path) as store:
        names = ["a", "b", "c", "d"]
        threads = [
            threading.Thread(target=lambda name=name: asyncio.run(run(name)))
            for name in names
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asyncio.run(store.list_runs()) == names
        assert [len(asyncio.run(store.load_run(name))) for name in names] == [20] * 4


def test_a_loop_that_is_gone_keeps_nobody_from_an_answer(path: Path):
    async def abandon(store):
        append = store.append("abandoned", entry(0))
        append.send(None)  # what a loop does with the first step of a task
        await tried(store)
        append.close()

    async def main(store, other):
        waiting = asyncio.create_task(store.append("run", entry(0)))
        await tried(store)
        other.execute("ROLLBACK")
        await waiting
        other.execute("BEGIN")
        return await store.list_runs()

    with SQLiteCheckpointStore(path) as store:
        asyncio.run(store.list_runs())
        with locked(path) as other:
            asyncio.run(abandon(store))
            assert asyncio.run(main(store, other)) == ["abandoned", "run"]


# Who commits


def test_nothing_is_handed_over_before_a_turn_of_the_loop_is_over(path: Path):
    """So that all who append in one turn share a commit."""

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            append = store.append("run", entry(0))
            append.send(None)  # what a loop does with the first step of a task
            threads = [each.name for each in threading.enumerate()]
            append.close()
            return threads

    assert "cano-checkpoints" not in asyncio.run(main())


@pytest.fixture
def committers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The thread of every commit, in order."""
    names: list[str] = []
    commit = _sqlite_log.Log.commit

    def noted(log: _sqlite_log.Log) -> None:
        loops_own = threading.current_thread() is threading.main_thread()
        names.append("loop" if loops_own else "thread")
        commit(log)

    monkeypatch.setattr(_sqlite_log.Log, "commit", noted)
    return names


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite_writer, "_QUICK", 60)
    monkeypatch.setattr(_sqlite_writer, "_TRUST", 60)


async def append_in_turn(path: Path, *payloads: bytes | None) -> None:
    async with SQLiteCheckpointStore(path) as store:
        for sequence, payload in enumerate(payloads):
            await store.append("run", entry(sequence, payload))
        assert len(await store.load_run("run")) == len(payloads)


@pytest.mark.usefixtures("quick_disk")
def test_what_the_only_task_appends_is_committed_by_the_loop(
    path: Path, committers: list[str]
):
    asyncio.run(append_in_turn(path, None, b"small", b"x" * 20_000, None))

    # The first one has to open the file, and the third would take its time.
    assert committers == ["thread", "loop", "thread", "loop"]


@pytest.mark.usefixtures("quick_disk")
def test_a_loop_with_other_tasks_never_commits(path: Path, committers: list[str]):
    async def main():
        other = asyncio.create_task(asyncio.Event().wait())
        await append_in_turn(path, None, None, None)
        other.cancel()

    asyncio.run(main())

    assert committers == ["thread"] * 3


def test_no_loop_waits_for_a_slow_disk(
    path: Path, committers: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_sqlite_writer, "_QUICK", 0)

    asyncio.run(append_in_turn(path, None, None, None))

    assert committers == ["thread"] * 3


@pytest.mark.usefixtures("quick_disk")
def test_the_thread_sees_to_the_file_from_time_to_time(
    path: Path, committers: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_sqlite_writer, "_TRUST", 0)

    asyncio.run(append_in_turn(path, None, None, None))

    assert committers == ["thread"] * 3


@pytest.mark.usefixtures("quick_disk")
def test_a_loop_never_waits_for_a_busy_file(path: Path, committers: list[str]):
    async def main():
        async with SQLiteCheckpointStore(path, busy_timeout=0) as store:
            await store.append("run", entry(0))
            with locked(path), pytest.raises(CheckpointStoreError, match="was busy"):
                await store.append("run", entry(1))
            await store.append("run", entry(1))

    asyncio.run(main())

    assert committers == ["thread", "loop"]


@pytest.mark.usefixtures("quick_disk")
def test_a_loop_never_waits_for_the_thread(path: Path, committers: list[str]):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            at_work = store._writer._file_lock
            at_work.acquire()
            asyncio.get_running_loop().call_soon(at_work.release)
            await store.append("run", entry(1))

    asyncio.run(main())

    assert committers == ["thread", "thread"]


@pytest.mark.usefixtures("quick_disk")
def test_a_commit_of_the_loop_gives_the_others_a_turn(
    path: Path, committers: list[str]
):
    async def main():
        turns = []
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            asyncio.get_running_loop().call_soon(turns.append, "turn")
            await store.append("run", entry(1))
            return list(turns)

    assert asyncio.run(main()) == ["turn"]
    assert committers == ["thread", "loop"]


@pytest.mark.usefixtures("quick_disk")
def test_what_the_loop_commits_is_refused_like_anything_else(path: Path):
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            with pytest.raises(RunConflictError):
                await store.append("run", entry(0))
            with pytest.raises(ConfigurationError, match="lone surrogates"):
                await store.append("\ud800", entry(0))
            await store.append("run", entry(1))
            return await store.load_run("run"), await store.list_runs()

    assert asyncio.run(main()) == ([entry(0), entry(1)], ["run"])
