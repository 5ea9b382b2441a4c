"""What a random workflow does, and the disk and the world that outlive its crashes."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cano_core import (
    CheckpointRow,
    Done,
    JoinConfig,
    JoinStrategy,
    MemoryCheckpointStore,
    More,
    Outcome,
    Retry,
    RowKind,
    RunContext,
    SplitResult,
    TaskConfig,
    Workflow,
)
from cano_core.extension import hookimpl
from cano_core.progress import Branch, Completion, Cursor, decode_sequence
from model_program import RUN, Node, Program, Visit

RETRY = TaskConfig(retry=Retry.fixed(2, 0))


class Crash(BaseException):
    """The end of a life."""


class Disk(MemoryCheckpointStore):
    """Remembers every row that was ever durable, and minds the other runs."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[CheckpointRow] = []
        self.outcomes: list[Outcome] = []

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        assert workflow_id == RUN
        await super().append(workflow_id, *rows)
        self.history.extend(rows)

    async def finish(self, workflow_id: str, rows: Any, outcome: Outcome) -> None:
        assert workflow_id == RUN
        await super().finish(workflow_id, rows, outcome)
        self.history.extend(rows)
        self.outcomes.append(outcome)

    async def clear(self, workflow_id: str) -> None:
        raise AssertionError("with outcomes to remember nothing is cleared")

    def of_the_visit(self) -> list[CheckpointRow]:
        """The rows since the last entry row, that one included."""
        rows = self.history
        last = max(
            (row.sequence for row in rows if row.kind is RowKind.STATE_ENTRY),
            default=0,
        )
        return rows[last:]

    def of_kind(self, kind: RowKind) -> list[CheckpointRow]:
        return [row for row in self.history if row.kind is kind]

    def cursors(self) -> int:
        rows = self.of_the_visit()
        return max(
            (
                Cursor.decode(row.payload).number
                for row in rows
                if row.kind is RowKind.STEP_CURSOR
            ),
            default=0,
        )

    def branches(self) -> set[str]:
        return {
            Branch.decode(row.payload).part
            for row in self.of_the_visit()
            if row.kind is RowKind.BRANCH
        }


class Life:
    """Ends a life at its n-th moment; from then on nothing happens any more."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.passed = 0

    def pass_by(self) -> None:
        self.passed += 1
        if 0 < self.moment <= self.passed:
            raise Crash

    @hookimpl
    def cano_wrap_run(self, workflow: Workflow, workflow_id: str | None) -> Any:
        return self

    def wrap_store(self, store: Any) -> Any:
        return Crashing(store, self)

    def wrap_task(self, state: str, task: object, call: Any) -> Any:
        async def wrapped(context: RunContext, *values: Any) -> Any:
            self.pass_by()
            result = await call(context, *values)
            self.pass_by()
            return result

        return wrapped

    wrap_compensation = wrap_task


class Crashing:
    """Lets a life end before and after every operation of a store."""

    def __init__(self, store: Any, life: Life) -> None:
        self.store = store
        self.life = life

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.store, name)

        async def around(*arguments: Any) -> Any:
            self.life.pass_by()
            result = await operation(*arguments)
            self.life.pass_by()
            return result

        return around


@dataclass
class Data:
    left: list[str] = field(default_factory=list)


@dataclass
class Receipt:
    key: str


@dataclass
class World:
    """Everything that a crash leaves as it is."""

    program: Program
    disk: Disk = field(default_factory=Disk)
    life: Life = field(default_factory=lambda: Life(0))
    ran: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    branches: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    undone: list[str] = field(default_factory=list)
    stopped_in: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path = self.program.path()
        self.by_key = {visit.key: visit for visit in self.path}
        self.before: dict[str, list[str]] = {}
        left: list[str] = []
        for visit in self.path:
            for number, part in enumerate(visit.parts):
                self.before[part] = left + visit.left[:number]
            left = left + visit.left

    def workflow(self) -> Workflow:
        workflow = Workflow(checkpoint_store=self.disk, data=Data, version=4)
        for index, node in enumerate(self.program.nodes):
            getattr(self, f"add_{node.kind}")(workflow, f"S{index}", index, node)
        return workflow.add_exit_state("Done")

    # One method for each kind of state.

    def add_task(self, workflow: Workflow, state: str, index: int, node: Node) -> None:
        async def task(
            run: RunContext, data: Data, split: SplitResult | None = None
        ) -> str:
            key = self.enter(run, data)
            self.check_split(key, split)
            await self.work(run, node, key, data)
            return self.program.label(self.program.after(index, run.visit))

        workflow.register(state, task, config=RETRY)

    def add_saga(self, workflow: Workflow, state: str, index: int, node: Node) -> None:
        async def task(run: RunContext, data: Data) -> tuple[str, Receipt]:
            key = self.enter(run, data)
            await self.work(run, node, key, data)
            self.effect(self.done, key)
            following = self.program.after(index, run.visit)
            return self.program.label(following), Receipt(key)

        async def undo(receipt: Receipt, run: RunContext) -> None:
            key = f"{RUN}/{state}/{run.visit}"
            assert receipt == Receipt(key)
            assert run.idempotency_key.startswith(f"{key}/undo")
            self.check_undo(key)
            await run.once("undo", self.call, run.idempotency_key)
            self.tries[f"undo {key}"] += 1
            if self.tries[f"undo {key}"] <= node.undo_failures:
                raise OSError("not now")
            self.life.pass_by()
            self.undone.append(key)
            self.life.pass_by()

        # What fails is not tried again before the next life.
        undoable = TaskConfig(retry=Retry.fixed(2, 0))
        if node.undo_failures and not node.failures:
            undoable = TaskConfig.minimal()
        workflow.register_with_compensation(
            state, task, compensate=undo, config=undoable
        )

    def add_stepped(
        self, workflow: Workflow, state: str, index: int, node: Node
    ) -> None:
        async def step(
            cursor: int | None, run: RunContext, data: Data
        ) -> More[int] | Done[str]:
            number = cursor or 0
            assert self.disk.cursors() == number
            key = self.enter(run, data)
            assert key.endswith(f"/{number}")
            await self.work(run, node, key, data, calls=1)
            if number + 1 < node.steps:
                return More(number + 1)
            return Done(self.program.label(self.program.after(index, run.visit)))

        workflow.register_stepped(state, step, config=RETRY)

    def add_router(
        self, workflow: Workflow, state: str, index: int, node: Node
    ) -> None:
        async def route(data: Data) -> str:
            self.life.pass_by()
            return self.program.label(self.program.routed(index, data.left))

        workflow.register_router(state, route)

    def add_split(self, workflow: Workflow, state: str, index: int, node: Node) -> None:
        def branch(number: int) -> Any:
            async def task(run: RunContext, data: Data) -> str:
                whole, _, part = run.idempotency_key.rpartition("/")
                assert part == str(number)
                assert part not in self.disk.branches()
                assert data.left == self.before[whole]
                if run.attempt == 1:
                    self.branches[run.idempotency_key] += 1
                await run.once("call", self.call, run.idempotency_key)
                for _ in range(node.awaits + number):
                    await asyncio.sleep(0)
                if number in node.bad_branches or whole == self.program.fatal:
                    raise ValueError("this branch")
                return f"value of {run.idempotency_key}"

            return task

        good = node.branches - len(node.bad_branches)
        strategy = JoinStrategy.quorum(good) if node.bad_branches else JoinStrategy.ALL
        workflow.register_split(
            state,
            [branch(number) for number in range(node.branches)],
            JoinConfig(strategy, self.program.label(index + 1)),
            config=TaskConfig.minimal(),
        )

    # What tasks have in common.

    def enter(self, run: RunContext, data: Data) -> str:
        key = run.idempotency_key
        assert not self.disk.of_kind(RowKind.ROLLBACK), "a rollback went forward"
        if run.attempt == 1:
            self.ran.append(key)
        # What the attempt sees is what was left before it.
        assert data.left == self.before[key]
        return key

    async def work(
        self,
        run: RunContext,
        node: Node,
        key: str,
        data: Data,
        calls: int | None = None,
    ) -> None:
        for number in range(node.parts if calls is None else calls):
            result = await run.once(f"call {number}", self.call, f"{key}/c{number}")
            assert result == f"result of {key}/c{number}"
        data.left.append(key)
        for _ in range(node.awaits):
            await asyncio.sleep(0)
        self.tries[key] += 1
        fatal = self.program.fatal
        if key == fatal or (key.rpartition("/")[0] == fatal and node.kind == "stepped"):
            raise RuntimeError("for good")
        if self.tries[key] <= node.failures:
            raise RuntimeError("this attempt")

    def call(self, key: str) -> str:
        self.effect(self.calls, key)
        return f"result of {key}"

    def effect(self, counter: Counter[str], key: str) -> None:
        self.life.pass_by()
        counter[key] += 1
        self.life.pass_by()

    def check_split(self, key: str, split: SplitResult | None) -> None:
        place = self.path.index(self.by_key[key])
        before = self.path[place - 1] if place else None
        if before is None or before.node.kind != "split":
            assert split is None
            return
        assert split is not None
        good = [
            number
            for number in range(before.node.branches)
            if number not in before.node.bad_branches
        ]
        assert split.values == tuple(f"value of {before.key}/{n}" for n in good)

    def check_undo(self, key: str) -> None:
        """Last in, first out, and nothing twice."""
        entries: dict[int, str] = {}
        visits = Counter[str]()
        for row in self.disk.of_kind(RowKind.STATE_ENTRY):
            visits[row.state] += 1
            entries[row.sequence] = f"{RUN}/{row.state}/{visits[row.state]}"
        undone = {
            entries[decode_sequence(row.payload)]
            for row in self.disk.of_kind(RowKind.COMPENSATED)
        }
        assert key not in undone
        order = [visit.key for visit in self.program.sagas]
        for later in order[order.index(key) + 1 :]:
            assert later in undone or self.by_key[later].node.undo_failures

    def current(self) -> str | None:
        """The part of a visit that a resume does again; None if there is none."""
        entries = Counter[str]()
        key, visit = None, None
        for row in self.disk._logs.get(RUN, ()):
            if row.kind is RowKind.STATE_ENTRY:
                entries[row.state] += 1
                key = f"{RUN}/{row.state}/{entries[row.state]}"
                visit = self.by_key.get(key)
            elif row.kind is RowKind.COMPENSATION_COMPLETION:
                Completion.decode(row.payload)
                key = None
            elif row.kind is RowKind.STEP_CURSOR and visit is not None:
                key = f"{visit.key}/{Cursor.decode(row.payload).number}"
        if key is not None and visit is not None and visit.node.kind == "stepped":
            return key if key != visit.key else f"{key}/0"
        return key


def expected_calls(program: Program, visits: list[Visit]) -> set[str]:
    """The recorded calls that are made, at least once, by these visits."""
    expected = set()
    for visit in visits:
        node = visit.node
        if node.kind in ("task", "saga"):
            expected |= {f"{visit.key}/c{number}" for number in range(node.parts)}
        elif node.kind == "stepped":
            expected |= {f"{part}/c0" for part in visit.parts}
    return expected
