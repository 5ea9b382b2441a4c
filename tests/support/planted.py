"""Programs with one bug each, as people write them, and the same ones mended.

Each is named for the verdict that has to find it. A program is made twice: with the
bug, and as its fixed twin.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    MemoryCheckpointStore,
    Retry,
    RolledBackError,
    RowKind,
    RunConflictError,
    RunContext,
    SQLiteCheckpointStore,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from cano_core.wording import described
from pytest_cano.view import WorldView

ONCE = TaskConfig.minimal()
Program = Callable[[WorldView], Any]


@dataclass(frozen=True)
class Planted:
    """One bug.

    Attributes:
        verdict: what has to find it.
        make: makes the program, with the bug or without.
        crash: what is to be crashed.
        smallest: the first schedule that finds it.
        options: of `pytest_cano.check`.
        store: makes the store that the program has, with the bug or without.
        also: other verdicts that the same bug leads to, in other schedules.
    """

    verdict: str
    make: Callable[[bool], Program]
    smallest: str
    crash: str = "all"
    options: dict[str, Any] = field(default_factory=dict)
    store: Callable[[bool], Any] = lambda buggy: "sqlite"
    also: frozenset[str] = frozenset()
    name: str = ""

    def program(self, buggy: bool) -> Program:
        """Return it as another process can import it."""
        return partial(live, self.name, buggy)


PLANTED: list[Planted] = []


def live(name: str, buggy: bool, world: WorldView) -> Any:
    """Live once, as the program of that name."""
    (bug,) = (each for each in PLANTED if each.name == name)
    return bug.make(buggy)(world)


def planted(verdict: str, smallest: str, **options: Any) -> Any:
    """Take a program, made with and without its bug, into the list."""

    def take(make: Callable[[bool], Program]) -> Callable[[bool], Program]:
        bug = Planted(verdict, make, smallest, **options)
        PLANTED.append(replace(bug, name=make.__name__))
        return make

    return take


def workflow_of(world: WorldView, **tasks: Any) -> Workflow:
    """Return a workflow of tasks one after the other; the last leads to Done."""
    workflow = Workflow(checkpoint_store=world.store)
    for state, task in tasks.items():
        workflow.register(state, task, config=ONCE)
    return workflow.add_exit_state("Done")


async def start(world: WorldView, workflow: Workflow) -> Any:
    """Start the run, or go on with it, as a program does."""
    first = workflow.graph.states[0]
    return await workflow.start_or_resume(first, workflow_id=world.workflow_id)


async def ship() -> str:
    return "Done"


@planted("DUPLICATED", "Charge@effect:1")
def charges_without_a_key(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            world.ledger.effect("charge", key=None if buggy else run.idempotency_key)
            return "Ship"

        await start(world, workflow_of(world, Charge=charge, Ship=ship))

    return program


@planted("DUPLICATED", "Charge@effect:1 > Charge@end", options={"depth": 2})
def forgets_its_note_before_it_is_done(buggy: bool) -> Program:
    """Right after one crash, and wrong after two."""

    async def program(world: WorldView) -> None:
        note = world.disk / "charging"

        async def charge() -> str:
            if note.exists():
                if buggy:
                    note.unlink()
                if not world.ledger.count("charge"):
                    world.ledger.effect("charge")
            else:
                note.touch()
                world.ledger.effect("charge")
            return "Ship"

        await start(world, workflow_of(world, Charge=charge, Ship=ship))

    return program


@planted("LOST", "Notify@memo:1")
def claims_before_it_acts(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def notify(run: RunContext) -> str:
            sent = world.disk / "sent"
            first = not sent.exists()
            await run.once("claim", sent.touch)
            if first or not buggy:
                world.ledger.effect("mail", key=run.idempotency_key)
            return "Done"

        await start(world, workflow_of(world, Notify=notify))

    return program


@planted("DIVERGED", "Deposit@end")
def adds_instead_of_setting(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        account = world.disk / "account.json"

        def balance() -> int:
            return int(json.loads(account.read_text())) if account.exists() else 0

        async def deposit() -> str:
            account.write_text(json.dumps((balance() if buggy else 0) + 10))
            return "Done"

        await start(world, workflow_of(world, Deposit=deposit))
        world.observe("balance", balance())

    return program


@planted("STUCK", "Export@end")
def will_not_replace_its_own_file(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def export() -> str:
            file = world.disk / "export.csv"
            file.touch(exist_ok=not buggy)
            file.write_text("1,2,3\n")
            return "Done"

        await start(world, workflow_of(world, Export=export))

    return program


@planted("RERAN", "Charge@effect:1")
def begins_anew_when_interrupted(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            world.ledger.effect("charge", key=run.idempotency_key)
            return "Ship"

        workflow = workflow_of(world, Charge=charge, Ship=ship)
        status = await workflow.status(world.workflow_id)
        if buggy and status.phase == "interrupted":
            await world.store.clear(world.workflow_id)
        await start(world, workflow)

    return program


@planted("HALF_UNDONE", "Book@undo", crash="Book")
def begins_anew_when_rolling_back(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def book(run: RunContext) -> tuple[str, int]:
            world.ledger.effect("book", key=run.idempotency_key)
            return "Pay", 7

        async def release(seat: int, run: RunContext) -> None:
            world.ledger.effect("release", seat, key=run.idempotency_key)

        async def pay() -> str:
            raise ConnectionError("the bank refuses")

        workflow = Workflow(checkpoint_store=world.store)
        workflow.register_with_compensation(
            "Book", book, compensate=release, config=ONCE
        )
        workflow.register("Pay", pay, config=ONCE).add_exit_state("Done")
        status = await workflow.status(world.workflow_id)
        if buggy and status.phase == "rolling back":
            await world.store.clear(world.workflow_id)
        with contextlib.suppress(TaskFailedError, RolledBackError):
            await start(world, workflow)

    return program


@planted("REORDERED", "Publish@start")
def goes_on_from_the_other_end(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def publish(run: RunContext) -> str:
            pages = ["a", "b", "c"]
            for page in reversed(pages) if buggy and run.resumes else pages:
                world.ledger.effect("publish", page, key=f"page {page}")
            return "Done"

        await start(world, workflow_of(world, Publish=publish))

    return program


@planted("SWALLOWED", "Charge@enter=error", crash="all=error")
def takes_a_failed_store_for_a_trifle(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            world.ledger.effect("charge", key=run.idempotency_key)
            return "Done"

        with contextlib.suppress(*([CheckpointStoreError] if buggy else [])):
            await start(world, workflow_of(world, Charge=charge))

    return program


class BufferedStore:
    """Writes a file; several rows at a time, if it has the bug."""

    def __init__(self, path: Path, *, buggy: bool) -> None:
        self._memory = MemoryCheckpointStore()
        self.path = path
        self._size = 2 if buggy else 1
        self._waiting = 0
        if path.exists():
            logs = json.loads(path.read_text())
            self._memory._logs = {
                run: [
                    CheckpointRow(
                        **row
                        | {
                            "kind": RowKind(row["kind"]),
                            "payload": row["payload"] and bytes.fromhex(row["payload"]),
                        }
                    )
                    for row in rows
                ]
                for run, rows in logs.items()
            }

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        await self._memory.append(workflow_id, *rows)
        self._waiting += 1
        if self._waiting >= self._size:
            self._waiting = 0
            self._save()

    async def load_run(self, workflow_id: str) -> Any:
        return await self._memory.load_run(workflow_id)

    async def clear(self, workflow_id: str) -> None:
        await self._memory.clear(workflow_id)
        self._save()

    def _save(self) -> None:
        names = CheckpointRow.__match_args__
        logs = {
            run: [
                {name: getattr(row, name) for name in names}
                | {"payload": row.payload and row.payload.hex()}
                for row in rows
            ]
            for run, rows in self._memory._logs.items()
        }
        self.path.write_text(json.dumps(logs))


def buffered(buggy: bool, disk: Path) -> BufferedStore:
    return BufferedStore(disk / "log.json", buggy=buggy)


@planted("LOST_WORK", "Charge@start", store=partial(partial, buffered))
def keeps_rows_in_a_buffer(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            world.ledger.effect("charge", key=run.idempotency_key)
            return "Ship"

        await start(world, workflow_of(world, Charge=charge, Ship=ship))

    return program


class TrimmingStore(SQLiteCheckpointStore):
    """Gives back what it was given; but for long names, if it has the bug."""

    buggy = True

    async def load_run(self, workflow_id: str) -> Any:
        rows = await super().load_run(workflow_id)
        if not self.buggy:
            return rows
        return [replace(row, task=row.task[:12]) for row in rows]

    load_tail = load_run


def trimming(buggy: bool, disk: Path) -> TrimmingStore:
    store = TrimmingStore(disk / "log.db", sync=False)
    store.buggy = buggy
    return store


@planted("BAD_LOG", "Charge@start", store=partial(partial, trimming))
def trims_what_it_keeps(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge_the_card(run: RunContext) -> str:
            world.ledger.effect("charge", key=run.idempotency_key)
            return "Done"

        await start(world, workflow_of(world, Charge=charge_the_card))

    return program


@planted("TWO_OWNERS", "Charge@start=twin", crash="Charge@start=twin")
def goes_on_after_it_lost_the_run(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            try:
                await run.once("quote", lambda: 42)
            except RunConflictError:
                if not buggy:
                    raise
            world.ledger.effect("charge", key=run.idempotency_key)
            return "Done"

        with contextlib.suppress(RunConflictError):
            await start(world, workflow_of(world, Charge=charge))

    return program


@planted("TIMEOUT", "Ask@start=hang", crash="Ask@start=hang")
def waits_for_ever(buggy: bool) -> Program:
    config = TaskConfig(
        retry=Retry.fixed(1, 0), attempt_timeout=None if buggy else 3600
    )

    async def program(world: WorldView) -> None:
        async def ask(run: RunContext) -> str:
            await asyncio.sleep(0)
            world.ledger.effect("ask", key=run.idempotency_key)
            return "Done"

        workflow = Workflow(checkpoint_store=world.store)
        workflow.register("Ask", ask, config=config).add_exit_state("Done")
        await start(world, workflow)

    return program


@planted(
    "ENDINGS_DISAGREE",
    "Write@effect:1=all",
    crash="Write@effect:1=all",
    also=frozenset({"STUCK"}),
)
def trusts_its_own_clean_up(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def write() -> str:
            lock = world.disk / "lock"
            lock.touch(exist_ok=not buggy)
            try:
                world.ledger.effect("write", key="report")
            finally:
                lock.unlink()
            return "Done"

        await start(world, workflow_of(world, Write=write))

    return program


@planted("NOT_FIRED", "Charge@end > Ship@effect:1", crash="Charge@end > Ship@effect:1")
def does_not_do_what_is_to_be_crashed(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge() -> str:
            return "Ship"

        async def send(run: RunContext) -> str:
            if not buggy:
                world.ledger.effect("send", key=run.idempotency_key)
            return "Done"

        await start(world, workflow_of(world, Charge=charge, Ship=send))

    return program


@planted("FLAKY_BASELINE", "")
def makes_things_up(buggy: bool) -> Program:
    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            order = uuid.uuid4().hex if buggy else described(ValueError("order"))
            world.ledger.effect("charge", order, key=run.idempotency_key)
            return "Done"

        await start(world, workflow_of(world, Charge=charge))

    return program
