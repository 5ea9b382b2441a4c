"""The end of a SQLite store: closed, forgotten, left open, or taken into a child."""

import asyncio
import contextlib
import gc
import os
import sqlite3
import textwrap
import threading
from pathlib import Path

import pytest

import children
from cano_core import (
    CheckpointStoreError,
    SQLiteCheckpointStore,
)
from sqlite_runs import FINISHED, entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def store_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("cano")]


def assert_nothing_is_left(path: Path) -> None:
    assert store_threads() == []
    assert os.listdir(path.parent) == [path.name]


def use_with(path: Path) -> None:
    with SQLiteCheckpointStore(path) as store:
        asyncio.run(store.append("run", entry(0)))


def use_async_with(path: Path) -> None:
    async def main():
        async with SQLiteCheckpointStore(path) as store:
            await store.append("run", entry(0))
            assert len(store_threads()) == 1
        assert_nothing_is_left(path)

    asyncio.run(main())


def use_close(path: Path) -> None:
    store = SQLiteCheckpointStore(path)
    asyncio.run(store.append("run", entry(0)))
    store.close()
    store.close()


def use_aclose(path: Path) -> None:
    async def main():
        store = SQLiteCheckpointStore(path)
        await store.append("run", entry(0))
        await store.aclose()
        await store.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    "use",
    [use_with, use_async_with, use_close, use_aclose],
    ids=lambda use: use.__name__,
)
def test_a_closed_store_leaves_neither_thread_nor_file(path: Path, use):
    use(path)

    assert_nothing_is_left(path)


def test_a_store_that_was_never_used_makes_nothing(path: Path):
    with SQLiteCheckpointStore(path):
        assert store_threads() == []

    assert not path.exists()


CALLS = {
    "append": lambda store: store.append("run", entry(0)),
    "load_run": lambda store: store.load_run("run"),
    "clear": lambda store: store.clear("run"),
    "finish": lambda store: store.finish("run", [entry(0)], FINISHED),
    "outcome": lambda store: store.outcome("run"),
    "list_runs": lambda store: store.list_runs(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_closed_store_refuses_every_call(path: Path, name: str):
    store = SQLiteCheckpointStore(path)
    store.close()

    with pytest.raises(CheckpointStoreError, match="this store is closed") as caught:
        asyncio.run(CALLS[name](store))

    assert str(caught.value).startswith(f"{path}: ")
    assert not path.exists()


def test_close_settles_what_is_under_way(path: Path):
    async def main():
        store = SQLiteCheckpointStore(path)
        appends = [
            asyncio.create_task(store.append(f"run-{number}", entry(0)))
            for number in range(50)
        ]
        await asyncio.sleep(0)
        store.close()
        await asyncio.gather(*appends)

    asyncio.run(main())

    with SQLiteCheckpointStore(path) as store:
        assert len(asyncio.run(store.list_runs())) == 50


def test_close_does_not_wait_for_a_busy_file(path: Path):
    async def main():
        store = SQLiteCheckpointStore(path, busy_timeout=600)
        await store.append("run", entry(0))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(store.append("run", entry(1)))
            await asyncio.sleep(0)
            await store.aclose()
        with pytest.raises(
            CheckpointStoreError, match="closed while the file was busy"
        ):
            await waiting

    asyncio.run(main())

    assert_nothing_is_left(path)
    with SQLiteCheckpointStore(path) as store:
        assert asyncio.run(store.load_run("run")) == [entry(0)]


def test_the_thread_of_a_forgotten_store_ends(path: Path):
    store = SQLiteCheckpointStore(path)
    asyncio.run(store.append("run", entry(0)))
    (thread,) = store_threads()

    del store
    gc.collect()
    thread.join(timeout=60)

    assert_nothing_is_left(path)


def run_program(tmp_path: Path, text: str, *options: str) -> str:
    """Run a program on ``runs.db`` in a strict interpreter; return what it printed."""
    source = """
        import asyncio, os, sys
        from cano_core import CheckpointRow, RowKind, SQLiteCheckpointStore

        def entry(sequence):
            return CheckpointRow(sequence, "State", "task", RowKind.STATE_ENTRY)

        store = SQLiteCheckpointStore("runs.db")
    """
    program = tmp_path.parent / f"{tmp_path.name}.py"
    program.write_text(textwrap.dedent(source) + textwrap.dedent(text))
    done = children.run(
        "python", "-W", "error", "-X", "dev", *options, program, cwd=tmp_path
    )
    assert done.status == 0, done.output
    return done.output


def test_a_store_left_open_ends_with_its_process_and_tidies_up(path: Path):
    output = run_program(
        path.parent,
        """
        asyncio.run(store.append("run", entry(0)))
        print(sorted(os.listdir()))
        """,
    )

    assert output == "['runs.db', 'runs.db-shm', 'runs.db-wal']\n"
    assert_nothing_is_left(path)


def test_a_busy_store_left_open_keeps_no_process_alive(path: Path):
    output = run_program(
        path.parent,
        """
        import sqlite3
        asyncio.run(store.append("run", entry(0)))
        other = sqlite3.connect("runs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        loop = asyncio.new_event_loop()
        waiting = store.append("run", entry(1))
        loop.call_soon(waiting.send, None)
        loop.call_later(0.01, loop.stop)
        loop.run_forever()
        waiting.close()
        loop.close()
        other.close()
        print("done")
        """,
    )

    assert output == "done\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_the_file_anew(path: Path):
    # From 3.12 on, a fork beside any thread is a warning; here, it would be an error.
    output = run_program(
        path.parent,
        """
        asyncio.run(store.append("run", entry(0)))
        child = os.fork()
        if not child:
            asyncio.run(store.append("run", entry(1)))
            asyncio.run(store.append("child", entry(0)))
            sys.exit(7)
        asyncio.run(store.append("parent", entry(0)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        asyncio.run(store.append("run", entry(2)))
        print(asyncio.run(store.list_runs()), len(asyncio.run(store.load_run("run"))))
        """,
    )

    assert output == "7\n['child', 'parent', 'run'] 3\n"
    assert_nothing_is_left(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_waits_during_a_fork_is_the_parents(path: Path):
    output = run_program(
        path.parent,
        """
        import sqlite3

        async def main():
            other = sqlite3.connect("runs.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(store.append("run", entry(1)))
            await store.load_run("run")
            await store.load_run("run")
            child = os.fork()
            if not child:
                os._exit(len(store._writer._waiting))
            print("of the child:", os.waitpid(child, 0)[1])
            other.close()
            await waiting
            return await store.load_run("run")

        asyncio.run(store.append("run", entry(0)))
        print("in the log:", len(asyncio.run(main())))
        """,
    )

    assert output == "of the child: 0\nin the log: 2\n"
