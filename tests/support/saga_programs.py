"""Sagas to crash: Book > Pick (a router) > Pay > Check > Done, with planted mistakes.

Whoever says no is Check; then what Pay and Book have done is undone.
"""

from collections.abc import Callable, Sequence
from typing import Any

from cano_core import (
    CompensationFailedError,
    RolledBackError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from programs import ONCE
from pytest_cano.view import WorldView

UNDONE = (TaskFailedError, RolledBackError)
"""What a program gets that fails and is undone: in that life, and in any later one."""


class Saga:
    """One process's saga; a test replaces the methods that it is about."""

    refuses = True
    config: TaskConfig = ONCE

    def __init__(self, world: WorldView) -> None:
        self.world = world
        self.ledger = world.ledger
        self.store: Any = world.store

    def workflow(self) -> Workflow:
        return (
            Workflow(checkpoint_store=self.store)
            .register_with_compensation(
                "Book", self.book, compensate=self.unbook, config=self.config
            )
            .register_router("Pick", self.pick, config=self.config)
            .register_with_compensation(
                "Pay", self.pay, compensate=self.refund, config=self.config
            )
            .register("Check", self.check, config=self.config)
            .add_exit_state("Done")
        )

    async def book(self, run: RunContext) -> tuple[str, int]:
        self.ledger.effect("book", key=run.idempotency_key)
        return "Pick", 7

    async def unbook(self, seat: int, run: RunContext) -> None:
        self.ledger.effect("unbook", seat, key=run.idempotency_key)

    async def pick(self) -> str:
        return "Pay"

    async def pay(self, run: RunContext) -> tuple[str, str]:
        self.ledger.effect("pay", key=run.idempotency_key)
        return "Check", "receipt"

    async def refund(self, receipt: str, run: RunContext) -> None:
        self.ledger.effect("refund", receipt, key=run.idempotency_key)

    async def check(self) -> str:
        if self.refuses:
            raise OSError("sold out")
        return "Done"

    async def start_or_resume(self) -> object:
        return await self.workflow().start_or_resume(
            "Book", workflow_id=self.world.workflow_id
        )


def saga(kind: type[Saga] = Saga, errors: Sequence[type[Exception]] = UNDONE) -> Any:
    """A restartable program that expects its run to be undone."""

    async def program(world: WorldView) -> object:
        flow = kind(world)
        for _ in range(3):
            try:
                return await flow.start_or_resume()
            except CompensationFailedError:
                continue
            except tuple(errors):
                return str((await flow.workflow().status(world.workflow_id)).phase)
        raise RuntimeError("the rollback does not come to its end")

    return program


def planted(**methods: Callable[..., Any]) -> Any:
    """A saga with some of its methods replaced."""
    return saga(type("Planted", (Saga,), methods))
