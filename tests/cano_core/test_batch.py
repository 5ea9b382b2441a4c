"""A batch does the rest only, whatever interrupted it."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
import pytest

from cano_core import (
    BatchTask,
    CheckpointStoreError,
    CircuitBreaker,
    CircuitOpenError,
    ConfigurationError,
    ItemDone,
    ItemFailed,
    ItemResult,
    MemoryCheckpointStore,
    Pending,
    PollTask,
    Ready,
    RecordingObserver,
    Retry,
    RetryExhaustedError,
    RowKind,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from cano_core.progress import Branch
from crashes import Crash, every_crash, split_of
from scripted_store import ScriptedStore, raising

ONCE = TaskConfig.minimal()
TWICE = TaskConfig(retry=Retry.fixed(1, 0))


class Work(BatchTask):
    """Squares numbers, and fails as often as it is told to.

    Attributes:
        fails: how often each item still fails.
        tried: how often each item was tried.
        results: what finish was handed, each time.
    """

    name = "work"

    def __init__(self, count: int = 5, **attributes: Any) -> None:
        self.count = count
        self.loads = 0
        self.fails: Counter[int] = Counter()
        self.endings: list[BaseException] = []
        self.tried: Counter[int] = Counter()
        self.results: list[list[ItemResult[Any]]] = []
        self.under_way = self.high_water = 0
        self.__dict__.update(attributes)

    async def load(self) -> list[int]:
        self.loads += 1
        return list(range(self.count))

    async def process_item(self, item: int) -> int:
        self.tried[item] += 1
        self.under_way += 1
        self.high_water = max(self.high_water, self.under_way)
        try:
            await asyncio.sleep(0)
            if self.fails[item]:
                self.fails[item] -= 1
                raise OSError(f"item {item}")
            return item * item
        finally:
            self.under_way -= 1

    async def finish(self, results: list[ItemResult[int]]) -> str:
        self.results.append(results)
        if self.endings:
            raise self.endings.pop(0)
        return "Done"


def start(task: object, store: Any = None, **options: Any) -> Any:
    """Start the run, or go on with it."""
    config = options.pop("config", ONCE)
    data = {"data": options.pop("value")} if "value" in options else {}
    workflow = Workflow(checkpoint_store=store, **options)
    workflow.register("Work", task, config=config).add_exit_state("Done")
    if store is None:
        return workflow.orchestrate("Work", **data)
    return workflow.start_or_resume("Work", workflow_id="r", **data)


def live(task: object, store: Any = None, **options: Any) -> object:
    return asyncio.run(start(task, store, **options))


def recorded(store: MemoryCheckpointStore) -> list[str]:
    """The items that the log says are done, in order."""
    return [
        Branch.decode(row.payload).part
        for row in asyncio.run(store.load_run("r"))
        if row.kind is RowKind.BRANCH
    ]


# Working through a list


def test_batch_isolates_poison_items_retries_per_item_and_bounds_concurrency() -> None:
    task = Work(12, concurrency=3, item_retry=Retry.fixed(2, 0))
    task.fails.update({4: 99, 7: 2})
    watcher = RecordingObserver()

    assert live(task, observers=[watcher]) == "Done"
    [results] = task.results
    [failure] = [each for each in results if isinstance(each, ItemFailed)]
    assert results == [failure if n == 4 else ItemDone(n * n) for n in range(12)]
    assert str(failure.error) == "item 4"
    assert len(failure.attempts) == 3
    assert task.tried == {n: 3 if n in (4, 7) else 1 for n in range(12)}
    assert 2 <= task.high_water <= 3
    assert len(watcher.of("on_retry")) == 4
    assert watcher.of("on_task_failure") == []


def test_items_are_processed_one_after_the_other_unless_it_says_otherwise() -> None:
    task = Work(4)

    assert live(task) == "Done"
    assert task.high_water == 1
    assert list(task.tried) == [0, 1, 2, 3]


def test_a_batch_of_nothing_goes_on_at_once() -> None:
    task = Work(0, concurrency=3)

    assert live(task, MemoryCheckpointStore()) == "Done"
    assert task.results == [[]]


def test_results_are_in_the_order_of_the_items_whichever_is_done_first() -> None:
    class Reversed(BatchTask):
        concurrency = 3

        async def load(self) -> list[int]:
            return [0, 1, 2]

        async def process_item(self, item: int) -> str:
            if item < 2:
                await gates[item + 1].wait()
            gates[item].set()
            order.append(item)
            return f"result {item}"

        async def finish(self, results: list[ItemResult[str]]) -> str:
            assert results == [ItemDone(f"result {n}") for n in range(3)]
            return "Done"

    gates = [asyncio.Event() for _ in range(3)]
    order: list[int] = []
    assert live(Reversed()) == "Done"
    assert order == [2, 1, 0]


def test_a_long_list_does_not_become_a_task_for_each_item() -> None:
    class Long(Work):
        async def process_item(self, item: int) -> int:
            alive.append(len(asyncio.all_tasks()))
            await asyncio.sleep(0)
            return item

    alive: list[int] = []
    assert live(Long(2000, concurrency=4)) == "Done"
    assert len(alive) == 2000
    assert max(alive) <= 6


def test_sync_methods_get_their_parameters_as_any_task_does() -> None:
    class Job(BatchTask):
        concurrency = 2

        def load(self, ids: list[int]) -> Iterator[int]:
            threads.append(threading.get_ident())
            yield from ids

        def process_item(self, item: int, run: RunContext, factor: int) -> str:
            return f"{run.idempotency_key} {item * factor}"

        def finish(
            self, results: list[ItemResult[str]], run: RunContext
        ) -> Literal["Done"]:
            seen.extend(each.value for each in results if isinstance(each, ItemDone))
            seen.append(run.idempotency_key)
            return "Done"

    seen: list[str] = []
    threads: list[int] = []
    store = MemoryCheckpointStore()
    assert live(Job(), store, resources={"ids": [5, 6], "factor": 3}) == "Done"
    assert seen == ["r/Work/1/0 15", "r/Work/1/1 18", "r/Work/1"]
    assert threading.get_ident() not in threads


def test_finish_declares_the_transitions() -> None:
    class Job(Work):
        async def finish(self, results: object) -> Literal["Done"]:
            return "Done"

    workflow = Workflow().register("Work", Job()).add_exit_states("Done", "Other")
    assert workflow.graph.transitions["Work"] == {"Done"}


@pytest.mark.parametrize(
    ("attribute", "value", "problem"),
    [
        ("concurrency", 0, "concurrency=0 must be a whole number from 1"),
        ("concurrency", "2", "concurrency='2' must be"),
        ("item_retry", 3, "for its items, TaskConfig.retry=3. must be a Retry"),
        ("item_timeout", -1, "for its items, TaskConfig.attempt_timeout=-1"),
    ],
)
def test_what_can_not_be_is_a_problem(attribute: str, value: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'work': {problem}"):
        live(Work(**{attribute: value}))


def test_a_parameter_that_nothing_fills_names_its_method() -> None:
    class Job(Work):
        async def process_item(self, item: int, bank: object) -> int:  # type: ignore[override]
            return item

    with pytest.raises(ConfigurationError, match=r"'work\.process_item'.*'bank'"):
        live(Job())


# What is stored


@dataclass
class Order:
    number: int


class Model(pydantic.BaseModel):
    number: int


def listing(declared: Any, items: Any) -> BatchTask:
    """A batch that loads these items, declared so."""

    class Job(Work):
        async def load(self) -> Any:
            return items

        async def process_item(self, item: Any) -> Any:
            return [type(item).__name__, getattr(item, "number", item)]

    Job.load.__annotations__["return"] = declared
    return Job()


@pytest.mark.parametrize(
    ("declared", "items", "expected"),
    [
        (list[Order], [Order(1)], ["Order", 1]),
        (tuple[Order, ...], (Order(1),), ["Order", 1]),
        (Iterable[Order], (Order(1),), ["Order", 1]),
        (Iterator[Order], iter([Order(1)]), ["Order", 1]),
        (Sequence[Model], [Model(number=1)], ["Model", 1]),
        (tuple[Order, int], (Order(1), 2), ["Order", 1]),
        (set[int], {7}, ["int", 7]),
        (list, [7], ["int", 7]),
        (Any, (7,), ["int", 7]),
        (object, range(7, 8), ["int", 7]),
        (list[Any], [b"x"], ["bytes", b"x"]),
    ],
)
def test_items_come_back_as_they_are_declared(
    declared: Any, items: Any, expected: Any
) -> None:
    task: Any = listing(declared, items)

    assert live(task, MemoryCheckpointStore()) == "Done"
    assert task.results[0][0] == ItemDone(expected)


def test_items_may_come_one_by_one() -> None:
    class Job(Work):
        async def load(self) -> AsyncIterator[int]:  # type: ignore[override]
            for item in range(3):
                await asyncio.sleep(0)
                yield item

    task = Job()
    assert live(task) == "Done"
    assert task.results == [[ItemDone(0), ItemDone(1), ItemDone(4)]]


@pytest.mark.parametrize("store", [None, MemoryCheckpointStore()])
@pytest.mark.parametrize(
    ("declared", "items", "problem"),
    [
        (Any, [object()], "ids are best"),
        (Any, [Order(1)], "would be read back as .*ids are best"),
        (list[int], ["x"], "ids are best"),
        (Any, 5, "returned 5, which is no list of items"),
        (Any, "abc", "which is no list of items"),
        (Any, {"a": 1}, "which is no list of items"),
    ],
)
def test_items_that_can_not_be_stored_stop_the_run(
    declared: Any, items: Any, problem: str, store: Any
) -> None:
    task: Any = listing(declared, items)
    with pytest.raises(ConfigurationError, match=problem):
        live(task, store, config=TWICE)
    assert task.tried == {}


def test_results_that_can_not_be_stored_stop_the_run_and_are_no_failure() -> None:
    class Job(Work):
        item_retry = Retry.fixed(3, 0)

        async def process_item(self, item: int) -> Any:
            self.tried[item] += 1
            return object() if item == 2 else item

    task = Job(5)
    store = MemoryCheckpointStore()
    with pytest.raises(ConfigurationError, match=r"process_item\(\) of item 2"):
        live(task, store, config=TWICE)
    assert task.tried == {0: 1, 1: 1, 2: 1}
    assert live(Work(5), store) == "Done"


def test_results_come_back_as_they_are_declared() -> None:
    class Job(Work):
        async def process_item(self, item: int) -> Order:  # type: ignore[override]
            return Order(item)

    class Unknown(Work):
        async def process_item(self, item: int) -> frozenset[object]:  # type: ignore[override]
            return frozenset()

    class Impossible(Work):
        async def process_item(self, item: int) -> Counter:  # type: ignore[override,type-arg]
            return Counter()

        process_item.__annotations__["return"] = asyncio.Event

    task = Job(1)
    assert live(task, MemoryCheckpointStore()) == "Done"
    assert task.results == [[ItemDone(Order(0))]]
    with pytest.raises(ConfigurationError, match="'work': its results: values of"):
        live(Impossible())


# Failures of the whole


def test_batch_outer_retry_does_the_rest_only() -> None:
    """Where cano replays the whole cycle."""
    for store in (None, MemoryCheckpointStore()):
        task = Work(4, endings=[OSError("finish")], concurrency=2)
        task.fails[2] = 1
        assert live(task, store, config=TWICE) == "Done"
        assert task.loads == 1
        assert task.tried == {0: 1, 1: 1, 2: 2, 3: 1}
        first, second = task.results
        assert isinstance(first[2], ItemFailed)
        assert second == [ItemDone(n * n) for n in range(4)]

    task = Work(2, endings=[OSError(), OSError("again")])
    with pytest.raises(RetryExhaustedError, match="failed 2 times, at last") as caught:
        live(task, config=TWICE)
    assert len(caught.value.attempts) == 2
    assert task.tried == {0: 1, 1: 1}


def test_a_load_that_fails_is_tried_again() -> None:
    class Job(Work):
        async def load(self) -> list[int]:
            if not await super().load() or self.loads == 1:
                raise OSError
            return [3]

    task = Job()
    assert live(task, config=TWICE) == "Done"
    assert (task.loads, task.tried) == (2, {3: 1})


def test_an_item_that_takes_too_long_has_failed() -> None:
    class Job(Work):
        item_timeout = 0.001

        async def process_item(self, item: int) -> int:
            if item == 1:
                await asyncio.Event().wait()
            return item

    task = Job(3)
    assert live(task) == "Done"
    [[first, second, third]] = task.results
    assert (first, third) == (ItemDone(0), ItemDone(2))
    assert isinstance(second, ItemFailed)
    assert isinstance(second.error, TimeoutError)


def test_every_item_has_to_pass_the_limits_and_the_breaker() -> None:
    class Counting:
        passed = 0

        async def acquire(self, cost: float = 1) -> None:
            self.passed += 1

    counting = Counting()
    config = TaskConfig(
        retry=Retry.none(),
        circuit_breaker=CircuitBreaker(failure_threshold=2),
        limits=counting,
    )
    task = Work(5, item_retry=Retry.fixed(2, 0))
    task.fails[2] = 9

    assert live(task, config=config) == "Done"
    assert task.tried == {0: 1, 1: 1, 2: 2}
    assert counting.passed == 1 + 1 + 3 + 1 + 1
    [results] = task.results
    assert results[:2] == [ItemDone(0), ItemDone(1)]
    refused = [each.error for each in results[2:] if isinstance(each, ItemFailed)]
    assert [type(error) for error in refused] == [CircuitOpenError] * 3


def test_an_attempt_that_takes_too_long_is_tried_again_from_where_it_was() -> None:
    class Job(Work):
        async def process_item(self, item: int) -> int:
            self.tried[item] += 1
            if item == 2 and self.tried[item] == 1:
                await asyncio.Event().wait()
            return item

    task = Job(4)
    config = TaskConfig(retry=Retry.fixed(1, 0), attempt_timeout=0.01)
    assert live(task, config=config) == "Done"
    assert task.tried == {0: 1, 1: 1, 2: 2, 3: 1}


def test_a_mistake_of_the_program_in_an_item_stops_the_run() -> None:
    class Job(Work):
        async def process_item(self, item: int, run: RunContext) -> int:  # type: ignore[override]
            self.tried[item] += 1
            await run.once("call", int)
            return await run.once("call", int)

    task = Job(item_retry=Retry.fixed(3, 0))
    with pytest.raises(ConfigurationError, match="called twice in one attempt"):
        live(task, config=TWICE)
    assert task.tried == {0: 1}


# Crashes


class Together(Work):
    """Three items under way at a time; the last of them ends it."""

    concurrency = 3
    end: Callable[[], None]

    async def process_item(self, item: int) -> int:
        self.tried[item] += 1
        self.under_way += 1
        try:
            if self.under_way == 3:
                self.end()
            await asyncio.Event().wait()
        finally:
            # Not at once: whoever does not await it does not see it.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.under_way -= 1
        return item


@pytest.mark.parametrize("kind", [Crash, KeyboardInterrupt, SystemExit])
def test_a_crash_in_an_item_ends_the_others_and_leaves_as_it_is(
    kind: type[BaseException],
) -> None:
    def crash() -> None:
        raise kind

    task = Together(10, end=crash)

    async def main() -> None:
        try:
            await start(task, store)
        finally:
            left.append(task.under_way)

    left: list[int] = []
    store = MemoryCheckpointStore()
    with pytest.raises(kind):
        asyncio.run(main())
    assert left == [0]
    assert task.tried == {0: 1, 1: 1, 2: 1}
    assert recorded(store) == []
    assert live(Work(10), store) == "Done"


def test_a_run_that_is_cancelled_awaits_its_items_and_stays_as_it_is() -> None:
    async def main() -> None:
        reached = asyncio.Event()
        task = Together(10, end=reached.set)
        run = asyncio.create_task(start(task, store))
        await reached.wait()
        run.cancel()
        await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert task.under_way == 0
        assert task.tried == {0: 1, 1: 1, 2: 1}

    store = MemoryCheckpointStore()
    asyncio.run(main())
    assert live(Work(10), store) == "Done"


def test_an_item_that_takes_no_notice_of_the_end_is_the_last_one() -> None:
    class Stubborn(Together):
        async def process_item(self, item: int) -> int:
            with contextlib.suppress(asyncio.CancelledError):
                await super().process_item(item)
            return item

    def crash() -> None:
        raise Crash

    task = Stubborn(10, end=crash)
    with pytest.raises(Crash):
        live(task)
    assert task.tried == {0: 1, 1: 1, 2: 1}


def test_a_store_that_fails_stops_the_run_and_is_no_failure_of_an_item() -> None:
    store = ScriptedStore(before=raising(OSError("disk full"), "append", 4))
    task = Work(9, concurrency=3, item_retry=Retry.fixed(3, 0))

    with pytest.raises(CheckpointStoreError, match="disk full"):
        live(task, store, config=TWICE)
    assert task.results == []
    assert max(task.tried.values()) == 1
    task = Work(9)
    assert live(task, store.inner) == "Done"
    assert task.results == [[ItemDone(n * n) for n in range(9)]]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_crash_at_any_row_of_a_batch_loses_and_doubles_nothing(
    concurrency: int,
) -> None:
    tasks: list[Work] = []

    def first_life(store: Any) -> Any:
        tasks.append(Work(5, concurrency=concurrency))
        return start(tasks[-1], store)

    crashes = 0
    for disk in every_crash(first_life):
        crashes += 1
        done = recorded(disk)
        rows = len(asyncio.run(disk.load_run("r")))
        second = Work(5, concurrency=concurrency)
        second.count = 99  # what there is to do is asked once
        first_loaded = rows > 1
        if not first_loaded:
            second.count = 5
        assert live(second, disk) == "Done"
        assert second.loads == (0 if first_loaded else 1)
        assert second.results == [[ItemDone(n * n) for n in range(5)]]
        assert set(second.tried) == set(range(5)) - set(map(int, done))
    assert crashes >= 2 * (3 if concurrency == 3 else 7)


@pytest.mark.parametrize("method", ["load", "process_item"])
def test_a_program_that_reads_its_log_otherwise_is_stopped(method: str) -> None:
    """And can go on as it was before; it is no failure that would be undone."""

    class Otherwise(Work):
        pass

    async def declared(*args: Any) -> Any:
        raise AssertionError("never called")

    declared.__annotations__["return"] = list[str] if method == "load" else str
    setattr(Otherwise, method, declared)
    store = MemoryCheckpointStore()
    with pytest.raises(Crash):
        live(Work(3, endings=[Crash()]), store)
    with pytest.raises(ConfigurationError, match="can't be read as"):
        live(Otherwise(3), store)
    assert live(Work(3), store) == "Done"


def test_failed_items_are_tried_again_by_a_resume() -> None:
    store = MemoryCheckpointStore()
    task = Work(3, endings=[Crash()])
    task.fails[1] = 1
    with pytest.raises(Crash):
        live(task, store)

    task = Work(3)
    assert live(task, store) == "Done"
    assert task.tried == {1: 1}


def test_a_visit_that_comes_back_begins_a_new_batch() -> None:
    class Job(Work):
        async def finish(self, results: list[ItemResult[int]]) -> str:
            await super().finish(results)
            return "Work" if len(self.results) < 2 else "Done"

    task = Job(2)
    assert live(task, MemoryCheckpointStore()) == "Done"
    assert (task.loads, task.tried) == (2, {0: 2, 1: 2})


def test_pipeline_resume_reenters_only_the_crashed_state() -> None:
    """Poll, then a batch, then what fails: neither of the former is done again."""

    class Inbox(PollTask):
        polls = 0

        async def poll(self) -> Ready[str] | Pending:
            self.polls += 1
            return Ready("Work") if self.polls == 3 else Pending(0)

    class Sum(Work):
        async def finish(self, results: list[ItemResult[int]]) -> str:
            sums.append(sum(r.value for r in results if isinstance(r, ItemDone)))
            return "Stream"

    async def stream() -> str:
        if failures:
            raise failures.pop()
        return "Done"

    sums: list[int] = []
    failures = [OSError("item 5")]
    inbox, batch = Inbox(), Sum(5)
    store = MemoryCheckpointStore()
    workflow = Workflow(checkpoint_store=store)
    workflow.register("Inbox", inbox).register("Work", batch)
    workflow.register("Stream", stream, config=ONCE).add_exit_state("Done")
    with pytest.raises(TaskFailedError, match="item 5"):
        asyncio.run(workflow.orchestrate("Inbox", workflow_id="r"))
    assert asyncio.run(workflow.resume_from("r")) == "Done"
    assert (inbox.polls, batch.loads, sums) == (3, 1, [30])
    assert batch.tried == dict.fromkeys(range(5), 1)
    assert asyncio.run(store.load_run("r")) == []


# Calls and data


def test_the_calls_of_each_item_are_its_own() -> None:
    class Job(Work):
        concurrency = 2

        async def load(self, run: RunContext) -> list[int]:  # type: ignore[override]
            return [0, await run.once("call", lambda: 1)]

        async def process_item(self, item: int, run: RunContext) -> int:  # type: ignore[override]
            value = await run.once("call", paid, item)
            if crash and item == 1:
                raise crash.pop()
            return value

        async def finish(self, results: list[Any], run: RunContext) -> str:  # type: ignore[override]
            self.results.append(results)
            assert await run.once("call", lambda: 7) == 7
            return "Done"

    def paid(item: int) -> int:
        calls.append(item)
        return item + 10

    calls: list[int] = []
    crash = [Crash()]
    store = MemoryCheckpointStore()
    with pytest.raises(Crash):
        live(Job(), store)
    task = Job()
    assert live(task, store) == "Done"
    assert task.results == [[ItemDone(10), ItemDone(11)]]
    assert sorted(calls) == [0, 1]


def test_items_may_read_the_data_and_not_change_it() -> None:
    class Reads(Work):
        async def process_item(self, item: int, data: set[int]) -> int:  # type: ignore[override]
            return len(data)

    class Changes(Work):
        async def process_item(self, item: int, data: set[int]) -> int:  # type: ignore[override]
            data.add(item)
            return item

    given = {"data": set[int], "value": {100, 200, 300}}
    task = Reads(2)
    assert live(task, **given) == "Done"
    assert task.results == [[ItemDone(3), ItemDone(3)]]
    with pytest.raises(ConfigurationError, match="item 0 changed the run's data"):
        live(Changes(2), **given)


def test_what_load_and_finish_make_of_the_data_is_kept() -> None:
    class Job(Work):
        async def load(self, data: list[str]) -> list[int]:  # type: ignore[override]
            data.append("load")
            return [1]

        async def process_item(self, item: int, data: list[str]) -> int:  # type: ignore[override]
            given.append(list(data))
            return item

        async def finish(self, results: object, data: list[str]) -> str:  # type: ignore[override]
            data.append("finish")
            if crash:
                raise crash.pop()
            return "Next"

    async def following(data: list[str]) -> str:
        seen.extend(data)
        return "Done"

    def program() -> Any:
        workflow = Workflow(checkpoint_store=store, data=list[str])
        workflow.register("Work", Job(), config=TWICE).register("Next", following)
        workflow.add_exit_state("Done")
        return asyncio.run(workflow.start_or_resume("Work", workflow_id="r", data=[]))

    seen: list[str] = []
    given: list[list[str]] = []
    crash: list[BaseException] = [Crash(), OSError()]
    store = MemoryCheckpointStore()
    with pytest.raises(Crash):
        program()
    assert program() == "Done"
    assert seen == ["load", "finish"]
    assert given == [["load"]]


def test_a_batch_in_a_branch_has_rows_of_its_own() -> None:
    store = MemoryCheckpointStore()
    with pytest.raises(Crash):
        asyncio.run(split_of(Work(3, endings=[Crash()]), store))
    assert recorded(store) == ["0/0", "0/1", "0/2"]

    task = Work(3)
    assert asyncio.run(split_of(task, store)).values == ("Done",)
    assert (task.loads, task.tried) == (0, {})
    assert task.results == [[ItemDone(n * n) for n in range(3)]]
