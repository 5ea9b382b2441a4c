"""Reading a log's tail: what may be left out, and that a resume is the same with it."""

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    CorruptLogError,
    Done,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    More,
    RowKind,
    RunContext,
    SplitResult,
    SQLiteCheckpointStore,
    SteppedTask,
    TaskConfig,
    TaskFailedError,
    VersionMismatchError,
    Workflow,
)
from cano_core.checkpoints.store import reads_tail
from cano_core.progress import Cursor, Memo, Progress, memo_key
from one_task import start_or_resume

ENTRY, CURSOR, MEMO = RowKind.STATE_ENTRY, RowKind.STEP_CURSOR, RowKind.MEMO


class Whole(MemoryCheckpointStore):
    """A store that has no tail to offer."""

    load_tail = None  # type: ignore[assignment]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: Any, tmp_path: Path) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryCheckpointStore()
    else:
        with SQLiteCheckpointStore(tmp_path / "runs.db", sync=False) as opened:
            yield opened


def needed(rows: list[CheckpointRow]) -> list[CheckpointRow]:
    """The contract, as a definition."""
    return [
        row
        for place, row in enumerate(rows)
        if row.kind is not CURSOR
        or not any(r.kind is CURSOR and r.task == row.task for r in rows[place + 1 :])
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_tail_has_every_row_but_cursors_with_a_later_one_of_their_task(
    store: Any, seed: int
) -> None:
    chance = random.Random(seed)
    rows = [CheckpointRow(0, "A", "a", ENTRY, b"data", 3)]
    for sequence in range(1, chance.randrange(2, 40)):
        kind = chance.choice([CURSOR, CURSOR, CURSOR, MEMO, ENTRY])
        task = chance.choice(["", "a", "a[1]", "a[2]", "b", "ä"])
        rows.append(CheckpointRow(sequence, "A", task, kind, b"%d" % sequence, 3))

    async def read() -> tuple[list[Any], list[Any], list[Any]]:
        await store.append("r", *rows)
        await store.append("q", CheckpointRow(0, "A", "a", ENTRY, None, 0))
        await store.append("q", CheckpointRow(1, "A", "a", CURSOR, b"other", 0))
        return (
            list(await store.load_tail("r")),
            list(await store.load_tail("q")),
            list(await store.load_tail("unknown")),
        )

    tail, other, unknown = asyncio.run(read())
    assert tail == needed(rows)
    assert [row.sequence for row in other] == [0, 1]
    assert unknown == []


def test_a_tail_does_not_look_at_the_cursors_in_between(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"

    async def read(store: SQLiteCheckpointStore, run: str, count: int) -> None:
        entry = CheckpointRow(0, "A", "a", ENTRY, None, 0)
        await store.append(
            run,
            entry,
            *[CheckpointRow(n, "A", "a", CURSOR, b"x", 0) for n in range(1, count)],
        )
        assert [row.sequence for row in await store.load_tail(run)] == [0, count - 1]

    with SQLiteCheckpointStore(path, sync=False) as store:
        asyncio.run(read(store, "long", 3000))
    from cano_core.checkpoints._sqlite_log import _TAIL

    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    connection = sqlite3.connect(path)
    connection.set_progress_handler(count, 10)
    assert len(connection.execute(_TAIL, {"run": "long"}).fetchall()) == 2
    connection.close()
    # Tens of instructions, where one for each of 3000 cursors would be hundreds.
    assert steps < 60


def test_a_file_of_an_earlier_release_gets_what_its_tail_needs(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    rows = [
        CheckpointRow(0, "A", "a", ENTRY, None, 0),
        CheckpointRow(1, "A", "a", CURSOR, b"1", 0),
        CheckpointRow(2, "A", "a", CURSOR, b"2", 0),
    ]
    with SQLiteCheckpointStore(path, sync=False) as store:
        asyncio.run(store.append("r", *rows))
    connection = sqlite3.connect(path)
    connection.executescript("DROP INDEX log_cursors; DROP INDEX log_others")
    connection.close()
    with SQLiteCheckpointStore(path, sync=False) as store:
        assert asyncio.run(store.load_tail("r")) == [rows[0], rows[2]]
        assert asyncio.run(store.load_run("r")) == rows


class Story:
    """Counts in steps that remember a call and change the data; crashes where told."""

    def __init__(self) -> None:
        self.crash_at: int | None = None
        self.calls: list[tuple[int, int | None, int]] = []
        self.made: list[int] = []

    async def step(self, cursor: int | None, run: RunContext, data: list[int]) -> Any:
        at = cursor or 0
        self.calls.append((run.visit, cursor, sum(data)))
        await run.once("call", self.made.append, at)
        if at % 3 == 0:
            data.append(at)
        if at == self.crash_at:
            self.crash_at = None
            raise ConnectionError("outage")
        if at < 8:
            return More(at + 1)
        return Done("Work" if run.visit == 1 else "Done")

    def workflow(self, store: Any, **options: Any) -> Workflow:
        return (
            Workflow(checkpoint_store=store, data=list[int], **options)
            .register_stepped("Work", self.step, config=TaskConfig.minimal())
            .add_exit_state("Done")
        )

    def told(self, store: Any, crash_at: int) -> list[Any]:
        """Crash in both visits, resume, and tell everything that has happened."""
        workflow = self.workflow(store)

        async def run() -> object:
            return await workflow.start_or_resume("Work", workflow_id="r", data=[1])

        for _ in range(2):
            self.crash_at = crash_at
            with pytest.raises(TaskFailedError):
                asyncio.run(run())
            asyncio.run(asyncio.sleep(0))
        assert asyncio.run(run()) == "Done"
        return [self.calls, self.made]


@pytest.mark.parametrize("crash_at", range(9))
def test_a_resume_from_the_tail_is_one_from_the_whole_log(
    store: Any, crash_at: int
) -> None:
    assert Story().told(store, crash_at) == Story().told(Whole(), crash_at)


def test_data_that_an_earlier_step_has_changed_is_not_lost(store: Any) -> None:
    story = Story()
    story.crash_at = 5
    workflow = story.workflow(store)
    with pytest.raises(TaskFailedError):
        asyncio.run(workflow.orchestrate("Work", workflow_id="r", data=[1]))
    tail = asyncio.run(store.load_tail("r"))
    cursors = [Cursor.decode(row.payload) for row in tail if row.kind is CURSOR]
    assert [(each.number, each.data) for each in cursors] == [
        (4, b"\x93\x01\x00\x03"),
        (5, None),
    ]
    story.calls.clear()
    asyncio.run(workflow.resume_from("r"))
    assert story.calls[0] == (1, 5, 4)


def test_the_branches_of_a_split_keep_a_cursor_each(store: Any) -> None:
    calls: list[tuple[int, int | None]] = []
    crash = True

    def climbing(number: int) -> Any:
        class Climbing(SteppedTask):
            config = TaskConfig.minimal()

            async def step(self, cursor: int | None) -> Any:
                nonlocal crash
                calls.append((number, cursor))
                at = cursor or 0
                if crash and number == 2 and at == 4:
                    crash = False
                    raise ConnectionError("outage")
                return Done(number) if at == 4 else More(at + 1)

        return Climbing()

    async def join(result: SplitResult) -> str:
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store)
        .register_split(
            "Work",
            [climbing(number) for number in range(3)],
            JoinConfig(JoinStrategy.ALL, "Join"),
            config=TaskConfig.minimal(),
        )
        .register("Join", join)
        .add_exit_state("Done")
    )
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    calls.clear()
    assert start_or_resume(workflow) == "Done"
    assert (2, 4) in calls
    assert (2, None) not in calls


@pytest.mark.parametrize(
    ("sequences", "problem"),
    [([0, 3], None), ([0, 2, 4], None), ([0, 1, 3], 3), ([2], 2), ([0, 0], 0)],
)
def test_only_what_a_later_cursor_makes_superfluous_may_be_missing(
    sequences: list[int], problem: int | None
) -> None:
    def one(sequence: int) -> CheckpointRow:
        kind, payload = CURSOR, Cursor("", sequence, b"\x07").encode()
        if sequence == 0:
            kind, payload = ENTRY, b""
        elif sequences == [0, 1, 3]:
            kind, payload = MEMO, Memo(str(sequence), b"\x07").encode()
        return CheckpointRow(sequence, "Work", "step", kind, payload, 0)

    class Tail(MemoryCheckpointStore):
        async def load_tail(self, workflow_id: str) -> Any:
            return [one(n) for n in sequences]

        async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
            assert rows[0].sequence == sequences[-1] + 1

    seen = []

    async def step(cursor: int | None) -> Any:
        seen.append(cursor)
        raise ConnectionError("enough")

    workflow = (
        Workflow(checkpoint_store=Tail())
        .register_stepped("Work", step, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )
    if problem is None:
        with pytest.raises(TaskFailedError):
            asyncio.run(workflow.resume_from("r"))
        assert seen == [7]
    else:
        with pytest.raises(CorruptLogError) as caught:
            asyncio.run(workflow.resume_from("r"))
        assert caught.value.sequence == problem


def test_a_version_that_is_not_accepted_is_found_although_its_cursors_are_left_out(
    store: Any,
) -> None:
    story = Story()
    for version in (0, 1):
        story.crash_at = 2 + 3 * version
        workflow = story.workflow(store, version=version, accepts_versions=(0,))

        async def run(workflow: Workflow = workflow) -> object:
            return await workflow.start_or_resume("Work", workflow_id="r", data=[1])

        with pytest.raises(TaskFailedError):
            asyncio.run(run())
    with pytest.raises(VersionMismatchError):
        asyncio.run(
            story.workflow(store, version=2, accepts_versions=(0,)).resume_from("r")
        )


def test_a_whole_log_has_no_gap_before_a_cursor() -> None:
    class Gap(Whole):
        async def load_run(self, workflow_id: str) -> Any:
            return [
                CheckpointRow(0, "Work", "step", ENTRY, None, 0),
                CheckpointRow(2, "Work", "step", CURSOR, b"", 0),
            ]

    workflow = Story().workflow(Gap())
    with pytest.raises(CorruptLogError, match="row 1 is missing"):
        asyncio.run(workflow.resume_from("r"))


def test_a_cursor_lets_go_of_what_all_steps_before_it_remembered() -> None:
    progress = Progress()
    for part, name in [("2/0", "a"), ("2/5", "a"), ("2/5/1", "a"), ("2/6", "a")]:
        Memo(memo_key(part, name), b"").apply(progress)
    for key in ("plain", memo_key("3/0", "a"), memo_key("2", "a")):
        Memo(key, b"").apply(progress)
    Cursor("2", 6, b"").apply(progress)
    assert set(progress.memos) == {
        memo_key("2/6", "a"),
        "plain",
        memo_key("3/0", "a"),
        memo_key("2", "a"),
    }


def test_a_cursor_does_not_search_the_memos_of_other_branches() -> None:
    """There may be thousands, and as many cursors."""

    class Unsearched(dict[str, bytes]):
        def __iter__(self) -> Any:
            raise AssertionError("searched")

        keys = items = __iter__

    progress = Progress(Unsearched())
    for branch in range(3):
        Memo(memo_key(f"{branch}/0", "a"), b"").apply(progress)
    Cursor("1", 1, b"").apply(progress)
    assert len(progress.memos) == 2
    assert memo_key("1/0", "a") not in progress.memos


def test_a_store_without_a_tail_is_read_whole() -> None:
    assert reads_tail(MemoryCheckpointStore())
    assert not reads_tail(Whole())
    assert not reads_tail(object())
