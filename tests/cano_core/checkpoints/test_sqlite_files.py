"""Files that a SQLite store cannot use: one clear error, and nothing is changed."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

import children
from cano_core import (
    CheckpointStoreError,
    ConfigurationError,
    RunConflictError,
    SQLiteCheckpointStore,
)
from sqlite_runs import entry, execute, fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


# The whole file


def text(path: Path) -> None:
    path.write_text("This is no database. " * 100)


def short(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


def header_lost(path: Path) -> None:
    asyncio.run(fill(path))
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def cut_in_half(path: Path) -> None:
    asyncio.run(fill(path))
    os.truncate(path, path.stat().st_size // 2)


def cut_within_a_page(path: Path) -> None:
    asyncio.run(fill(path))
    os.truncate(path, 5000)


def schema_lost(path: Path) -> None:
    asyncio.run(fill(path))
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(3996) + content[4096:])


def foreign(path: Path) -> None:
    execute(path, "CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES (1)")


def foreign_with_id(path: Path) -> None:
    execute(path, "CREATE TABLE theirs (x)", "PRAGMA application_id = 7")


def foreign_with_wal(path: Path) -> None:
    """A program that was killed has left rows in its WAL: not ours to check in."""
    program = """if True:
        import os, sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE theirs (x)")
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", program, path], check=True)


def newer(path: Path) -> None:
    asyncio.run(fill(path))
    execute(path, "PRAGMA user_version = 2")


def newer_in_wal(path: Path) -> None:
    """The new version is known to SQLite, but not yet written in the file's header."""
    asyncio.run(fill(path))
    program = """if True:
        import os, sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("PRAGMA user_version = 2")
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", program, path], check=True)


def emptied_beside_its_wal(path: Path) -> None:
    asyncio.run(fill(path))
    program = """if True:
        import os, sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("DELETE FROM outcome")
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", program, path], check=True)
    os.truncate(path, 0)


BAD_FILES: dict[Callable[[Path], None], str] = {
    text: "not a SQLite database",
    short: "not a SQLite database",
    header_lost: "not a SQLite database",
    cut_in_half: "the file is damaged",
    cut_within_a_page: "the file is damaged",
    schema_lost: "the file is damaged",
    foreign: "belongs to another program",
    foreign_with_id: "belongs to another program",
    foreign_with_wal: "belongs to another program",
    newer: "schema version 2, this release knows 1",
    newer_in_wal: "schema version 2, this release knows 1",
    emptied_beside_its_wal: "it was truncated",
}


@pytest.mark.parametrize("make", BAD_FILES, ids=lambda make: make.__name__)
def test_a_file_that_is_of_no_use_is_left_as_it_is(path: Path, make):
    make(path)
    before = path.read_bytes()
    wal_before = Path(f"{path}-wal").exists() and Path(f"{path}-wal").read_bytes()

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            return await asyncio.gather(
                store.load_run("run-00"),
                store.append("run-00", entry(3)),
                store.append("new", entry(0)),
                store.clear("run-01"),
                store.list_runs(),
                return_exceptions=True,
            )

    errors = asyncio.run(main())

    for error in errors:
        assert isinstance(error, CheckpointStoreError)
        assert str(error).startswith(f"{path}: ")
        assert BAD_FILES[make] in str(error)
    # Each is raised in a place of its own.
    assert len({id(error) for error in errors}) == len(errors)
    # SQLite may move what is in our own WAL to the file; nothing else changes.
    if make is not newer_in_wal:
        assert path.read_bytes() == before
        if wal_before:
            assert Path(f"{path}-wal").read_bytes() == wal_before


def test_an_empty_file_is_a_new_one(path: Path):
    path.touch()

    with SQLiteCheckpointStore(path) as store:
        asyncio.run(store.append("run", entry(0)))
        assert asyncio.run(store.load_run("run")) == [entry(0)]


def journal(size_before: int) -> bytes:
    """A rollback journal's header: no page was saved, for there was none."""
    header = bytes.fromhex("d9d505f920a163d7") + bytes(8)
    numbers = (size_before, 512, 4096)
    header += b"".join(number.to_bytes(4) for number in numbers)
    return header.ljust(512, b"\0")


def test_a_file_in_whose_making_the_power_failed_is_made_anew(path: Path):
    """The disk has the journal, and of the file a part: none of it was acknowledged."""
    path.write_bytes(bytes(8192))
    Path(f"{path}-journal").write_bytes(journal(0))

    with SQLiteCheckpointStore(path) as store:
        asyncio.run(store.append("run", entry(0)))
        assert asyncio.run(store.load_run("run")) == [entry(0)]


@pytest.mark.parametrize(
    "beside", [journal(2), b"", journal(0)[:16]], ids=["made before", "empty", "cut"]
)
def test_another_journal_makes_no_file_ours(path: Path, beside: bytes):
    path.write_bytes(bytes(8192))
    Path(f"{path}-journal").write_bytes(beside)

    with (
        SQLiteCheckpointStore(path) as store,
        pytest.raises(CheckpointStoreError, match="not a SQLite database"),
    ):
        asyncio.run(store.list_runs())

    assert path.read_bytes() == bytes(8192)
    assert Path(f"{path}-journal").read_bytes() == beside


# The path


def test_a_directory_is_refused_at_once(tmp_path: Path):
    with pytest.raises(CheckpointStoreError, match="this is a directory") as caught:
        SQLiteCheckpointStore(tmp_path)

    assert str(caught.value).startswith(f"{tmp_path}: ")


def test_a_missing_directory_is_refused_at_once(tmp_path: Path):
    path = tmp_path / "missing" / "runs.db"

    with pytest.raises(CheckpointStoreError, match="missing does not exist") as caught:
        SQLiteCheckpointStore(path)

    assert str(caught.value).startswith(f"{path}: ")


def test_a_pipe_is_refused_at_once(path: Path):
    os.mkfifo(path)

    with pytest.raises(CheckpointStoreError, match="not a regular file"):
        SQLiteCheckpointStore(path)


@pytest.mark.parametrize("name", ["", ":memory:", "nul\0.db"])
def test_what_is_no_path_is_refused_at_once(name: str):
    with pytest.raises(ConfigurationError, match="not the path of a file"):
        SQLiteCheckpointStore(name)


def test_a_path_that_has_become_a_directory_is_refused_when_it_is_opened(path: Path):
    with SQLiteCheckpointStore(path) as store:
        path.mkdir()
        with pytest.raises(CheckpointStoreError, match="this is a directory"):
            asyncio.run(store.list_runs())


def test_a_relative_path_is_the_one_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with SQLiteCheckpointStore("runs.db") as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        asyncio.run(store.append("run", entry(0)))

    assert (tmp_path / "runs.db").exists()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_a_place_where_no_file_can_be_made():
    with (
        SQLiteCheckpointStore("/proc/self/runs.db") as store,
        pytest.raises(CheckpointStoreError, match="cannot be opened") as caught,
    ):
        asyncio.run(store.list_runs())

    assert str(caught.value).startswith("/proc/self/runs.db: ")


READ_ONLY = """if True:
    import asyncio, os, sys
    from cano_core import CheckpointRow, RowKind, SQLiteCheckpointStore

    async def main():
        async with SQLiteCheckpointStore(sys.argv[1]) as store:
            row = CheckpointRow(3, "State", "task", RowKind.STATE_ENTRY)
            answers = await asyncio.gather(
                store.append("run-00", row), store.clear("run-01"),
                return_exceptions=True,
            )
            for answer in answers:
                print(type(answer).__name__, answer)

    if os.geteuid() == 0:  # who may write everything
        os.setuid(65534)
    asyncio.run(main())
"""


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_read_only_path(what: str):
    # Not tmp_path, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "runs.db")
        asyncio.run(fill(path))
        before = path.read_bytes()
        path.chmod(0o444)
        path.parent.chmod(0o555 if what == "directory" else 0o777)
        done = children.run("python", "-c", READ_ONLY, path, cwd=Path("/"))
        path.parent.chmod(0o755)
        after = path.read_bytes()

    assert done.status == 0, done.output
    for line in done.output.splitlines():
        assert line.startswith(f"CheckpointStoreError {path}: ")
        assert "read-only" in line or "must be writable" in line
    assert len(done.output.splitlines()) == 2
    assert after == before


FULL_DISK = """if True:
    import asyncio, resource, sys
    from cano_core import CheckpointRow, RowKind, SQLiteCheckpointStore

    def entry(sequence):
        return CheckpointRow(sequence, "", "", RowKind.STATE_ENTRY, b"x" * 10_000)

    async def main():
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        async with SQLiteCheckpointStore(sys.argv[1]) as store:
            acknowledged = 0
            try:
                while acknowledged < 1000:
                    await store.append("run", entry(acknowledged))
                    acknowledged += 1
            except Exception as error:
                print(type(error).__name__, error)
            print(len(await store.load_run("run")) == acknowledged)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            await store.append("run", entry(acknowledged))
            print(len(await store.load_run("run")) == acknowledged + 1)

    asyncio.run(main())
"""


def test_a_disk_that_takes_no_more(path: Path):
    done = children.run("python", "-c", FULL_DISK, path, cwd=path.parent)

    error, kept, went_on = done.output.splitlines()
    assert error.startswith(f"CheckpointStoreError {path}: run 'run': ")
    assert (kept, went_on) == ("True", "True")


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_file_that_is_removed_while_it_is_open(path: Path, replaced: bool):
    with SQLiteCheckpointStore(path) as store:
        asyncio.run(store.append("run", entry(0)))
        for name in os.listdir(path.parent):
            (path.parent / name).unlink()
        if replaced:
            asyncio.run(fill(path))

        with pytest.raises(CheckpointStoreError, match="removed or replaced"):
            asyncio.run(store.load_run("run"))

        # The next call goes to what is there now.
        with pytest.raises(RunConflictError):
            asyncio.run(store.append("run", entry(1)))
        assert len(asyncio.run(store.list_runs())) == (41 if replaced else 0)
