"""A > B > C > Done, of which what is done can be undone; and what has happened."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cano_core import (
    CheckpointRow,
    MemoryCheckpointStore,
    RowKind,
    RunContext,
    TaskConfig,
    Workflow,
)

ONCE = TaskConfig.minimal()


class Journal:
    """What happened, over all processes, and what is to go wrong.

    Attributes:
        did: every step, in order: ``"A"`` is A's task, ``"undo A1"`` its compensation
            with the output of A's first visit.
        fails: what a step raises, the first one first; None lets it pass.
        holds: what a step awaits after that.
    """

    def __init__(self, **fails: Sequence[BaseException | None]) -> None:
        self.did: list[str] = []
        self.holds: dict[str, Callable[[], Awaitable[None]]] = {}
        self.fails: defaultdict[str, list[BaseException | None]] = defaultdict(list)
        for step, errors in fails.items():
            self.fails[step.replace("_", " ")] = list(errors)

    def step(self, name: str) -> None:
        """Note a step, and fail if it has to."""
        self.did.append(name)
        errors = self.fails[name.rstrip("0123456789")]
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error

    async def passed(self, name: str) -> None:
        """Note a step, and fail or wait if it has to."""
        self.step(name)
        if name in self.holds:
            await self.holds[name]()

    @property
    def undone(self) -> list[str]:
        """The outputs that were undone, in order."""
        return [each.removeprefix("undo ") for each in self.did if each[:5] == "undo "]


class Noting(MemoryCheckpointStore):
    """Notes which rows came together; each entry is one call of the store."""

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[list[str]] = []

    async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
        self.appends.append([f"{row.state} {RowKind(row.kind).name}" for row in rows])
        await super().append(workflow_id, *rows)

    async def finish(
        self, workflow_id: str, rows: Sequence[CheckpointRow], outcome: Any
    ) -> None:
        kinds = [f"{row.state} {RowKind(row.kind).name}" for row in rows]
        self.appends.append([*kinds, "finish"])
        await super().finish(workflow_id, rows, outcome)


def saga(
    journal: Journal,
    store: Any = None,
    *,
    states: str = "ABC",
    plain: str = "C",
    routers: str = "",
    config: TaskConfig = ONCE,
    **options: Any,
) -> Workflow:
    """A workflow that goes through the states, one letter each, to Done.

    Args:
        journal: told what happens.
        store: where its log is kept.
        states: in this order.
        plain: those that can't be undone.
        routers: those that are routers.
        config: of the tasks.
        options: of the workflow.
    """
    workflow = Workflow(checkpoint_store=store, **options).add_exit_state("Done")

    def add(label: str, following: str) -> None:
        async def plain_task() -> str:
            await journal.passed(label)
            return following

        async def task(run: RunContext) -> tuple[str, str]:
            await journal.passed(label)
            return following, f"{label}{run.visit}"

        async def undo(output: str) -> None:
            await journal.passed(f"undo {output}")

        if label in routers:
            workflow.register_router(label, plain_task, config=config)
        elif label in plain:
            workflow.register(label, plain_task, config=config)
        else:
            workflow.register_with_compensation(
                label, task, compensate=undo, config=config
            )

    for label, following in zip(states, [*states[1:], "Done"], strict=True):
        add(label, following)
    return workflow


def start(workflow: Workflow, first: str = "A", **options: Any) -> object:
    """Start run ``"r"`` in a process of its own."""
    return asyncio.run(workflow.orchestrate(first, workflow_id="r", **options))


def resume(workflow: Workflow, **options: Any) -> object:
    """Resume it in another one."""
    return asyncio.run(workflow.resume_from("r", **options))


def written(store: Any) -> list[str]:
    """Run ``"r"``'s log: the letter of each row's state, and what the row is."""
    return [
        f"{row.state} {_SHORT[RowKind(row.kind)]}".strip()
        for row in asyncio.run(store.load_run("r"))
    ]


_SHORT = {
    RowKind.STATE_ENTRY: "",
    RowKind.COMPENSATION_COMPLETION: "done",
    RowKind.STEP_CURSOR: "cursor",
    RowKind.RESUME: "resumed",
    RowKind.BRANCH: "branch",
    RowKind.ROLLBACK: "failed",
    RowKind.COMPENSATED: "undone",
    RowKind.MEMO: "memo",
}
