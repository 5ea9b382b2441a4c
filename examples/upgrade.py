"""A new version of a program, and the runs that the old one has left.

Quote > Charge > Paid. Version 1 kept prices in euros, version 2 keeps them in cents:
what one of them began must not be ended by the other. Each row says which version wrote
it, and `start_or_resume` refuses a log with a version that is not accepted, before
anything runs. So the program keeps its old workflow for as long as old runs are about.

    python examples/upgrade.py

Prints:

    version 1
      charge 4200 cents
      stopped: the bank is closed
    version 2
      refused: row 0 was written by version 1
      charge 4200 cents
      version 1 has brought it to Paid
      charge 4200 cents
      version 2 has brought another one to Paid
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

from cano_core import (
    CheckpointStore,
    MemoryCheckpointStore,
    RunContext,
    TaskConfig,
    TaskFailedError,
    VersionMismatchError,
    Workflow,
)


class Bank:
    """Counts in cents, and is open from the second day on."""

    def __init__(self, *, closed: int = 0) -> None:
        self.closed = closed

    def charge(self, cents: int, *, idempotency_key: str) -> None:
        print(f"  charge {cents} cents")
        self.closed -= 1
        if self.closed >= 0:
            raise ConnectionError("the bank is closed")


@dataclass
class Bill:
    amount: int = 0


async def quote_euros(bill: Bill) -> Literal["Charge"]:
    bill.amount = 42
    return "Charge"


async def charge_euros(bill: Bill, bank: Bank, run: RunContext) -> Literal["Paid"]:
    bank.charge(bill.amount * 100, idempotency_key=run.idempotency_key)
    return "Paid"


async def quote_cents(bill: Bill) -> Literal["Charge"]:
    bill.amount = 4200
    return "Charge"


async def charge_cents(bill: Bill, bank: Bank, run: RunContext) -> Literal["Paid"]:
    bank.charge(bill.amount, idempotency_key=run.idempotency_key)
    return "Paid"


def version_1(store: CheckpointStore, bank: Bank) -> Workflow:
    return billing(1, store, bank, quote_euros, charge_euros)


def version_2(store: CheckpointStore, bank: Bank) -> Workflow:
    return billing(2, store, bank, quote_cents, charge_cents)


def billing(
    version: int, store: CheckpointStore, bank: Bank, quote: object, charge: object
) -> Workflow:
    resources = {"bank": bank}
    return (
        Workflow(
            data=Bill, version=version, checkpoint_store=store, resources=resources
        )
        .register("Quote", quote)
        .register("Charge", charge, config=TaskConfig.minimal())
        .add_exit_state("Paid")
    )


async def pay(store: CheckpointStore, bank: Bank, order: str) -> str:
    """What the program does since it is version 2: go on with either's runs."""
    new, old = version_2(store, bank), version_1(store, bank)
    try:
        reached = await new.start_or_resume("Quote", workflow_id=order, data=Bill())
    except VersionMismatchError as error:
        print(f"  refused: row {error.sequence} was written by version {error.stored}")
        reached = await old.resume_from(order)
    return str(reached)


async def main() -> None:
    store, bank = MemoryCheckpointStore(), Bank(closed=1)

    print("version 1")
    workflow = version_1(store, bank)
    try:
        await workflow.orchestrate("Quote", workflow_id="old", data=Bill())
    except TaskFailedError as error:
        print(f"  stopped: {error.__cause__}")

    print("version 2")
    print(f"  version 1 has brought it to {await pay(store, bank, 'old')}")
    print(f"  version 2 has brought another one to {await pay(store, bank, 'new')}")


if __name__ == "__main__":
    asyncio.run(main())
