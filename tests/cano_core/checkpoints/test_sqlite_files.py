"""Files that a SQLite store cannot use: one clear error, and nothing is changed."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

import children
from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    ConfigurationError,
    Outcome,
    OutcomeStatus,
    RowKind,
    RunConflictError,
    SQLiteCheckpointStore,
)

FINISHED = Outcome(OutcomeStatus.FINISHED, "Done")


def entry(sequence: int, payload: bytes | None = None) -> CheckpointRow:
    return CheckpointRow(sequence, "State", "task", RowKind.STATE_ENTRY, payload)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


async def fill(path: Path) -> None:
    """Make a file of forty runs, of which each has pages of its own."""
    async with SQLiteCheckpointStore(path) as store:
        for number in range(40):
            name = f"run-{number:02}"
            payload = f"<{name}>".encode() * 500
            await store.append(name, *(entry(n, payload) for n in range(3)))
        await store.finish("done", [entry(0)], FINISHED)


def execute(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)


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


# One row


BAD_ROWS = {
    "kind = 99": "row 1: a row of kind 99, which this version does not know",
    "kind = 'text'": "row 1: unreadable",
    "payload = 'text'": "row 1: unreadable",
    "state = x'00ff'": "row 1: unreadable",
    "state = CAST(x'ff' AS TEXT)": "row 1: unreadable",
    "version = 'text'": "row 1: unreadable",
    "version = 1.5": "row 1: unreadable",
}


@pytest.mark.parametrize("change", BAD_ROWS)
def test_a_row_that_cannot_be_read_is_named(path: Path, change: str):
    asyncio.run(fill(path))
    execute(
        path,
        f"UPDATE log SET {change} WHERE workflow_id = 'run-20' AND sequence = 1",
    )

    lost = assert_others_go_on(path, BAD_ROWS[change])

    assert lost == ["run-20"]


def test_a_page_that_cannot_be_read_costs_the_runs_that_are_on_it(path: Path):
    asyncio.run(fill(path))
    content = path.read_bytes()
    where = content.index(b"<run-20><run-20>") // 4096 * 4096
    path.write_bytes(content[:where] + b"\xff" * 4096 + content[where + 4096 :])

    lost = assert_others_go_on(path, "row 0: unreadable, because the file is damaged")

    assert {"run-17", "run-23"}.isdisjoint(lost)


def assert_others_go_on(path: Path, message: str) -> list[str]:
    """Check that run-20 is named as unreadable; return all that are."""
    before = path.read_bytes()
    names = [f"run-{number:02}" for number in range(40)]

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            logs = await asyncio.gather(
                *map(store.load_run, names), return_exceptions=True
            )
        return dict(zip(names, logs, strict=True))

    async def go_on():
        async with SQLiteCheckpointStore(path) as store:
            await asyncio.gather(
                *(store.append(name, entry(3)) for name in ("run-00", "run-39")),
                store.append("new", entry(0)),
            )

    logs = asyncio.run(main())
    assert path.read_bytes() == before
    asyncio.run(go_on())
    lost = [name for name, log in logs.items() if isinstance(log, Exception)]
    assert isinstance(logs["run-20"], CheckpointStoreError)
    assert str(logs["run-20"]).startswith(f"{path}: run 'run-20', {message}")
    assert all(len(logs[name]) == 3 for name in names if name not in lost)
    return lost


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("status = 'vanished'", "status 'vanished', which this version does not know"),
        ("status = x'00'", "unreadable"),
        ("payload = 'text'", "unreadable"),
        ("state = CAST(x'ff' AS TEXT)", "unreadable"),
    ],
)
def test_an_outcome_that_cannot_be_read_is_named(path: Path, change: str, message: str):
    asyncio.run(fill(path))
    execute(path, f"UPDATE outcome SET {change}")

    with SQLiteCheckpointStore(path) as store:
        with pytest.raises(CheckpointStoreError) as caught:
            asyncio.run(store.outcome("done"))
        assert len(asyncio.run(store.load_run("run-00"))) == 3

    assert str(caught.value).startswith(f"{path}: run 'done', outcome: {message}")
