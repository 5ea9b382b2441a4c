"""A subscription that is billed and delivered month by month: a loop, in the log.

Invoice > Charge > Due (router) > Deliver (stepped) > Invoice > ... > Ended. Each time a
run comes back to a state is a visit of its own, with its own idempotency keys, its own
`once` calls and its own steps. If the bank refuses in some month, the months before it
are refunded, the last one first.

    python examples/subscription.py

Prints:

    Ada and Bob get a box in January and March
      invoice 1 for January
      charge 30, key boxes/Charge/1
      box for Ada, key boxes/Deliver/1/0
      box for Bob, key boxes/Deliver/1/1
      invoice 2 for February
      charge 30, key boxes/Charge/2
      invoice 3 for March
      charge 30, key boxes/Charge/3
      box for Ada, key boxes/Deliver/2/0
      box for Bob, key boxes/Deliver/2/1
    Ended: 90 paid, 4 boxes
    Cyd's card is no longer valid in March
      invoice 1 for January
      charge 30, key card/Charge/1
      invoice 2 for February
      charge 30, key card/Charge/2
      invoice 3 for March
      refund payment 2
      refund payment 1
    the run is rolled back
"""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cano_core import (
    CheckpointStore,
    Done,
    MemoryCheckpointStore,
    More,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
)

MONTHS = ["January", "February", "March"]
PRICE = 30


class Office:
    """Numbers invoices without a gap: the next number is the first that is free."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def next_number(self) -> int:
        return 1 + len(list(self.directory.glob("*.invoice")))

    def issue(self, number: int, month: str, *, idempotency_key: str) -> None:
        print(f"  invoice {number} for {month}")
        (self.directory / f"{number}.invoice").write_text(idempotency_key)


class Bank:
    """Takes money, until a card is no longer valid."""

    def __init__(self, *, valid_until: int = 3) -> None:
        self.valid_until = valid_until

    def charge(self, amount: int, month: int, *, idempotency_key: str) -> str:
        if month > self.valid_until:
            raise ConnectionError("the card is no longer valid")
        print(f"  charge {amount}, key {idempotency_key}")
        return f"payment {month}"

    def refund(self, payment: str, *, idempotency_key: str) -> None:
        print(f"  refund {payment}")


class Post:
    def send(self, name: str, month: int, *, idempotency_key: str) -> None:
        print(f"  box for {name}, key {idempotency_key}")


@dataclass
class Plan:
    """What a run carries; each state goes on with what the one before it has left."""

    names: list[str]
    boxes_in: list[int] = field(default_factory=list)
    month: int = 0
    paid: int = 0
    boxes: int = 0


async def invoice(plan: Plan, office: Office, run: RunContext) -> Literal["Charge"]:
    """Two calls of an office: the second one needs what the first one said."""
    plan.month += 1
    # In the log before it is used: a second life must not take another number.
    number = await run.once("number", office.next_number)
    key = run.idempotency_key
    office.issue(number, MONTHS[plan.month - 1], idempotency_key=key)
    return "Charge"


async def charge(plan: Plan, bank: Bank, run: RunContext) -> tuple[Literal["Due"], str]:
    payment = bank.charge(PRICE, plan.month, idempotency_key=run.idempotency_key)
    plan.paid += PRICE
    return "Due", payment


async def refund(payment: str, bank: Bank, run: RunContext) -> None:
    bank.refund(payment, idempotency_key=run.idempotency_key)


async def due(plan: Plan) -> Literal["Deliver", "Invoice", "Ended"]:
    """A router: it only chooses, and leaves no row."""
    if plan.month in plan.boxes_in:
        return "Deliver"
    return "Invoice" if plan.month < len(MONTHS) else "Ended"


async def deliver(
    sent: int | None, plan: Plan, post: Post, run: RunContext
) -> More[int] | Done[Literal["Invoice", "Ended"]]:
    """Send one box; after a crash, go on with the next name of this month."""
    number = sent or 0
    post.send(plan.names[number], plan.month, idempotency_key=run.idempotency_key)
    plan.boxes += 1
    if number + 1 < len(plan.names):
        return More(number + 1)
    return Done("Invoice" if plan.month < len(MONTHS) else "Ended")


def subscription(
    store: CheckpointStore, office: Office, bank: Bank, post: Post
) -> Workflow:
    resources = {"office": office, "bank": bank, "post": post}
    return (
        Workflow(data=Plan, checkpoint_store=store, resources=resources)
        .register("Invoice", invoice, config=TaskConfig.minimal())
        .register_with_compensation(
            "Charge", charge, compensate=refund, config=TaskConfig.minimal()
        )
        .register_router("Due", due)
        .register_stepped("Deliver", deliver)
        .add_exit_state("Ended")
    )


async def main(directory: Path) -> None:
    store = MemoryCheckpointStore()

    print("Ada and Bob get a box in January and March")
    workflow = subscription(store, Office(directory), Bank(), Post())
    plan = Plan(["Ada", "Bob"], boxes_in=[1, 3])
    reached = await workflow.orchestrate("Invoice", workflow_id="boxes", data=plan)
    outcome = await workflow.outcome("boxes")
    assert outcome is not None
    plan = workflow.data_of(outcome)
    print(f"{reached}: {plan.paid} paid, {plan.boxes} boxes")

    print("Cyd's card is no longer valid in March")
    other = directory / "other"
    other.mkdir()
    workflow = subscription(store, Office(other), Bank(valid_until=2), Post())
    try:
        await workflow.orchestrate("Invoice", workflow_id="card", data=Plan(["Cyd"]))
    except TaskFailedError:
        print(f"the run is {(await workflow.status('card')).phase}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(main(Path(directory)))
