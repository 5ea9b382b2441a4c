"""The engine's public names as a user's type checker sees them.

Never run and never collected: ``mypy --strict tests/typing`` reads it.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Literal, assert_type

from cano_core import (
    BatchTask,
    CanoError,
    CheckpointRow,
    CheckpointStore,
    CloseReason,
    Codec,
    Count,
    Done,
    Every,
    Health,
    HealthStatus,
    ItemDone,
    ItemFailed,
    ItemResult,
    JoinConfig,
    JoinStrategy,
    LoggingObserver,
    MemoryCheckpointStore,
    More,
    Outcome,
    Pending,
    PollTask,
    ReadsTail,
    Ready,
    RecordingObserver,
    RemembersOutcomes,
    Retry,
    RunContext,
    RunStatus,
    SplitResult,
    SQLiteCheckpointStore,
    State,
    SteppedTask,
    Stop,
    StreamTask,
    TaskConfig,
    TaskFailedError,
    TimerTask,
    Workflow,
    WorkflowObserver,
    remembers_outcomes,
)
from cano_core.extension import RunWrapper, TaskCall, hookimpl, manager
from cano_core.otel import instrument


class Step(Enum):
    START = auto()
    PROCESS = auto()
    DONE = auto()


@dataclass
class Order:
    total: int = 0


@dataclass
class Receipt:
    number: str


class Bank:
    async def charge(self, order_id: str, cents: int, *, key: str) -> Receipt:
        return Receipt(f"{order_id} {cents} {key}")

    def look_up(self, number: str) -> Receipt | None:
        return None


async def start(order: Order, run: RunContext) -> Literal[Step.PROCESS]:
    order.total += 1
    assert_type(run.idempotency_key, str)
    assert_type(run.visit, int)
    assert_type(run.state, State)
    return Step.PROCESS


class Process:
    name = "process"
    config = TaskConfig(retry=Retry.exponential(5, base=0.01), attempt_timeout=2.0)

    async def run(self, bank: Bank, run: RunContext) -> Literal[Step.DONE]:
        key = run.idempotency_key
        receipt = await run.once("charge", bank.charge, "order-1", 42, key=key)
        assert_type(receipt, Receipt)
        assert_type(await run.once("look", bank.look_up, "1"), Receipt | None)
        return Step.DONE


class Job(PollTask):
    consecutive_errors = 3
    config = TaskConfig(attempt_timeout=3600.0)

    async def poll(self, bank: Bank) -> Ready[Literal[Step.DONE]] | Pending:
        if bank.look_up("1") is None:
            return Pending(0.5)
        return Ready(Step.DONE)


class WrongJob(PollTask):
    def poll(self) -> Ready[Literal[Step.DONE]] | Pending:
        return Ready(Step.PROCESS)  # type: ignore[arg-type]


class Night(TimerTask):
    def config(self) -> TaskConfig:
        return TaskConfig()

    def wait(self) -> timedelta:
        return timedelta(hours=8)

    async def after_wait(self, run: RunContext) -> Literal[Step.DONE]:
        return Step.DONE


class Charges(BatchTask):
    concurrency = 4
    item_retry = Retry.fixed(2, 0.1)
    item_timeout = 5.0

    async def load(self, order: Order) -> list[str]:
        return [str(order.total)]

    async def process_item(self, item: str, bank: Bank, run: RunContext) -> Receipt:
        return await bank.charge(item, 42, key=run.idempotency_key)

    def finish(self, results: list[ItemResult[Receipt]], order: Order) -> Step:
        for each in results:
            if isinstance(each, ItemDone):
                assert_type(each.value, Receipt)
            else:
                assert_type(each, ItemFailed)
                assert_type(each.error, Exception)
        return Step.DONE


class OwnStore:
    """What a user writes: three methods, no base class."""

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None: ...

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        return []

    async def clear(self, workflow_id: str) -> None: ...


class OwnCodec:
    def encode(self, value: Order) -> bytes:
        return str(value.total).encode()

    def decode(self, payload: bytes) -> Order:
        return Order(int(payload))


class Watcher(WorkflowObserver):
    def on_checkpoint(self, workflow_id: str, sequence: int) -> None:
        print(workflow_id, sequence)


class Wrapper:
    def wrap_store(self, store: CheckpointStore) -> CheckpointStore:
        return store

    def wrap_task(self, state: str, task: object, call: TaskCall) -> TaskCall:
        return call


class Plugin:
    @hookimpl
    def cano_wrap_run(
        self, workflow: Workflow, workflow_id: str | None
    ) -> RunWrapper | None:
        return Wrapper()


async def total(result: SplitResult) -> Literal[Step.DONE]:
    assert_type(result.succeeded, tuple[int, ...])
    assert_type(result.errors[0], str)
    return Step.DONE


class Import(SteppedTask):
    config = TaskConfig(attempt_timeout=5.0)

    async def step(
        self, cursor: int | None, bank: Bank
    ) -> More[int] | Done[Literal[Step.DONE]]:
        assert_type(More(1).cursor, int)
        return More((cursor or 0) + 1) if cursor != 3 else Done(Step.DONE)


def counting(cursor: int | None) -> More[int] | Done[str]:
    return Done("Numbers") if cursor else More(1)


class Numbers(StreamTask):
    window = Every(0.5)
    consecutive_errors = 3

    async def open(self, cursor: int | None) -> AsyncIterator[tuple[int, str]]:
        yield 1, "one"

    def process_item(self, item: str, bank: Bank) -> int:
        return len(item)

    async def flush_window(
        self, results: list[int], run: RunContext
    ) -> Stop[Literal[Step.DONE]] | None:
        return Stop(Step.DONE) if len(results) > 3 else None

    async def on_close(self, reason: CloseReason) -> Literal[Step.DONE]:
        assert_type(reason, CloseReason)
        return Step.DONE


class Lines(StreamTask):
    window = Count(10)

    def open(self, cursor: int | None) -> Iterator[tuple[int, str]]:
        yield 1, "one"

    def process_item(self, item: str) -> str:
        return item

    def flush_window(self, results: list[str]) -> None: ...

    def on_close(self, reason: CloseReason) -> str:
        return "Total"


join = JoinConfig(JoinStrategy.quorum(2), "Total", timeout=5.0, bulkhead=2)
own: CheckpointStore = OwnStore()
memory: RemembersOutcomes = MemoryCheckpointStore()
disk: RemembersOutcomes = SQLiteCheckpointStore("orders.db")
tail: ReadsTail = SQLiteCheckpointStore("orders.db")
codec: Codec[Order] = OwnCodec()
manager.register(Plugin())


async def main() -> None:
    workflow = (
        Workflow(
            resources={"bank": Bank()},
            checkpoint_store=own,
            observers=[Watcher(), RecordingObserver(), LoggingObserver()],
            version=2,
            accepts_versions=[1],
            data=Order,
        )
        .register(Step.START, start)
        .register(Step.PROCESS, Process(), config=TaskConfig.minimal())
        .register("Job", Job())
        .register("Night", Night())
        .register("Charges", Charges())
        .register_split("Fan", [start, Process()], join, config=TaskConfig.minimal())
        .register("Total", total)
        .register("Import", Import())
        .register_stepped("Count", counting, config=TaskConfig.minimal())
        .register_stream("Numbers", Numbers())
        .register_stream("Lines", Lines())
        .add_exit_states(Step.DONE)
    )

    @workflow.task("Extra")
    async def extra() -> Step:
        return Step.DONE

    assert_type(await extra(), Step)
    workflow.validate(Step.START)
    first = await workflow.orchestrate(Step.START, workflow_id="1", data=Order())
    assert_type(first, State)
    assert_type(await workflow.resume_from("1"), State)
    assert_type(await workflow.start_or_resume(Step.START, workflow_id="1"), State)
    assert_type(await workflow.status("1"), RunStatus)
    assert_type(await workflow.outcome("1"), Outcome | None)
    assert_type(workflow.versions, frozenset[int])
    report = await workflow.check_health(timeout=1.0)
    assert_type(report.status, Health)
    assert_type(report.resources["bank"], HealthStatus)
    instrument(only=[workflow])
    if remembers_outcomes(own):
        assert_type(await own.outcome("1"), Outcome | None)
    try:
        await workflow.resume_from("2")
    except TaskFailedError as error:
        assert_type(error.attempts, tuple[Exception, ...])
    except CanoError:
        pass
