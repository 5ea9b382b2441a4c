"""Runs on a real checkpoint file: many at once, two of one id, files from before."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    RowKind,
    RunContext,
    RunExistsError,
    SQLiteCheckpointStore,
    TaskConfig,
    TaskFailedError,
    VersionMismatchError,
    Workflow,
)
from scripted_store import ScriptedStore, raising
from small_flow import Flow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def to_a_file(store: Any, effects: Path) -> Workflow:
    """Start > Work > Done; each state adds its name to a file."""

    def task(name: str, following: str) -> Any:
        def work() -> str:
            with effects.open("a") as file:
                file.write(f"{name}\n")
            return following

        return work

    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    for name, following in [("Start", "Work"), ("Work", "Done")]:
        workflow.register(name, task(name, following), config=TaskConfig.minimal())
    return workflow


def lines(path: Path) -> list[str]:
    return path.read_text().split()


def in_threads(number: int, function: Any) -> None:
    threads = [threading.Thread(target=function, args=[n]) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_r1_many_runs_share_a_file_from_several_threads(
    path: Path, tmp_path: Path
) -> None:
    """Twelve runs on four event loops: each is done once, and leaves no log."""
    ended: list[object] = []

    def three_runs(thread: int) -> None:
        async def main() -> list[object]:
            return await asyncio.gather(
                *[
                    to_a_file(store, tmp_path / name).orchestrate(
                        "Start", workflow_id=name
                    )
                    for name in (f"run-{thread}-{n}" for n in range(3))
                ]
            )

        ended.extend(asyncio.run(main()))

    with SQLiteCheckpointStore(path, sync=False) as store:
        in_threads(4, three_runs)
        names = [f"run-{thread}-{n}" for thread in range(4) for n in range(3)]
        logs = [asyncio.run(store.load_run(name)) for name in names]

    assert ended == ["Done"] * 12
    assert logs == [[]] * 12
    assert [lines(tmp_path / name) for name in names] == [["Start", "Work"]] * 12


def test_r2_of_runs_that_race_for_one_id_on_a_file_one_is_done(
    path: Path, tmp_path: Path
) -> None:
    """Each opens the file by itself; the others are told that the run exists."""
    together = threading.Barrier(3)
    ended: list[object] = []

    def race(_: int) -> None:
        with SQLiteCheckpointStore(path, sync=False) as store:
            workflow = to_a_file(store, tmp_path / "effects")
            together.wait(10)
            try:
                ended.append(
                    asyncio.run(workflow.orchestrate("Start", workflow_id="r"))
                )
            except RunExistsError:
                ended.append("exists")

    in_threads(3, race)

    assert sorted(map(str, ended)) == ["Done", "exists", "exists"]
    assert lines(tmp_path / "effects") == ["Start", "Work"]


def test_r3_what_comes_before_a_crash_is_not_done_again_from_the_file(
    path: Path, tmp_path: Path
) -> None:
    """The last row can't be written; the file is opened anew, and the run goes on."""
    effects = tmp_path / "effects"
    with SQLiteCheckpointStore(path, sync=False) as inner:
        crashing: Any = inner
        store = ScriptedStore(before=raising(OSError("gone"), "finish"), inner=crashing)
        with pytest.raises(CheckpointStoreError, match="gone"):
            asyncio.run(to_a_file(store, effects).orchestrate("Start", workflow_id="r"))
    assert lines(effects) == ["Start", "Work"]

    with SQLiteCheckpointStore(path, sync=False) as store:
        workflow = to_a_file(store, effects)
        assert asyncio.run(workflow.resume_from("r")) == "Done"
        assert asyncio.run(store.load_run("r")) == []
    assert lines(effects) == ["Start", "Work", "Work"]


# Files that were written before this release


def written_before(path: Path, *rows: tuple[Any, ...]) -> None:
    """Make a file as the first release did, down to the bytes of its payloads."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA application_id = 0x63616E6F;
            PRAGMA user_version = 1;
            CREATE TABLE log (
                workflow_id TEXT NOT NULL, sequence INTEGER NOT NULL,
                kind INTEGER NOT NULL, state TEXT NOT NULL, task TEXT NOT NULL,
                version INTEGER NOT NULL, payload BLOB,
                PRIMARY KEY (workflow_id, sequence)
            ) WITHOUT ROWID;
            CREATE TABLE outcome (
                workflow_id TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL,
                version INTEGER NOT NULL, payload BLOB, ended REAL NOT NULL,
                PRIMARY KEY (workflow_id)
            ) WITHOUT ROWID;
            """
        )
        connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()


TWO_STATES = [
    ("r", 0, 0, "Start", "work", 0, None),
    ("r", 1, 0, "Process", "work", 0, None),
]


def test_v1_a_run_of_an_old_file_is_gone_on_with(path: Path) -> None:
    written_before(path, *TWO_STATES)
    with SQLiteCheckpointStore(path, sync=False) as store:
        flow = Flow(store)
        assert flow.resume() == "Done"
        assert flow.ran == ["r/Process/1"]
        assert flow.rows() == []


def test_v1_rows_of_many_kinds_are_read_as_they_were_written(path: Path) -> None:
    """A completion, a cursor, a call, a claim: their bytes are part of the format."""
    written_before(
        path,
        ("r", 0, 0, "Book", "book", 0, None),
        ("r", 1, 1, "Book", "book", 0, b"\x93\xa4Step\xc4\x05\xa4seat\xc0"),
        ("r", 2, 0, "Step", "step", 0, None),
        ("r", 3, 2, "Step", "step", 0, b"\x94\xa0\x01\xc4\x01\x07\xc0"),
        ("r", 4, 7, "Step", "step", 0, b"\x92\xa51\x1fpay\xc4\x01\x2a"),
        ("r", 5, 3, "Step", "step", 0, None),
    )
    seen: list[object] = []

    async def step(cursor: int | None, run: RunContext) -> Any:
        seen.append((cursor, run.resumes, await run.once("pay", lambda: "again")))
        raise ValueError("no")

    with SQLiteCheckpointStore(path, sync=False) as store:
        workflow = (
            Workflow(checkpoint_store=store)
            .register_with_compensation(
                "Book", lambda: ("Step", "seat"), compensate=seen.append
            )
            .register_stepped("Step", step, config=TaskConfig.minimal())
            .add_exit_state("Done")
        )
        with pytest.raises(TaskFailedError):
            asyncio.run(workflow.resume_from("r"))
    assert seen == [(7, 2, 42), "seat"]


def test_v2_a_run_of_an_old_file_is_refused_by_a_new_version(path: Path) -> None:
    """Unless the new version says that it accepts the old one."""
    written_before(path, *TWO_STATES)
    with SQLiteCheckpointStore(path, sync=False) as store:
        flow = Flow(store, version=1)
        with pytest.raises(VersionMismatchError) as caught:
            flow.resume()
        assert (caught.value.stored, caught.value.expected) == (0, 1)
        assert flow.ran == []
        assert len(flow.rows()) == 2

        assert Flow(store, version=1, accepts_versions=[0]).resume() == "Done"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "STATE_ENTRY"),
        (1, "COMPENSATION_COMPLETION"),
        (2, "STEP_CURSOR"),
        (3, "RESUME"),
        (4, "BRANCH"),
        (5, "ROLLBACK"),
        (6, "COMPENSATED"),
        (7, "MEMO"),
    ],
)
def test_e5_e8_the_number_of_a_kind_never_changes(
    path: Path, number: int, name: str
) -> None:
    """E5, E6, E8: kinds and their numbers are one to one, on the disk too."""
    row = CheckpointRow(0, "A", "a", RowKind[name])
    with SQLiteCheckpointStore(path, sync=False) as store:
        asyncio.run(store.append("r", row))
        (loaded,) = asyncio.run(store.load_run("r"))
    with closing(sqlite3.connect(path)) as connection:
        stored = connection.execute("SELECT kind FROM log").fetchall()

    assert stored == [(number,)]
    assert loaded == row
    assert loaded.kind is RowKind(number)
    assert len(RowKind) == 8
