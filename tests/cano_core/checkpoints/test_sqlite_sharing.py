"""Several processes on one SQLite file, and processes that are killed."""

import asyncio
import subprocess
import textwrap
from pathlib import Path

import pytest

import children
from cano_core import CheckpointStoreError, SQLiteCheckpointStore
from sqlite_runs import entry

WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from cano_core import CheckpointRow, RowKind, SQLiteCheckpointStore

    path, run, steps, sync = *sys.argv[1:3], int(sys.argv[3]), sys.argv[4]

    async def main():
        print("ready", flush=True)
        sys.stdin.readline()
        async with SQLiteCheckpointStore(path, sync=sync == "True") as store:
            for sequence in range(steps):
                row = CheckpointRow(sequence, "State", run, RowKind.STATE_ENTRY)
                await store.append(run, row)
                print(sequence, flush=True)

    asyncio.run(main())
    """
)

READER = """if True:
    import asyncio, sys
    from cano_core import SQLiteCheckpointStore

    with SQLiteCheckpointStore(sys.argv[1]) as store:
        print(len(asyncio.run(store.load_run("run"))))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def start_writer(
    path: Path, run: str, steps: int, *, sync: bool = True
) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [
            children.program("python"),
            "-W",
            "error",
            "-c",
            WRITER,
            path,
            run,
            str(steps),
            str(sync),
        ],
        env=children.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def test_processes_that_make_a_file_at_the_same_time_share_it(path: Path):
    writers = [start_writer(path, f"run-{number}", 25) for number in range(3)]
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)

    assert [writer.returncode for writer in writers] == [0] * 3
    with SQLiteCheckpointStore(path) as store:
        for number in range(3):
            rows = asyncio.run(store.load_run(f"run-{number}"))
            assert [row.sequence for row in rows] == list(range(25))
            assert {row.task for row in rows} == {f"run-{number}"}


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("acknowledged", [0, 3, 40])
def test_what_was_acknowledged_survives_a_kill(
    path: Path, acknowledged: int, sync: bool
):
    writer = start_writer(path, "run", 1_000_000, sync=sync)
    writer.stdin.write("\n")
    writer.stdin.flush()
    last = -1
    while last < acknowledged:
        last = int(writer.stdout.readline())
    writer.kill()
    # communicate() would not see what readline() has read ahead.
    whole_lines = writer.stdout.read().rpartition("\n")[0].split()
    writer.communicate(timeout=60)
    last = int(whole_lines[-1]) if whole_lines else last

    with SQLiteCheckpointStore(path) as store:
        rows = asyncio.run(store.load_run("run"))
        # The row under way may have become durable without anybody being told.
        assert len(rows) - 1 in (last, last + 1)
        assert [row.sequence for row in rows] == list(range(len(rows)))


def test_a_file_whose_maker_is_killed_at_once_is_usable(path: Path):
    for _ in range(3):
        writer = start_writer(path, "run", 1)
        writer.stdin.write("\n")
        writer.stdin.flush()
        while not path.exists() and writer.poll() is None:
            pass
        writer.kill()
        writer.communicate(timeout=60)

        with SQLiteCheckpointStore(path) as store:
            asyncio.run(store.clear("run"))
            assert asyncio.run(store.list_runs()) == []
        path.unlink()


def test_a_second_store_in_a_process_does_not_free_the_locks_of_the_first(path: Path):
    """Else the next process to close the file takes the WAL away, with its rows."""

    def rows_seen_by_another_process() -> str:
        done = children.run("python", "-c", READER, path, cwd=path.parent)
        return done.output.strip()

    with SQLiteCheckpointStore(path) as first:
        asyncio.run(first.append("run", entry(0)))
        with SQLiteCheckpointStore(path) as second:
            asyncio.run(second.append("run", entry(1)))
        assert rows_seen_by_another_process() == "2"

        asyncio.run(first.append("run", entry(2)))

        assert rows_seen_by_another_process() == "3"
    # And a file that is not open any more is looked at again.
    path.write_text("This is no database. " * 100)
    with (
        SQLiteCheckpointStore(path) as third,
        pytest.raises(CheckpointStoreError, match="not a SQLite database"),
    ):
        asyncio.run(third.list_runs())
