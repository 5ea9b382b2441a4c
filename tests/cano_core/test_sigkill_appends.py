"""Processes that are really killed while their store writes."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cano_core import CheckpointRow, RowKind, SQLiteCheckpointStore
from concluded import Concluded
from killable_flows import ROWS_AT_ONCE, payload_of
from lives import Directory

ENTRY, COMPLETION = RowKind.STATE_ENTRY, RowKind.COMPENSATION_COMPLETION
APPENDS = [[ENTRY], [COMPLETION, ENTRY], [COMPLETION, ENTRY]]
"""The rows of the run, as they come together."""

EFFECTS = ["do Reserve", "do Pack", "Work"]


def killed_while_writing(directory: Directory, **orders: Any) -> bool:
    """Let a process be killed while it writes, and another one go on with its run.

    Returns:
        Whether it was: false if it came to its end.
    """
    with directory.life(**orders) as life:
        told = life.told()
        if told is not None:
            assert told == ("ended", "Done", "")
            return False
        life.died()
    rows, outcome = directory.left()
    finished = outcome is not None

    assert [row.sequence for row in rows] == list(range(len(rows)))
    whole = [list(itertools.chain(*APPENDS[:n])) for n in range(len(APPENDS) + 1)]
    assert [row.kind for row in rows] in whole
    assert not (rows and finished)
    # Never an effect before its row; and never a row before the effect of the last.
    entries = 3 if finished else [row.kind for row in rows].count(ENTRY)
    seen = directory.names()
    assert seen in (EFFECTS[:entries], EFFECTS[: max(entries - 1, 0)])
    assert not finished or seen == EFFECTS

    assert directory.ended() == ("Done", "")
    done = Concluded(rows)
    again = directory.effects("2")
    assert [each for each in again if each.key in done] == []
    assert not (finished and again)
    assert list(dict.fromkeys(directory.names())) == EFFECTS
    return True


def directories(path: Path) -> Iterable[Directory]:
    for number in itertools.count(1):
        (path / str(number)).mkdir()
        yield Directory(path / str(number))


def test_a_run_survives_a_kill_at_each_statement_of_its_store(tmp_path: Path) -> None:
    """Killed by the thread that is about to execute the statement.

    From the first one on, which looks whether the file is ours.
    """
    for statement, directory in enumerate(directories(tmp_path), 1):
        if not killed_while_writing(directory, statement=statement):
            break
    assert statement > 30


def test_a_run_survives_a_kill_amid_a_write(tmp_path: Path) -> None:
    """Killed by the kernel, having written a part of what it was to write."""
    for number, directory in enumerate(directories(tmp_path)):
        room = 50 + 7001 * number
        if not killed_while_writing(directory, room=room):
            break
    # Below that it is the shared memory of the write-ahead log that is not made.
    assert room > 3 * 32_768


# Many logs on one file


def logs(
    directory: Directory, runs: Iterable[str]
) -> dict[str, Sequence[CheckpointRow]]:
    with SQLiteCheckpointStore(directory.path / "runs.db") as store:

        async def load() -> dict[str, Sequence[CheckpointRow]]:
            return {run: await store.load_run(run) for run in runs}

        return asyncio.run(load())


def test_writers_that_are_killed_leave_whole_appends_and_all_they_were_told_of(
    tmp_path: Path,
) -> None:
    """Each fills five logs, three of them at the same time on one file."""
    directory = Directory(tmp_path)
    told: Counter[str] = Counter()

    def note(message: tuple[object, ...] | None) -> None:
        assert message is not None
        _, run, rows = message
        told[str(run)] = int(str(rows))

    for few, more, most in [(1, 2, 3), (20, 1, 50), (7, 33, 90), (64, 65, 66)]:
        lives = [directory.life("storm", name=f"{few}-{n}") for n in range(3)]
        for life, messages in zip(lives, (few, more, most), strict=True):
            with life:
                for _ in range(messages):
                    note(life.told())
                for message in life.kill():
                    note(message)

    assert len(told) > 12
    for run, rows in logs(directory, told).items():
        acknowledged = told[run]
        # The append under way may have become durable without anybody being told.
        assert len(rows) in (acknowledged, acknowledged + ROWS_AT_ONCE)
        assert [row.sequence for row in rows] == list(range(len(rows)))
        assert all(row.payload == payload_of(run, row.sequence) for row in rows)
