"""Rows that a SQLite store cannot read: named one by one, and no other run is lost."""

import asyncio
from pathlib import Path

import pytest

from cano_core import CheckpointStoreError, SQLiteCheckpointStore
from sqlite_runs import NAMES, entry, execute, fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


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

    async def main():
        async with SQLiteCheckpointStore(path) as store:
            logs = await asyncio.gather(
                *map(store.load_run, NAMES), return_exceptions=True
            )
        return dict(zip(NAMES, logs, strict=True))

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
    assert all(len(logs[name]) == 3 for name in NAMES if name not in lost)
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
