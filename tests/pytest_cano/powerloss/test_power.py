"""The engine's own store on a disk whose power fails, at every moment."""

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest

pytest.importorskip("apsw", reason="needs the extra pytest-cano[powerloss]")

from cano_core import CheckpointStoreError, SQLiteCheckpointStore
from power_losses import FILE, Judgement, Moments, every_moment, judge, row
from pytest_cano.powerloss.connection import Connection
from pytest_cano.powerloss.operations import Write
from pytest_cano.powerloss.power import Power, PowerLossUnavailableError


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


# Every moment


async def _a_few_appends(moments: Moments, disk: Path) -> None:
    async with SQLiteCheckpointStore(disk / FILE) as store:
        for _ in range(3):
            await moments.append(store)


async def _opened_again(moments: Moments, disk: Path) -> None:
    for _ in range(2):
        async with SQLiteCheckpointStore(disk / FILE) as store:
            await moments.append(store)
    moments.take()


async def _a_checkpoint(moments: Moments, disk: Path) -> None:
    """So many pages that SQLite moves them from its WAL to the file, amid appends."""
    moved = 0

    def watch(operation: object) -> None:
        nonlocal moved
        moved += isinstance(operation, Write) and operation.file == FILE
        moments.watching = 0 < moved < 4
        moments.take()

    async with SQLiteCheckpointStore(disk / FILE) as store:
        await moments.append(store)
        moments.watching = False
        moments.power.recorder.on_operation = watch
        while not moved:
            await moments.append(store)
        moments.watching = True
        moments.power.recorder.on_operation = moments.take
        await moments.append(store)


@pytest.mark.parametrize(
    ("use", "images"),
    [(_a_few_appends, 200), (_opened_again, 200), (_a_checkpoint, 50)],
)
def test_a_store_that_syncs_loses_nothing_that_was_acknowledged(
    disk: Path, elsewhere: Path, use, images: int
):
    moments = every_moment(disk, use)

    judgement = judge(moments, elsewhere)

    assert judgement == Judgement(len(moments.images), 0, 0, 0)
    assert judgement.images > images


def test_a_store_that_does_not_sync_is_found_out(disk: Path, elsewhere: Path):
    async def use(moments: Moments, disk: Path) -> None:
        async with SQLiteCheckpointStore(disk / FILE, sync=False) as store:
            await moments.append(store)
            await moments.append(store)

    judgement = judge(every_moment(disk, use), elsewhere)

    assert judgement.most_lost == 4
    assert judgement.damaged > 0
    assert judgement.broken == 0


# One power loss


def rows_of(path: Path) -> int:
    with SQLiteCheckpointStore(path) as store:
        return len(asyncio.run(store.load_run("run")))


def append(store: SQLiteCheckpointStore, *sequences: int) -> None:
    for sequence in sequences:
        asyncio.run(store.append("run", row(sequence)))


def test_what_a_teardown_writes_is_in_no_image(disk: Path):
    with Power(disk) as power:
        store = SQLiteCheckpointStore(disk / FILE, sync=False)
        append(store, 0, 1)
        power.fail()
        images = power.images()

        append(store, 2)
        store.close()

        assert not (disk / f"{FILE}-wal").exists()
        assert power.images() == images
        power.restart(power.unsynced(0))
        assert rows_of(disk / FILE) == 2


# One write for a frame's header and one for its page; a row takes two pages.
@pytest.mark.parametrize(("count", "rows"), [(0, 2), (1, 1), (4, 1), (5, 0)])
def test_the_last_writes_are_lost_by_number(disk: Path, count: int, rows: int):
    with Power(disk) as power, SQLiteCheckpointStore(disk / FILE, sync=False) as store:
        append(store, 0, 1)
        power.fail()

        power.restart(power.unsynced(count))

        assert rows_of(disk / FILE) == rows


@pytest.mark.parametrize(("size", "rows"), [(4096, 2), (4095, 1), (512, 1), (0, 1)])
def test_the_last_write_is_cut(disk: Path, size: int, rows: int):
    with Power(disk) as power, SQLiteCheckpointStore(disk / FILE, sync=False) as store:
        append(store, 0, 1)
        power.fail()

        power.restart(power.torn(size))

        assert rows_of(disk / FILE) == rows


def test_a_store_that_syncs_has_nothing_to_lose_between_its_calls(disk: Path):
    with Power(disk) as power, SQLiteCheckpointStore(disk / FILE) as store:
        append(store, 0, 1)
        power.fail()

        (image,) = power.images()

    assert image.lost == "nothing was unsynced, nothing was lost"


def test_a_store_that_is_left_open_does_not_touch_what_came_after_it(disk: Path):
    with Power(disk) as power:
        dead = SQLiteCheckpointStore(disk / FILE, sync=False)
        append(dead, 0)
        power.fail()
        power.restart(power.unsynced(0))
        alive = SQLiteCheckpointStore(disk / FILE)
        append(alive, 1, 2)

        with pytest.raises(CheckpointStoreError):
            append(dead, 1)
        dead.close()

        append(alive, 3)
        power.fail()
        alive.close()
        (image,) = power.images()
        power.restart(image)
        assert rows_of(disk / FILE) == 4


def test_one_power_loss_follows_another(disk: Path):
    with Power(disk) as power:
        for life in range(3):
            store = SQLiteCheckpointStore(disk / FILE, sync=False)
            append(store, life)
            power.fail()
            store.close()
            power.restart(power.unsynced(0))
            assert power.recorder.disk.pending == ()

        assert rows_of(disk / FILE) == 3


def test_a_disk_that_has_nothing_yet_is_empty_again(disk: Path):
    with Power(disk) as power, SQLiteCheckpointStore(disk / FILE, sync=False) as store:
        append(store, 0)
        power.fail()

        power.restart(power.images()[0])

        assert list(disk.iterdir()) == []


# What is recorded


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_what_is_recorded_is_what_is_there(disk: Path, mode: str):
    with Power(disk) as power:
        connection = Connection(str(disk / FILE))
        execute = connection.execute
        assert execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
        execute("CREATE TABLE t (x)")
        for _ in range(2):
            execute("INSERT INTO t VALUES (zeroblob(100000))")
            execute("DELETE FROM t")
            execute("VACUUM")
            there = {
                path.name: path.read_bytes()
                for path in disk.iterdir()
                if not path.name.endswith("-shm")
            }
            assert power.recorder.disk.files == there
        connection.close()


def test_what_was_there_before_is_durable(disk: Path):
    with SQLiteCheckpointStore(disk / FILE) as store:
        append(store, 0)

    with Power(disk) as power, SQLiteCheckpointStore(disk / FILE, sync=False) as store:
        append(store, 1)
        power.fail()
        power.restart(power.images()[0])

        assert rows_of(disk / FILE) == 1


def test_files_elsewhere_and_other_programs_are_not_recorded(
    disk: Path, elsewhere: Path
):
    with Power(disk) as power:
        with SQLiteCheckpointStore(elsewhere / FILE) as store:
            append(store, 0)
        sqlite3.connect(disk / "other.db").execute(
            "CREATE TABLE t (x)"
        ).connection.close()

        assert power.recorder.disk.files == {}


def test_disks_have_each_their_own_power(disk: Path, elsewhere: Path):
    (disk / "deeper").mkdir()
    with Power(disk) as power, Power(elsewhere) as other:
        with SQLiteCheckpointStore(disk / "deeper" / FILE) as store:
            append(store, 0)
        power.fail()
        with SQLiteCheckpointStore(elsewhere / FILE) as store:
            append(store, 0)

    assert power.recorder.disk.files.keys() == {f"deeper/{FILE}"}
    assert other.recorder.disk.files.keys() == {FILE}


def test_with_the_power_no_longer_watched_stores_are_as_ever(disk: Path):
    with Power(disk) as power:
        pass

    with SQLiteCheckpointStore(disk / FILE) as store:
        append(store, 0)

    assert power.recorder.disk.files == {}


def test_without_apsw_it_is_said_how_to_get_it(
    disk: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "apsw", None)
    monkeypatch.delitem(sys.modules, "pytest_cano.powerloss.vfs")
    monkeypatch.delattr("pytest_cano.powerloss.vfs")

    with pytest.raises(PowerLossUnavailableError, match=r"pytest-cano\[powerloss\]"):
        Power(disk)
