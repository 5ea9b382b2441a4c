"""A rollback that is interrupted goes on backwards, from where it was."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    CompensationFailedError,
    ConfigurationError,
    CorruptLogError,
    MemoryCheckpointStore,
    RecordingObserver,
    RolledBackError,
    RunConflictError,
    RunContext,
    RunPhase,
    TaskFailedError,
    Workflow,
)
from saga_rows import compensated, completion, rollback
from sagas import ONCE, Journal, resume, saga, start, written
from scripted_store import Script, ScriptedStore, ThreeMethodStore, raising
from small_flow import memo, row

STORES = [ScriptedStore, ThreeMethodStore]


class Crash(BaseException):
    """The end of a process."""


def seeded(*rows: CheckpointRow) -> MemoryCheckpointStore:
    store = MemoryCheckpointStore()
    asyncio.run(store.append("r", *rows))
    return store


# What can't be undone


def test_what_failed_is_tried_again_by_the_next_resume_and_nothing_else() -> None:
    store = MemoryCheckpointStore()
    journal = Journal(C=[ValueError("no")], undo_B=[OSError("1"), OSError("2")])
    with pytest.raises(CompensationFailedError):
        start(saga(journal, store))
    assert written(store)[-2:] == ["C failed", "A undone"]
    journal.did.clear()

    with pytest.raises(CompensationFailedError) as caught:
        resume(saga(journal, store))
    assert journal.did == ["undo B1"]
    (left,) = caught.value.remaining
    assert (left.state, left.sequence, left.output) == ("B", 2, "B1")
    assert str(left.error) == "2"
    assert caught.value.__cause__ is None
    assert (caught.value.failure.state, caught.value.failure.message) == ("C", "no")

    with pytest.raises(RolledBackError) as end:
        resume(saga(journal, store))
    assert journal.did == ["undo B1", "undo B1"]
    assert end.value.failure == caught.value.failure


def test_what_was_not_tried_for_lack_of_time_is_tried_by_the_next_resume() -> None:
    journal = Journal(C=[ValueError("no")])
    store = MemoryCheckpointStore()
    release = asyncio.Event()

    async def hang(output: str) -> None:
        journal.step(f"undo {output}")
        await release.wait()

    def workflow() -> Workflow:
        made = saga(journal, store, states="AC", compensation_timeout=0.01)
        made.register_with_compensation(
            "First", lambda: ("A", "F1"), compensate=hang, config=ONCE
        )
        return made

    with pytest.raises(CompensationFailedError):
        start(workflow(), "First")
    assert journal.undone == ["A1", "F1"]
    release.set()
    with pytest.raises(RolledBackError):
        resume(workflow())
    assert journal.undone == ["A1", "F1", "F1"]


@pytest.mark.parametrize("replaced", ["by a plain task", "and gone"])
def test_u60_a_state_that_has_no_compensation_any_more_is_listed(
    replaced: str,
) -> None:
    store = seeded(
        row(0, "A"), completion(1, "A", "B", "7"), row(2, "B"), rollback(3, "B")
    )
    journal = Journal()
    if replaced == "and gone":
        with pytest.raises(CorruptLogError, match=r"row 0: .*no state 'A'"):
            resume(saga(journal, store, states="B"))
        return
    watcher = RecordingObserver()
    workflow = saga(journal, store, states="AB", plain="A", observers=[watcher])
    with pytest.raises(CompensationFailedError) as caught:
        resume(workflow)

    (left,) = caught.value.remaining
    assert (left.state, left.sequence) == ("A", 0)
    assert left.output == msgspec.msgpack.encode("7")
    assert isinstance(left.error, ConfigurationError)
    assert "register_with_compensation" in str(left.error)
    assert watcher.of("on_compensation_failure") == [("r", "A", left.error)]
    assert journal.did == []

    with pytest.raises(RolledBackError):
        resume(saga(journal, store, states="AB"))
    assert journal.did == ["undo 7"]


@dataclass
class Receipt:
    number: int


def test_h54_an_output_that_can_not_be_read_is_listed_with_its_bytes() -> None:
    store = seeded(row(0, "A"), completion(1, "A", "A", "seven"), rollback(2, "A"))

    async def undo(output: Receipt) -> None:
        raise AssertionError("not with this")

    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    workflow.register_with_compensation("A", lambda: ("A", 1), compensate=undo)
    for _ in range(2):
        with pytest.raises(CompensationFailedError) as caught:
            resume(workflow)
        (left,) = caught.value.remaining
        assert left.output == msgspec.msgpack.encode("seven")
        assert isinstance(left.error, msgspec.ValidationError)


# A crash at every moment, again and again


def crashing_at(nth: int, when: str) -> dict[str, Script]:
    """Crash before, or after, the n-th operation of a life."""
    calls = itertools.count(1)

    def script(operation: str, number: int) -> None:
        if next(calls) == nth:
            raise Crash

    return {when: script}


@dataclass
class Lives:
    """One run over several processes."""

    kind: type[ThreeMethodStore]
    journal: Journal = field(default_factory=lambda: Journal(D=[ValueError("no")]))

    def __post_init__(self) -> None:
        self.inner = self.kind().inner

    def live(self, **scripts: Any) -> str:
        store = self.kind(inner=self.inner, **scripts)
        workflow = saga(self.journal, store, states="ABCD", plain="BD")
        try:
            start_or_resume = workflow.start_or_resume("A", workflow_id="r")
            return str(asyncio.run(start_or_resume))
        except (Crash, TaskFailedError, RolledBackError) as error:
            return type(error).__name__

    @property
    def rows(self) -> list[str]:
        return written(self.inner)


def every_crash(kind: type[ThreeMethodStore]) -> Iterator[tuple[Lives, str]]:
    for when in ("before", "after"):
        for n in itertools.count(1):
            lives = Lives(kind)
            if lives.live(**crashing_at(n, when)) != "Crash":
                break
            yield lives, when


def rolling_back(kind: type[ThreeMethodStore]) -> Lives:
    """A run that crashed right after its ROLLBACK row."""
    crashed = (lives for lives, _ in every_crash(kind))
    return next(lives for lives in crashed if lives.rows[-1:] == ["D failed"])


@pytest.mark.parametrize("kind", STORES)
def test_h02_a_rollback_that_crashes_anywhere_goes_on_backwards(
    kind: type[ThreeMethodStore],
) -> None:
    """Never forward, and nothing that has a row is undone twice."""
    crashed_in_rollback = 0
    for lives, when in every_crash(kind):
        rows, before = lives.rows, list(lives.journal.did)
        if kind is ThreeMethodStore and not rows and len(before) > 4:
            continue  # cleared: this store has forgotten that the run ever was
        rolling = "D failed" in rows
        lives.journal.did.clear()
        ended = lives.live()
        if rolling:
            crashed_in_rollback += 1
            assert ended == "RolledBackError"
            recorded = {row[0] for row in rows if row.endswith("undone")}
            assert lives.journal.did == [
                f"undo {label}1" for label in "CA" if label not in recorded
            ]
        elif rows and rows[-1] == "D" and when == "before" and "D" in before:
            # D failed, and no row says so: it runs again, and this time it succeeds.
            assert (ended, lives.journal.did) == ("Done", ["D"])
        assert lives.rows == []
    # Around each row and the end, which comes in one step with a row where it can.
    assert crashed_in_rollback >= (4 if kind is ScriptedStore else 6)


@pytest.mark.parametrize("kind", STORES)
def test_h06_a_process_that_dies_again_and_again_gets_to_the_end(
    kind: type[ThreeMethodStore],
) -> None:
    """Each life of the rollback gets two rows written, its claim and one more."""
    lives = rolling_back(kind)
    ends = []
    for _ in range(20):
        ends.append(lives.live(**crashing_at(4, "before")))
        if ends[-1] != "Crash":
            break
    assert ends[-1] == "RolledBackError"
    assert 1 < len(ends) < 8
    # Undone, and then not recorded, at most once in each life.
    assert {*lives.journal.undone} == {"A1", "C1"}


@pytest.mark.parametrize("kind", STORES)
def test_law_4_a_rollback_goes_on_after_its_asyncio_task_was_cancelled_anywhere(
    kind: type[ThreeMethodStore],
) -> None:
    """At every turn of the event loop that the run takes."""
    rolling = 0
    for turns in itertools.count(1):
        journal = Journal(D=[ValueError("no")])
        store = kind()

        async def main(turns: int, workflow: Workflow) -> bool:
            run = asyncio.create_task(workflow.orchestrate("A", workflow_id="r"))
            for _ in range(turns):
                await asyncio.sleep(0)
            run.cancel()
            await asyncio.wait([run])
            return run.cancelled()

        if not asyncio.run(
            main(turns, saga(journal, store, states="ABCD", plain="BD"))
        ):
            break
        rows = written(store)
        journal.did.clear()
        if not rows:
            continue  # not begun, or let go of
        workflow = saga(journal, kind(inner=store.inner), states="ABCD", plain="BD")
        if "D failed" in rows:
            rolling += 1
            with pytest.raises(RolledBackError):
                resume(workflow)
            recorded = {row[0] for row in rows if row.endswith("undone")}
            assert journal.undone == [f"{x}1" for x in "CA" if x not in recorded]
            assert journal.did == [f"undo {x}" for x in journal.undone]
        elif journal.fails["D"]:
            with pytest.raises(TaskFailedError):
                resume(workflow)
            assert journal.undone == ["C1", "A1"]
    assert rolling >= 2


def test_the_status_of_a_rollback_is_unambiguous_and_touches_nothing() -> None:
    lives = rolling_back(ScriptedStore)
    rows = lives.rows
    status = asyncio.run(saga(Journal(), lives.inner, states="ABCD").status("r"))
    assert (status.phase, status.state) == (RunPhase.ROLLING_BACK, "D")
    assert lives.rows == rows


def test_two_processes_that_resume_one_rollback_undo_it_once() -> None:
    journal = Journal()
    rows = [row(0, "A"), completion(1, "A", "B", "7"), row(2, "B"), rollback(3, "B")]
    store = seeded(*rows)

    async def main() -> list[Any]:
        resumes = [saga(journal, store, states="AB").resume_from("r") for _ in "12"]
        return await asyncio.gather(*resumes, return_exceptions=True)

    ends = sorted(type(end).__name__ for end in asyncio.run(main()))
    assert ends == ["RolledBackError", "RunConflictError"]
    assert journal.did == ["undo 7"]


def test_a_resumed_rollback_is_told_of_as_documented() -> None:
    rows = [row(0, "A"), completion(1, "A", "B", "7"), row(2, "B"), rollback(3, "B")]
    watcher = RecordingObserver()
    with pytest.raises(RolledBackError):
        resume(saga(Journal(), seeded(*rows), states="AB", observers=[watcher]))

    assert [(event.hook, *event.arguments[1:]) for event in watcher.events[:-1]] == [
        ("on_checkpoint", 4),
        ("on_run_start",),
        ("on_resume", 3),
        ("on_rollback_start", "B"),
        ("on_checkpoint", 5),
        ("on_compensated", "A"),
        ("on_rollback_end", True),
    ]


# Calls that a compensation makes once


def test_a_compensation_makes_a_recorded_call_once_over_all_processes() -> None:
    """Also where the rollback follows a completion that stood alone."""
    refunds: list[str] = []
    errors: list[BaseException] = [OSError("after the refund"), Crash()]

    async def undo(output: str, run: RunContext) -> None:
        await run.once("refund", refunds.append, output)
        if errors:
            raise errors.pop(0)

    def workflow() -> Workflow:
        made = Workflow(checkpoint_store=store).add_exit_state("Done")
        made.register_router("R", failing, config=ONCE)
        for label, following in ("AB", "BR"):
            made.register_with_compensation(
                label,
                lambda label=label, following=following: (following, label),
                compensate=undo,
                config=ONCE,
            )
        return made

    async def failing() -> str:
        raise ValueError("no")

    store = MemoryCheckpointStore()
    with pytest.raises(Crash):
        start(workflow())
    with pytest.raises(RolledBackError):
        resume(workflow())
    assert refunds == ["B", "A"]


def test_a_memo_of_a_compensation_belongs_to_the_visit_it_undoes() -> None:
    store = seeded(
        row(0, "A"),
        completion(1, "A", "A", "1st"),
        row(2, "A"),
        completion(3, "A", "A", "2nd"),
        row(4, "A"),
        rollback(5, "A"),
        memo(6, "A", "undo/2\x1frefund"),
        compensated(7, "A", 2),
    )
    refunds: list[str] = []

    async def undo(output: str, run: RunContext) -> None:
        await run.once("refund", refunds.append, output)

    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    workflow.register_with_compensation("A", lambda: ("A", "x"), compensate=undo)
    with pytest.raises(RolledBackError):
        resume(workflow)
    assert refunds == ["1st"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RunConflictError("r", 5), RunConflictError),
        (OSError("disk"), CheckpointStoreError),
    ],
)
def test_a_compensation_whose_call_is_not_recorded_stops_the_rollback(
    error: Exception, raised: type[Exception]
) -> None:
    """Whatever it makes of that: the run is not ours any more, or nobody knows."""
    refunds: list[str] = []

    async def undo(output: str, run: RunContext) -> None:
        with contextlib.suppress(Exception):
            await run.once("refund", refunds.append, output)

    async def fail() -> str:
        raise ValueError("no")

    def workflow(store: Any) -> Workflow:
        made = Workflow(checkpoint_store=store).register("C", fail, config=ONCE)
        for label, following in ("AB", "BC"):
            made.register_with_compensation(
                label,
                lambda label=label, following=following: (following, label),
                compensate=undo,
            )
        return made.add_exit_state("Done")

    store = ScriptedStore(before=raising(error, "append", 5))
    with pytest.raises(raised):
        start(workflow(store))
    assert refunds == ["B"]
    assert written(store.inner)[-1] == "C failed"

    with pytest.raises(RolledBackError):
        resume(workflow(store.inner))
    assert refunds == ["B", "B", "A"]
