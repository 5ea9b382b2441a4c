"""A checkpoint file is read without changing a byte of it, or beside it."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cano_core import CheckpointStoreError, SQLiteCheckpointStore
from cano_core.checkpoints.sqlite_reading import SQLiteCheckpointReader
from sqlite_runs import FINISHED, NAMES, entry, fill

RUNS = ["done", *NAMES]


def everything_in(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in directory.iterdir()
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that nobody has open."""
    directory = tmp_path / "store"
    directory.mkdir()
    asyncio.run(fill(directory / "runs.db"))
    return directory / "runs.db"


@pytest.fixture
def used(path: Path) -> Iterator[SQLiteCheckpointStore]:
    """The store of a program that has the file open, and has just written to it."""
    with SQLiteCheckpointStore(path) as store:
        asyncio.run(store.append("alive", entry(0)))
        yield store


def read(path: Path) -> list[str]:
    with SQLiteCheckpointReader(path) as reader:
        assert reader.load_run(NAMES[3])[2].sequence == 2
        return list(reader.list_runs())


def test_logs_and_outcomes_are_read(path: Path) -> None:
    asyncio.run(finished(path, "ended"))

    with SQLiteCheckpointReader(path) as reader:
        assert reader.list_runs() == [*RUNS[:1], "ended", *RUNS[1:]]
        assert reader.outcome("ended") == FINISHED
        assert reader.load_run("ended") == []
        assert reader.outcome(NAMES[0]) is None
        assert [row.sequence for row in reader.load_run(NAMES[0])] == [0, 1, 2]


async def finished(path: Path, run: str) -> None:
    async with SQLiteCheckpointStore(path) as store:
        await store.finish(run, [entry(0)], FINISHED)


def test_a_file_that_nobody_has_open_stays_as_it_is(path: Path) -> None:
    before = everything_in(path.parent)

    assert read(path) == RUNS
    assert everything_in(path.parent) == before
    assert [*before] == ["runs.db"]


READING = """
import sys
from cano_core.checkpoints.sqlite_reading import SQLiteCheckpointReader

with SQLiteCheckpointReader(sys.argv[1]) as reader:
    print(*reader.list_runs(), len(reader.load_run("alive")))
"""


def test_a_file_in_use_stays_as_it_is(path: Path, used: SQLiteCheckpointStore) -> None:
    before = everything_in(path.parent)
    assert {*before} == {"runs.db", "runs.db-shm", "runs.db-wal"}

    # Within one process SQLite shares the index with whoever writes.
    done = subprocess.run(
        [sys.executable, "-c", READING, path], capture_output=True, check=True
    )

    assert done.stdout.decode().split() == ["alive", *RUNS, "1"]
    assert everything_in(path.parent) == before
    asyncio.run(used.append("alive", entry(1)))


def test_what_is_read_is_of_one_moment(path: Path, used: SQLiteCheckpointStore) -> None:
    with SQLiteCheckpointReader(path) as reader:
        assert len(reader.load_run("alive")) == 1
        asyncio.run(used.append("alive", entry(1)))

        assert len(reader.load_run("alive")) == 1
    with SQLiteCheckpointReader(path) as reader:
        assert len(reader.load_run("alive")) == 2


@pytest.mark.parametrize("index", [True, False], ids=["index", "no index"])
def test_what_a_killed_program_has_left_stays_as_it_is(
    path: Path, used: SQLiteCheckpointStore, tmp_path: Path, index: bool
) -> None:
    left = tmp_path / "left"
    shutil.copytree(path.parent, left)
    if not index:
        (left / "runs.db-shm").unlink()
    before = everything_in(left)

    assert read(left / "runs.db") == ["alive", *RUNS]
    assert everything_in(left) == before


def test_a_file_that_is_opened_meanwhile_is_not_trusted(path: Path) -> None:
    with SQLiteCheckpointReader(path) as reader:
        assert reader.list_runs() == RUNS
        with SQLiteCheckpointStore(path) as store:
            asyncio.run(store.append("alive", entry(0)))

            with pytest.raises(CheckpointStoreError, match="while it was read"):
                reader.load_run("alive")


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id)")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (Path.unlink, "there is no such file"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("no database" * 99), "not a SQLite database"),
        (foreign, "belongs to another program"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused(path: Path, damage, said: str) -> None:
    damage(path)
    before = everything_in(path.parent)

    with (
        pytest.raises(CheckpointStoreError, match=said) as caught,
        SQLiteCheckpointReader(path),
    ):
        pytest.fail("it was opened")
    assert str(path) in str(caught.value)
    assert everything_in(path.parent) == before


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(CheckpointStoreError, match="this is a directory"),
        SQLiteCheckpointReader(tmp_path),
    ):
        pytest.fail("it was opened")


def test_a_damaged_run_leaves_the_others_readable(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE log SET version = 'x' WHERE workflow_id = 'run-20'")
    connection.close()

    with SQLiteCheckpointReader(path) as reader:
        with pytest.raises(CheckpointStoreError, match=r"runs\.db: run 'run-20', row"):
            reader.load_run("run-20")
        assert len(reader.load_run("run-21")) == 3


def test_a_truncated_file_is_an_error_that_names_it(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])

    with pytest.raises(CheckpointStoreError, match=r"runs\.db: .*damaged"):
        read(path)


def test_a_read_only_directory_is_fine(path: Path) -> None:
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        assert read(path) == RUNS
    finally:
        path.parent.chmod(0o755)
