"""What a killed process leaves of a split, and what the next one does with it."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cano_core import (
    BatchTask,
    CheckpointRow,
    CheckpointStoreError,
    Done,
    ItemResult,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    More,
    RecordingObserver,
    RowKind,
    RunContext,
    SplitResult,
    SQLiteCheckpointStore,
    SteppedTask,
    TaskFailedError,
    Workflow,
)
from fan import Crash, Fan, failing, giving, parts_in
from scripted_store import Script, ScriptedStore, ThreeMethodStore, nothing

ANY = JoinStrategy.ANY


@dataclass
class World:
    """What outlives every process: the rows on disk, and what has happened."""

    kind: type[ThreeMethodStore] = ScriptedStore
    ran: list[str] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    results: list[SplitResult] = field(default_factory=list)
    edge: Callable[[str], None] = lambda name: None

    def __post_init__(self) -> None:
        self.inner = self.kind().inner

    def store(self, before: Script = nothing, after: Script = nothing) -> Any:
        return self.kind(before=before, after=after, inner=self.inner)

    def fan(self, store: Any, **options: Any) -> Fan:
        """A new process: three branches one after the other, then the join state."""

        def branch(index: int) -> Any:
            async def work(run: RunContext) -> int:
                self.ran.append(str(index))
                self.edge(f"begin {index}")
                await run.once("pay", self.pay, run.idempotency_key)
                self.edge(f"end {index}")
                return index * 10

            return work

        tasks = [branch(index) for index in range(3)]
        fan = Fan(tasks, checkpoint_store=store, bulkhead=1, **options)
        fan.results = self.results
        return fan

    def pay(self, key: str) -> None:
        self.effects[key] += 1

    def live(self, store: Any = None) -> SplitResult:
        return self.fan(store or self.store()).run()


RESULT = SplitResult((0, 10, 20), {}, (), (0, 1, 2))


def raising_at(n: int, error: BaseException) -> Script:
    """Raise in the n-th append of a life."""

    def script(operation: str, number: int) -> None:
        if (operation, number) == ("append", n):
            raise error

    return script


@pytest.mark.parametrize("kind", [ScriptedStore, ThreeMethodStore])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [Crash, OSError])
def test_a_crash_at_any_append_is_made_good_by_a_resume(
    kind: type[ThreeMethodStore], when: str, error: type[BaseException]
) -> None:
    """Entry, one after another the memos and values of the branches, join state."""
    for n in itertools.count(1):
        world = World(kind)
        fan = world.fan(world.store(**{when: raising_at(n, error())}))
        stopped = Crash if error is Crash else CheckpointStoreError
        with contextlib.suppress(stopped):
            fan.run()
            break
        known = parts_in(world.inner)
        before = list(world.ran)
        assert world.live() == RESULT
        again = world.ran[len(before) :]
        assert again == [each for each in ("0", "1", "2") if each not in known]
        # One call can have come back without the log knowing of it.
        assert sorted(world.effects) == [f"r/Fan/1/{index}" for index in range(3)]
        assert world.effects.total() <= 4
        assert world.effects.total() == 3 or when == "before"
    assert n == (7 if kind is ScriptedStore else 8)


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_resume_runs_only_the_branches_that_are_not_rows(done: int) -> None:
    world = World()
    world.edge = raising(f"begin {done}")
    with pytest.raises(Crash):
        world.live()
    world.edge = lambda name: None
    world.ran.clear()
    observer = RecordingObserver()
    assert world.fan(world.store(), observers=[observer]).run() == RESULT
    left = range(done, 3)
    assert world.ran == [str(index) for index in left]
    # Of the branches that were done before, observers hear nothing.
    started = [
        event.arguments[1]
        for event in observer.events
        if event.hook == "on_task_start" and "[" in event.arguments[1]
    ]
    assert started == [f"work[{index}]" for index in left]


def raising(at: str) -> Callable[[str], None]:
    def edge(name: str) -> None:
        if name == at:
            raise Crash

    return edge


def test_branches_that_were_under_way_together_are_resumed_alone() -> None:
    """Three of five have a value when one crashes and one waits."""
    store = ScriptedStore()
    ran: list[int] = []

    def fan(crash: bool) -> Fan:
        recorded = asyncio.Event()

        def after(operation: str, n: int) -> None:
            if operation == "append" and len(parts_of(store)) == 3:
                recorded.set()

        def branch(index: int) -> Any:
            async def work() -> int:
                ran.append(index)
                if crash and index == 1:
                    await asyncio.Event().wait()
                if crash and index == 3:
                    await recorded.wait()
                    raise Crash
                return index

            return work

        store.after = after
        return Fan([branch(index) for index in range(5)], checkpoint_store=store)

    with pytest.raises(Crash):
        fan(crash=True).run()
    assert parts_in(store.inner) == ["0", "2", "4"]
    ran.clear()
    assert fan(crash=False).run().values == (0, 1, 2, 3, 4)
    assert ran == [1, 3]


def parts_of(store: ScriptedStore) -> list[CheckpointRow]:
    """Return the rows of branches, from within the loop that writes them."""
    rows = store.inner._logs.get("r", [])
    return [row for row in rows if row.kind is RowKind.BRANCH]


# The join is decided from what is recorded


def crashed_at_the_join(
    tasks: list[Any], strategy: JoinStrategy, **options: Any
) -> tuple[MemoryCheckpointStore, SplitResult]:
    """Return a log that ends before the join state's entry row, and what it gets."""
    inner = MemoryCheckpointStore()

    class Dying(ScriptedStore):
        async def append(self, workflow_id: str, *rows: Any) -> None:
            if rows[0].state == "Join":
                raise Crash
            await super().append(workflow_id, *rows)

    fan = Fan(tasks, strategy, checkpoint_store=Dying(inner=inner), **options)
    with pytest.raises(Crash):
        fan.run()
    again = [failing(Crash())] * len(tasks)
    fan = Fan(again, strategy, checkpoint_store=inner, **options)
    return inner, fan.run()


@pytest.mark.parametrize(
    ("strategy", "result"),
    [
        (ANY, SplitResult((1,), {}, (0, 2, 3), (1,))),
        (JoinStrategy.quorum(2), SplitResult((1, 2), {}, (0, 3), (1, 2))),
        (JoinStrategy.percentage(0.7), SplitResult((1, 2, 3), {}, (0,), (1, 2, 3))),
    ],
)
def test_a_join_that_was_decided_needs_no_branch_any_more(
    strategy: JoinStrategy, result: SplitResult
) -> None:
    tasks = [failing(ValueError()), giving(1), giving(2), giving(3)]
    assert crashed_at_the_join(tasks, strategy)[1] == result


def test_any_takes_the_first_value_of_the_log_also_when_there_are_more() -> None:
    """Two branches had a value in one append."""
    inner = MemoryCheckpointStore()
    store = ScriptedStore(before=raising_at(3, Crash()), inner=inner)
    with pytest.raises(Crash):
        Fan([giving("first"), giving("second")], ANY, checkpoint_store=store).run()
    assert parts_in(inner) == ["0", "1"]
    result = Fan([failing(Crash())] * 2, ANY, checkpoint_store=inner).run()
    assert result == SplitResult(("first",), {}, (1,), (0,))


def test_failed_branches_run_again_and_successes_stay() -> None:
    store = MemoryCheckpointStore()
    ran: Counter[str] = Counter()
    failures = iter([ValueError("no")])

    async def good() -> str:
        ran["good"] += 1
        return "good"

    async def flaky() -> str:
        ran["flaky"] += 1
        for error in failures:
            raise error
        return "flaky"

    tasks = [good, flaky]
    with pytest.raises(TaskFailedError):
        Fan(tasks, JoinStrategy.partial_results(2), checkpoint_store=store).run()
    assert Fan(tasks, checkpoint_store=store).run().values == ("good", "flaky")
    assert ran == {"good": 1, "flaky": 2}


def test_each_visit_of_a_split_has_branches_of_its_own() -> None:
    visits: list[Any] = []

    async def branch(run: RunContext) -> str:
        return run.idempotency_key

    async def again(result: SplitResult) -> str:
        visits.append(result.values)
        return "Fan" if len(visits) < 2 else "Done"

    workflow = (
        Workflow(checkpoint_store=MemoryCheckpointStore())
        .register_split("Fan", [branch], JoinConfig(ANY, "Again"))
        .register("Again", again)
        .add_exit_state("Done")
    )
    asyncio.run(workflow.orchestrate("Fan", workflow_id="r"))
    assert visits == [("r/Fan/1/0",), ("r/Fan/2/0",)]


# Models inside


class Steps(SteppedTask):
    """Counts to three, in steps that a crash may separate."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def step(self, cursor: int | None) -> More[int] | Done[str]:
        number = cursor or 0
        self.world.ran.append(f"step {number}")
        self.world.edge(f"step {number}")
        return More(number + 1) if number < 2 else Done("counted")


class Items(BatchTask):
    """Works through two items; each that is done is a row."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def load(self) -> list[str]:
        return ["a", "b"]

    async def process_item(self, item: str) -> str:
        self.world.ran.append(f"item {item}")
        self.world.edge(f"item {item}")
        return item.upper()

    async def finish(self, results: list[ItemResult[str]]) -> str:
        return str(len(results))


@pytest.mark.parametrize("edge", ["step 1", "step 2", "item a", "item b"])
def test_models_in_branches_go_on_where_they_were(edge: str) -> None:
    world = World()

    def fan() -> Fan:
        tasks = [Steps(world), Items(world)]
        return Fan(tasks, checkpoint_store=world.store(), bulkhead=1)

    world.edge = raising(edge)
    with pytest.raises(Crash):
        fan().run()
    before, world.ran = world.ran, []
    world.edge = lambda name: None
    assert fan().run().values == ("counted", "2")
    every = ["step 0", "step 1", "step 2", "item a", "item b"]
    assert [*before[:-1], *world.ran] == every


# Many


def many(store: Any) -> Fan:
    async def branch(run: RunContext) -> int:
        await asyncio.sleep(0)
        return run.attempt

    return Fan([branch] * 1000, checkpoint_store=store)


def test_a_thousand_branches_share_a_few_appends(tmp_path: Path) -> None:
    class Counting(SQLiteCheckpointStore):
        appends = 0

        async def append(self, workflow_id: str, *rows: Any) -> None:
            self.appends += 1
            await super().append(workflow_id, *rows)

    with Counting(tmp_path / "log.db", sync=False) as store:
        assert many(store).run().values == (1,) * 1000
    assert store.appends <= 12


def test_a_batch_of_values_is_in_the_log_whole_or_not_at_all() -> None:
    inner = MemoryCheckpointStore()
    store = ScriptedStore(before=raising_at(2, Crash()), inner=inner)
    with pytest.raises(Crash):
        many(store).run()
    assert parts_in(inner) == []
    assert many(inner).run().values == (1,) * 1000
