"""The six laws, each tried at every moment of one run.

The run is Start > Charge > Count > Count > Done: a call made once, an attempt that
fails and is tried again, a loop, and data that grows. Every test disturbs it at its
first moment, its second, and so on until a run gets through undisturbed.
"""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from cano_core import (
    CanoError,
    CheckpointRow,
    CheckpointStoreError,
    Outcome,
    OutcomeStatus,
    Retry,
    RolledBackError,
    RowKind,
    RunConflictError,
    RunContext,
    RunNotFoundError,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from sagas import Journal, resume, saga, start, written
from scripted_store import Script, ScriptedStore, ThreeMethodStore, nothing

STORES = [ScriptedStore, ThreeMethodStore]


class Crash(BaseException):
    """The end of a process, as far as it can be had in one."""


@dataclass
class Order:
    total: int = 0
    seen: list[str] = field(default_factory=list)


@dataclass
class World:
    """What outlives every process: the rows on disk, and what has happened."""

    kind: type[ThreeMethodStore] = ScriptedStore
    effects: Counter[str] = field(default_factory=Counter)
    ran: list[str] = field(default_factory=list)
    edge: Callable[[str], None] = lambda name: None

    def __post_init__(self) -> None:
        self.inner = self.kind().inner

    def store(self, before: Script = nothing, after: Script = nothing) -> Any:
        return self.kind(before=before, after=after, inner=self.inner)

    def program(self, store: Any, **options: Any) -> Workflow:
        """A new process: nothing in it is older than itself."""
        failures = iter([True])

        async def start(run: RunContext, order: Order) -> str:
            self.task(run)
            order.seen.append("start")
            return "Charge"

        async def charge(run: RunContext, order: Order) -> str:
            self.task(run)
            order.total += await run.once("charge", pay, run.idempotency_key)
            order.seen.append("charge")
            self.edge("charged")
            if next(failures, False):
                raise ConnectionError("after the charge")
            return "Count"

        def pay(key: str) -> int:
            self.effects[key] += 1
            return 7

        async def count(run: RunContext, order: Order) -> str:
            self.task(run)
            order.seen.append(f"count {run.visit}")
            await asyncio.sleep(0)
            self.edge("counted")
            return "Count" if run.visit < 2 else "Done"

        config = TaskConfig(retry=Retry.fixed(1, 0))
        return (
            Workflow(checkpoint_store=store, data=Order, **options)
            .register("Start", start)
            .register("Charge", charge, config=config)
            .register("Count", count)
            .add_exit_state("Done")
        )

    def task(self, run: RunContext) -> None:
        if run.attempt == 1:
            self.ran.append(f"{run.label} {run.visit}")
        self.edge(f"{run.label} begins")

    def live(self, store: Any = None, **options: Any) -> object:
        workflow = self.program(store or self.store(), **options)
        return asyncio.run(
            workflow.start_or_resume("Start", workflow_id="r", data=Order())
        )

    def status(self) -> Any:
        return asyncio.run(self.program(self.store()).status("r"))

    def rows(self) -> list[CheckpointRow]:
        return list(asyncio.run(self.inner.load_run("r")))

    def phase(self) -> str:
        status = self.status()
        return f"{status.phase} {status.state}"


VISITS = ["Start 1", "Charge 1", "Count 1", "Count 2"]


def raising_at(n: int, error: BaseException) -> Script:
    """Raise in the n-th store operation of a life, whichever it is."""
    calls = itertools.count(1)

    def script(operation: str, number: int) -> None:
        if next(calls) == n:
            raise error

    return script


def every_disturbance(
    kind: type[ThreeMethodStore], error: Callable[[], BaseException]
) -> Iterator[tuple[World, BaseException]]:
    """Worlds in which the first life was ended at each store operation in turn."""
    tried = 0
    for when in ("before", "after"):
        for n in itertools.count(1):
            world = World(kind)
            store = world.store(**{when: raising_at(n, error())})
            try:
                world.live(store)
            except BaseException as caught:
                tried += 1
                if (when, store.calls[-1]) != ("after", "clear"):
                    yield world, caught
                # Else the store has forgotten that the run ever was.
            else:
                break
    assert tried == 2 * 8


def finished(world: World) -> None:
    """Resume, and see that nothing was lost, doubled or left behind."""
    before = list(world.ran)
    assert world.live() == "Done"
    again = world.ran[len(before) :]
    # Only the visit that the log was in may run a second time.
    assert before + again in (VISITS, [*before, *VISITS[len(before) - 1 :]])
    assert world.rows() == []
    if outcome := asyncio.run(world.inner.outcome("r")):
        order = msgspec.msgpack.decode(outcome.payload or b"", type=Order)
        assert order == Order(7, ["start", "charge", "count 1", "count 2"])


# 1. The log is the truth.


@pytest.mark.parametrize("kind", STORES)
def test_law_1_what_a_resumed_process_knows_is_in_the_log(
    kind: type[ThreeMethodStore],
) -> None:
    """The object that lived through the crash and a new one do the same."""

    def lives(n: int, *, same_object: bool) -> tuple[World, bool]:
        world = World(kind)
        edges = itertools.count(1)

        def edge(name: str) -> None:
            if next(edges) == n:
                raise Crash

        world.edge = edge
        workflow = world.program(world.store())
        again = workflow if same_object else None
        for _ in range(2):
            try:
                asyncio.run(
                    workflow.start_or_resume("Start", workflow_id="r", data=Order())
                )
            except Crash:
                workflow = again or world.program(world.store())
            else:
                break
        return world, next(edges) > n

    crashed = 0
    for n in itertools.count(1):
        one, fired = lives(n, same_object=True)
        other, _ = lives(n, same_object=False)
        assert (one.ran, one.effects) == (other.ran, other.effects)
        if not fired:
            break
        crashed += 1
        assert one.effects == {"r/Charge/1": 1}
    assert crashed >= 8


# 2. The log is the lock.


@pytest.mark.parametrize("kind", STORES)
def test_law_2_whoever_loses_an_append_does_nothing_more(
    kind: type[ThreeMethodStore],
) -> None:
    """Another process takes the run over just before each append, and is let be."""
    for n in itertools.count(1):
        world = World(kind)
        stolen: list[int] = []
        store = world.store(before=thief(n, world, stolen))
        with contextlib.suppress(RunConflictError):
            assert world.live(store) == "Done"
            assert stolen == []
            break
        assert [len(world.ran), len(store.calls)] == stolen
    assert n == 7


def thief(nth: int, world: World, stolen: list[int]) -> Script:
    """Take the run over before its n-th write, and note how far it had come."""
    writes = itertools.count(1)
    operations = itertools.count(1)

    async def script(operation: str, number: int) -> None:
        done = next(operations)
        if operation not in ("append", "finish") or next(writes) != nth:
            return
        rows = await world.inner.load_run("r")
        row = (
            CheckpointRow(len(rows), rows[-1].state, "", RowKind.RESUME)
            if rows
            else CheckpointRow(0, "Start", "", RowKind.STATE_ENTRY)
        )
        await world.inner.append("r", row)
        stolen.extend([len(world.ran), done])

    return script


# 3. A log failure is not a task failure.


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(
    "error", [OSError, RuntimeError, lambda: ExceptionGroup("many", [OSError()])]
)
def test_law_3_a_store_that_fails_leaves_the_run_resumable(
    kind: type[ThreeMethodStore], error: Callable[[], BaseException]
) -> None:
    for world, caught in every_disturbance(kind, error):
        assert type(caught) is CheckpointStoreError
        assert "'r'" in str(caught)
        finished(world)
        assert world.effects["r/Charge/1"] <= 2


def test_law_3_a_store_that_fails_again_and_again_keeps_what_it_has() -> None:
    """Every life gets two rows written, its claim and one more."""

    def broken(operation: str, number: int) -> None:
        if operation == "finish" or (operation == "append" and number > 2):
            raise OSError("disk full")

    world = World()
    for _ in range(4):
        rows = world.rows()
        with pytest.raises(CheckpointStoreError, match="disk full"):
            world.live(world.store(before=broken))
        assert world.rows()[: len(rows)] == rows
        assert len(world.rows()) == len(rows) + 2
    assert world.live() == "Done"
    # The first life made the call and could not write it down.
    assert world.effects == {"r/Charge/1": 2}


@pytest.mark.parametrize(
    "operation", ["load_run", "outcome", "append", "finish", "clear"]
)
def test_law_3_a_store_that_hangs_stops_the_run(operation: str) -> None:
    async def hanging(called: str, number: int) -> None:
        if called == operation:
            await asyncio.Event().wait()

    world = World(ThreeMethodStore if operation == "clear" else ScriptedStore)
    with pytest.raises(CheckpointStoreError, match=r"no answer within 0\.01 seconds"):
        world.live(world.store(before=hanging), store_timeout=0.01)
    finished(world)


def test_law_3_a_store_that_hangs_inside_a_call_stops_the_run() -> None:
    """Also where the task is cancelled meanwhile and goes on."""

    async def hanging(called: str, number: int) -> None:
        if (called, number) == ("append", 2):
            await asyncio.Event().wait()

    async def work(run: RunContext) -> str:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(run.once("call", lambda: 1), 0.001)
        return "Done"

    store = ScriptedStore(before=hanging)
    workflow = Workflow(checkpoint_store=store, store_timeout=0.01)
    workflow.register("Work", work).add_exit_state("Done")
    with pytest.raises(CheckpointStoreError, match="no answer within"):
        asyncio.run(workflow.orchestrate("Work", workflow_id="r"))


# 4. A crash is not a failure.


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("error", [Crash, KeyboardInterrupt, SystemExit])
def test_law_4_a_crash_at_a_store_operation_is_no_failure(
    kind: type[ThreeMethodStore], error: type[BaseException]
) -> None:
    for world, caught in every_disturbance(kind, error):
        assert type(caught) is error
        finished(world)


@pytest.mark.parametrize("kind", STORES)
def test_law_4_a_run_that_is_cancelled_stays_as_it_is(
    kind: type[ThreeMethodStore],
) -> None:
    """At every turn of the event loop that the run takes."""

    async def cancelled_after(turns: int, world: World) -> bool:
        workflow = world.program(world.store())
        run = asyncio.create_task(
            workflow.start_or_resume("Start", workflow_id="r", data=Order())
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        run.cancel()
        try:
            await run
        except asyncio.CancelledError:
            return True
        return False

    for turns in itertools.count(1):
        world = World(kind)
        if not asyncio.run(cancelled_after(turns, world)):
            break
        finished(world)
        assert world.effects["r/Charge/1"] == 1
    assert turns > 10


# 5. A rollback is a run too.


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_law_5_a_log_in_rollback_is_never_run_forward(
    kind: type[ThreeMethodStore], when: str
) -> None:
    """A crash at every store operation of a run that is rolled back, and a resume.

    Forward, the next life may go only where the log has no ROLLBACK row yet; what
    has a COMPENSATED row is never undone again.
    """
    for n in itertools.count(1):
        journal = Journal(C=[ValueError("no")] * 2)
        store = kind(**{when: raising_at(n, Crash())})
        with contextlib.suppress(Crash):
            with pytest.raises(TaskFailedError):
                start(saga(journal, store))
            assert store.calls[-1] in ("finish", "clear")
            break
        rows = written(store.inner)
        rolling, undone = "C failed" in rows, rows.count("B undone")
        first, journal.did = journal.did, []
        forgotten = not rows and store.calls[-1] != "append"
        with contextlib.suppress(TaskFailedError, RolledBackError, RunNotFoundError):
            resume(saga(journal, kind(inner=store.inner)))
        if rolling or forgotten:
            assert not {"A", "B", "C"} & {*journal.did}
        assert first.count("undo A1") <= 1
        assert journal.did.count("undo B1") <= 1 - undone
        if rows:
            assert {*first, *journal.did} >= {"undo A1", "undo B1"}
        assert written(store.inner) == []
    assert n > 6


def test_law_5_a_run_that_was_rolled_back_does_not_start_again() -> None:
    world = World()
    row = CheckpointRow(0, "Start", "start", RowKind.STATE_ENTRY, b"\x92\x00\x90")
    asyncio.run(world.inner.append("r", row))
    outcome = Outcome(OutcomeStatus.ROLLED_BACK, "Start")
    asyncio.run(world.inner.finish("r", [], outcome))

    with pytest.raises(CanoError, match="rolled back"):
        world.live()
    assert world.ran == []


# 6. Nothing about a run is ambiguous.


def test_law_6_the_status_says_what_a_resume_will_do() -> None:
    """Whatever ended the first life, wherever: the status is right about the rest."""
    phases = Counter[str]()
    for world, _ in every_disturbance(ScriptedStore, Crash):
        phase = world.phase()
        phases[phase] += 1
        world.ran.clear()
        assert world.live() == "Done"
        following = {
            "never started None": [VISITS],
            "interrupted Start": [VISITS],
            "interrupted Charge": [VISITS[1:]],
            "interrupted Count": [VISITS[2:], VISITS[3:]],
            "finished Done": [[]],
        }[phase]
        assert world.ran in following
        assert world.phase() == "finished Done"
        world.ran.clear()
        assert world.live() == "Done"
        assert world.ran == []
    assert len(phases) == 5
