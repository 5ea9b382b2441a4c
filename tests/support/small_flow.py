"""Start > Process > Done: a flow to be resumed, and everything that it does."""

import asyncio
from collections.abc import Sequence
from typing import Any

from cano_core import (
    CheckpointRow,
    MemoryCheckpointStore,
    RecordingObserver,
    RowKind,
    RunContext,
    TaskConfig,
    Workflow,
)
from cano_core.progress import Memo

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


class Flow:
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


def memo(sequence: int, state: str, name: str = "call") -> CheckpointRow:
    return row(sequence, state, MEMO, Memo(name, b"\x01").encode())
