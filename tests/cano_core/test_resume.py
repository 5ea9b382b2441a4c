"""Going on from a log: where, with what, and when not at all."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    ConfigurationError,
    CorruptLogError,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    RecordingObserver,
    ResourceError,
    RolledBackError,
    RowKind,
    RunConflictError,
    RunContext,
    RunNotFoundError,
    TaskConfig,
    TaskFailedError,
    VersionMismatchError,
    Workflow,
)
from cano_core.memo import encode_memo
from scripted_store import ScriptedStore, ThreeMethodStore, raising

ENTRY, RESUME, MEMO = RowKind.STATE_ENTRY, RowKind.RESUME, RowKind.MEMO


def row(
    sequence: int,
    state: str,
    kind: RowKind = ENTRY,
    payload: bytes | None = None,
    version: int = 0,
) -> CheckpointRow:
    return CheckpointRow(sequence, state, "", kind, payload, version)


class Managed:
    """A resource that counts, and may fail in its setup."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.setups = self.teardowns = 0

    async def setup(self) -> None:
        self.setups += 1
        if self.fails:
            raise OSError("no network")

    async def teardown(self) -> None:
        self.teardowns += 1


class Shop:
    """Start > Process > Done, and everything that it does."""

    def __init__(self, store: Any = None, **options: Any) -> None:
        self.store = store if store is not None else MemoryCheckpointStore()
        self.watcher = RecordingObserver()
        self.managed = Managed()
        self.ran: list[str] = []
        self.fails = ""

        def task(name: str, following: str) -> Any:
            async def work(run: RunContext, managed: Managed) -> str:
                self.ran.append(run.idempotency_key)
                if name == self.fails:
                    raise RuntimeError("crash")
                return following

            return work

        options.setdefault("resources", {"managed": self.managed})
        self.workflow = Workflow(
            checkpoint_store=self.store, observers=[self.watcher], **options
        )
        for name, following in [("Start", "Process"), ("Process", "Done")]:
            self.workflow.register(
                name, task(name, following), config=TaskConfig.minimal()
            )
        self.workflow.add_exit_state("Done")

    def seed(self, *rows: CheckpointRow) -> None:
        asyncio.run(self.store.append("r", *rows))

    def resume(self) -> object:
        return asyncio.run(self.workflow.resume_from("r"))

    def start_or_resume(self) -> object:
        return asyncio.run(self.workflow.start_or_resume("Start", workflow_id="r"))

    def rows(self) -> Sequence[CheckpointRow]:
        return asyncio.run(self.store.load_run("r"))


def test_a_workflow_without_a_store_has_nothing_to_resume() -> None:
    """U02, second half: the message names the store."""
    with pytest.raises(ConfigurationError, match="checkpoint_store"):
        asyncio.run(Workflow().add_exit_state("Done").resume_from("r"))


def test_resume_goes_on_with_the_last_state_and_runs_no_other() -> None:
    """U03: Start is not run, Process once; a RESUME row instead of a second entry."""
    shop = Shop()
    shop.seed(row(0, "Start"), row(1, "Process"))

    assert shop.resume() == "Done"

    assert shop.ran == ["r/Process/1"]
    assert shop.watcher.of("on_resume") == [("r", 1)]
    assert shop.watcher.of("on_checkpoint") == [("r", 2), ("r", 3)]
    assert shop.watcher.path == ["Process", "Done"]


def test_the_resumer_claims_the_run_before_anything_else() -> None:
    shop = Shop()
    shop.seed(row(0, "Start"), row(1, "Process"))
    shop.fails = "Process"

    with pytest.raises(TaskFailedError):
        shop.resume()

    assert shop.rows()[2:] == [CheckpointRow(2, "Process", "work", RESUME)]


@pytest.mark.parametrize("kind_of_store", [ThreeMethodStore, ScriptedStore])
def test_an_exit_row_at_the_end_only_finishes_the_clearing(
    kind_of_store: type[ThreeMethodStore],
) -> None:
    """U04: the exit state at once; no task, no row, no resource."""
    store = kind_of_store()
    shop = Shop(store)
    shop.seed(row(0, "Start"), row(1, "Done"))
    store.calls.clear()

    assert shop.resume() == "Done"

    assert shop.ran == []
    assert shop.managed.setups == 0
    assert "append" not in store.calls
    assert shop.watcher.events == []
    assert shop.rows() == []


def test_a_finished_run_returns_its_exit_state_again_and_again() -> None:
    shop = Shop()
    asyncio.run(shop.workflow.orchestrate("Start", workflow_id="r"))
    shop.ran.clear()

    assert shop.resume() == "Done"
    assert shop.start_or_resume() == ("Done")
    assert shop.ran == []


def test_a_run_that_is_not_there_is_not_found() -> None:
    """U07."""
    shop = Shop()
    with pytest.raises(RunNotFoundError, match="'r' has neither a log nor an outcome"):
        shop.resume()
    assert shop.managed.setups == 0
    assert asyncio.run(shop.store.list_runs()) == []


def test_a_rolled_back_run_is_not_resumed() -> None:
    class RolledBack(MemoryCheckpointStore):
        async def outcome(self, workflow_id: str) -> Outcome:
            return Outcome(OutcomeStatus.ROLLED_BACK, "Process")

    with pytest.raises(RolledBackError, match=r"'Process'.*clear\(\)"):
        Shop(RolledBack()).resume()


@pytest.mark.parametrize("state", ["Gone", "Process"])
def test_an_outcome_at_what_is_no_exit_state_is_told(state: str) -> None:
    class Finished(MemoryCheckpointStore):
        async def outcome(self, workflow_id: str) -> Outcome:
            return Outcome(OutcomeStatus.FINISHED, state)

    with pytest.raises(ConfigurationError, match=f"finished at '{state}'"):
        Shop(Finished()).resume()


# Versions


def test_a_foreign_version_is_refused() -> None:
    """U45: error(1, 2), nothing is touched."""
    shop = Shop(version=2)
    shop.seed(row(0, "Start", version=2), row(1, "Process", version=1))

    with pytest.raises(VersionMismatchError) as caught:
        shop.resume()

    error = caught.value
    assert (error.sequence, error.stored, error.expected) == (1, 1, 2)
    assert "accepts_versions=(1,)" in str(error)
    assert len(shop.rows()) == 2
    assert shop.managed.setups == 0


def test_every_row_is_checked_not_only_the_last() -> None:
    """U47, where we are stricter: a matching tail does not hide an older version."""
    shop = Shop(version=2)
    shop.seed(row(0, "Start", version=1), row(1, "Process", version=2))

    with pytest.raises(VersionMismatchError, match="row 0"):
        shop.resume()


def test_accepted_versions_go_on_under_the_new_one() -> None:
    shop = Shop(version=3, accepts_versions=[1, 2])
    shop.seed(row(0, "Start", version=1), row(1, "Process", version=2))
    shop.fails = "Process"

    for _ in range(2):
        with pytest.raises(TaskFailedError):
            shop.resume()

    assert [each.version for each in shop.rows()] == [1, 2, 3, 3]


def test_a_finished_run_of_another_version_is_finished() -> None:
    store = MemoryCheckpointStore()
    asyncio.run(Shop(store).workflow.orchestrate("Start", workflow_id="r"))

    assert Shop(store, version=5).resume() == "Done"


# Corrupt logs


class Holding(MemoryCheckpointStore):
    """A store that holds whatever rows it is given."""

    def __init__(self, *rows: Any) -> None:
        super().__init__()
        self.held = list(rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        return list(self.held)


def memo(sequence: int, state: str, name: str = "call") -> CheckpointRow:
    return row(sequence, state, MEMO, encode_memo(name, b"\x01"))


CORRUPT = {
    "gap": ([row(0, "Start"), row(2, "Process")], 2, "row 1 is missing"),
    "no beginning": ([row(1, "Start")], 1, "row 0 is missing"),
    "one sequence twice": (
        [row(0, "Start"), row(1, "Process"), row(1, "Process")],
        1,
        "is there twice",
    ),
    "begins with a resume": ([row(0, "Start", RESUME)], 0, "begins with a RESUME row"),
    "begins with a nameless resume": ([row(0, "", RESUME)], 0, "begins with a RESUME"),
    "begins with a memo": ([memo(0, "Start")], 0, "begins with a MEMO row"),
    "unknown state": ([row(0, "Start"), row(1, "Gone")], 1, "no state 'Gone'"),
    "unknown older state": ([row(0, "Gone"), row(1, "Process")], 0, "no state 'Gone'"),
    "resume of another state": (
        [row(0, "Start"), row(1, "Process", RESUME)],
        1,
        "stands in a visit of 'Start'",
    ),
    "memo of another state": (
        [row(0, "Start"), memo(1, "Process")],
        1,
        "stands in a visit of 'Start'",
    ),
    "memo without payload": ([row(0, "Start"), row(1, "Start", MEMO)], 1, "no memo"),
    "memo of rubbish": (
        [row(0, "Start"), row(1, "Start", MEMO, b"\xc1rubbish")],
        1,
        "no memo",
    ),
    "memo of another shape": (
        [row(0, "Start"), row(1, "Start", MEMO, msgspec.msgpack.encode([1, 2]))],
        1,
        "no memo",
    ),
    "one memo twice": (
        [row(0, "Start"), memo(1, "Start"), memo(2, "Start")],
        2,
        "second memo 'call'",
    ),
    "a row after the end": (
        [row(0, "Start"), row(1, "Done"), row(2, "Process")],
        2,
        "nothing may follow the exit state 'Done'",
    ),
    "a resume after the end": (
        [row(0, "Start"), row(1, "Done"), row(2, "Done", RESUME)],
        2,
        "nothing may follow the exit state 'Done'",
    ),
    "a kind that is none": (
        [row(0, "Start"), row(1, "Start", 99)],  # the number of no kind
        1,
        "kind 99",
    ),
    **{
        f"reserved kind {kind.name}": (
            [row(0, "Start"), row(1, "Start", kind)],
            1,
            f"kind {kind.name}",
        )
        for kind in RowKind
        if kind not in (ENTRY, RESUME, MEMO)
    },
}


@pytest.mark.parametrize("case", CORRUPT)
@pytest.mark.parametrize("call", ["resume_from", "start_or_resume"])
def test_a_log_that_breaks_its_rules_is_left_alone(case: str, call: str) -> None:
    """U08 and more: the row is named, nothing is set up, run or written."""
    rows, sequence, problem = CORRUPT[case]
    store = Holding(*rows)
    shop = Shop(store)

    with pytest.raises(CorruptLogError) as caught:
        shop.resume() if call == "resume_from" else shop.start_or_resume()

    assert (caught.value.workflow_id, caught.value.sequence) == ("r", sequence)
    assert f"'r', row {sequence}: " in str(caught.value)
    assert problem in str(caught.value)
    assert store.held == rows
    assert shop.managed.setups == 0
    assert shop.ran == []
    assert shop.watcher.events == []


@dataclass
class Order:
    total: int


@pytest.mark.parametrize("payload", [None, b"", b"rubbish", b'{"total": "x"}'])
def test_data_that_can_not_be_read_is_a_corrupt_row(payload: bytes | None) -> None:
    shop = Shop(data=Order)
    shop.seed(row(0, "Start", payload=payload))

    with pytest.raises(CorruptLogError, match="row 0: its data can't be read as"):
        shop.resume()
    assert len(shop.rows()) == 1


@pytest.mark.parametrize("held", [None, 3, [None], ["row"]], ids=repr)
def test_a_store_that_gives_no_rows_has_failed(held: Any) -> None:
    class Odd(MemoryCheckpointStore):
        async def load_run(self, workflow_id: str) -> Any:
            return held

    with pytest.raises(CheckpointStoreError, match="load_run failed in Odd"):
        Shop(Odd()).resume()


def test_rows_may_come_in_any_order_and_with_plain_numbers_for_kinds() -> None:
    """U48: a user's store may sort and type as it likes."""
    rows = [row(0, "Start"), row(1, "Process"), row(2, "Process", RESUME)]
    plain = [
        CheckpointRow(each.sequence, each.state, each.task, int(each.kind))
        for each in reversed(rows)
    ]
    shop = Shop(Holding(*plain))
    position = asyncio.run(shop.workflow.status("r"))

    assert (position.state, position.rows) == ("Process", 3)
    with pytest.raises(RunConflictError):  # it can't append; that far it came
        shop.resume()


# Failures on the way


def test_a_failed_setup_leaves_the_run_to_the_next_resume() -> None:
    """U59: no task ran, nothing is lost; the claim is a row, as always."""
    shop = Shop()
    shop.managed.fails = True
    shop.seed(row(0, "Start"), row(1, "Process"))

    with pytest.raises(ResourceError, match=r"'managed'.*no network"):
        shop.resume()
    assert shop.ran == []
    assert [each.kind for each in shop.rows()] == [ENTRY, ENTRY, RESUME]

    shop.managed.fails = False
    assert shop.resume() == "Done"
    assert shop.ran == ["r/Process/1"]


@pytest.mark.parametrize(
    ("seeds", "version", "raised"),
    [
        ([], 0, RunNotFoundError),
        ([row(0, "Start")], 2, VersionMismatchError),
        ([row(0, "Gone")], 0, CorruptLogError),
    ],
    ids=["no rows", "version", "label"],
)
def test_what_can_be_known_from_the_log_is_checked_before_any_setup(
    seeds: list[CheckpointRow], version: int, raised: type[Exception]
) -> None:
    """U63: cano sets up and tears down; we do not begin."""
    shop = Shop(version=version)
    if seeds:
        shop.seed(*seeds)
    with pytest.raises(raised):
        shop.resume()
    assert (shop.managed.setups, shop.managed.teardowns) == (0, 0)


def test_setups_and_teardowns_are_balanced_when_the_resumed_task_fails() -> None:
    shop = Shop()
    shop.seed(row(0, "Start"))
    shop.fails = "Process"
    with pytest.raises(TaskFailedError):
        shop.resume()
    assert (shop.managed.setups, shop.managed.teardowns) == (1, 1)


def test_the_path_of_a_resumed_run_is_not_doubled() -> None:
    """U61."""
    shop = Shop()
    shop.seed(row(0, "Start"), row(1, "Process"), row(2, "Process", RESUME))
    shop.fails = "Process"

    with pytest.raises(TaskFailedError) as caught:
        shop.resume()

    assert caught.value.path == ("Start", "Process")


# Who owns the run


def test_of_two_resumers_one_goes_on_and_the_other_does_nothing() -> None:
    shop = Shop()
    shop.seed(row(0, "Start"), row(1, "Process"))

    async def main() -> list[Any]:
        return await asyncio.gather(
            shop.workflow.resume_from("r"),
            shop.workflow.resume_from("r"),
            return_exceptions=True,
        )

    results = asyncio.run(main())

    assert results[0] == "Done"
    assert isinstance(results[1], RunConflictError)
    assert shop.ran == ["r/Process/1"]
    assert len(shop.watcher.of("on_run_start")) == 1


def test_of_two_that_start_one_goes_on_and_the_other_does_nothing() -> None:
    shop = Shop()

    async def main() -> list[Any]:
        return await asyncio.gather(
            shop.workflow.start_or_resume("Start", workflow_id="r"),
            shop.workflow.start_or_resume("Start", workflow_id="r"),
            return_exceptions=True,
        )

    results = asyncio.run(main())

    assert results[0] == "Done"
    assert isinstance(results[1], RunConflictError)
    assert shop.ran == ["r/Start/1", "r/Process/1"]


def test_whoever_loses_the_run_does_no_more() -> None:
    """The zombie of cano's H01: it neither runs the next task nor clears the log."""
    store = ScriptedStore()
    taken_over, go_on = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    async def first(run: RunContext) -> str:
        ran.append(f"first {run.resumes}")
        if run.resumes == 0:
            taken_over.set()
            await go_on.wait()
        return "Second"

    async def second(run: RunContext) -> str:
        ran.append(f"second {run.resumes}")
        return "Done"

    workflow = (
        Workflow(checkpoint_store=store)
        .register("First", first)
        .register("Second", second)
        .add_exit_state("Done")
    )

    async def main() -> None:
        zombie = asyncio.create_task(workflow.orchestrate("First", workflow_id="r"))
        await taken_over.wait()
        assert await workflow.resume_from("r") == "Done"
        store.calls.clear()
        go_on.set()
        with pytest.raises(RunConflictError) as caught:
            await zombie
        assert (caught.value.workflow_id, caught.value.sequence) == ("r", 1)

    asyncio.run(main())

    assert ran == ["first 0", "first 1", "second 0"]
    assert store.calls == ["append"]


# The store between two lives

STORE_FAULTS = [
    ("append", 1, "before", 0, "Start"),
    ("append", 1, "after", 1, "Start"),
    ("append", 2, "before", 1, "Start"),
    ("append", 2, "after", 2, "Process"),
    ("finish", 1, "before", 2, "Process"),
    ("finish", 1, "after", 0, None),
]


@pytest.mark.parametrize(
    ("operation", "n", "when", "rows", "again"), STORE_FAULTS, ids=str
)
def test_a_store_that_fails_once_costs_one_resume(
    operation: str, n: int, when: str, rows: int, again: str | None
) -> None:
    """Failed, or done and its acknowledgement lost: the log says which."""
    store = ScriptedStore()
    setattr(store, when, raising(OSError("disk"), operation, n))
    shop = Shop(store)

    with pytest.raises(CheckpointStoreError, match=f"{operation}.*OSError: disk"):
        shop.start_or_resume()
    assert len(shop.rows()) == rows
    first_life = list(shop.ran)
    shop.ran.clear()

    assert shop.start_or_resume() == ("Done")
    assert (shop.ran[0].split("/")[1] if shop.ran else None) == again
    assert set(first_life) | set(shop.ran) == {"r/Start/1", "r/Process/1"}


def test_a_clear_that_fails_is_finished_by_the_next_resume() -> None:
    """U52: the exit row stays; nothing is undone and no task runs again."""
    store = ThreeMethodStore(before=raising(OSError("busy"), "clear"))
    shop = Shop(store)

    with pytest.raises(CheckpointStoreError, match=r"run 'r': clear failed.*busy"):
        asyncio.run(shop.workflow.orchestrate("Start", workflow_id="r"))
    assert [each.state for each in shop.rows()] == ["Start", "Process", "Done"]
    shop.ran.clear()

    assert shop.resume() == "Done"
    assert shop.ran == []
    assert shop.rows() == []


def test_a_store_may_fail_with_the_oddest_exception() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    store = ScriptedStore(before=raising(Odd(), "append"))
    with pytest.raises(CheckpointStoreError, match="Odd; the run stopped"):
        Shop(store).start_or_resume()


# Long logs


def calls_to_resume(length: int) -> int:
    """How many functions are called by resuming a log of that many rows."""
    store = ScriptedStore()

    async def loop(run: RunContext) -> str:
        assert run.visit == length // 4
        return "Done"

    workflow = Workflow(checkpoint_store=store).register("Loop", loop)
    workflow.add_exit_state("Done")
    kinds = (ENTRY, RESUME, MEMO, RESUME)
    rows = [
        memo(n, "Loop") if kinds[n % 4] is MEMO else row(n, "Loop", kinds[n % 4])
        for n in range(length)
    ]
    asyncio.run(store.append("r", *rows))
    store.calls.clear()
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def main() -> object:
        sys.setprofile(count)
        try:
            return await workflow.resume_from("r")
        finally:
            sys.setprofile(None)

    assert asyncio.run(main()) == "Done"
    assert store.calls == ["load_run", "append", "finish"]
    return calls


def test_a_log_twice_as_long_costs_at_most_twice_as_much() -> None:
    """U73: ten thousand rows are read once, and nothing is done for each pair."""
    short, double = calls_to_resume(5_000), calls_to_resume(10_000)

    assert double < 2.1 * short
    assert double < 20 * 10_000


def test_a_path_of_a_long_run_stays_short() -> None:
    async def loop(run: RunContext) -> str:
        if run.visit == 3_000:
            raise RuntimeError("far away")
        return "Loop"

    workflow = Workflow().register("Loop", loop, config=TaskConfig.minimal())
    with pytest.raises(TaskFailedError) as caught:
        asyncio.run(workflow.add_exit_state("Done").orchestrate("Loop"))

    assert len(caught.value.path) == 1_000
    assert "(path: … > Loop" in str(caught.value)
