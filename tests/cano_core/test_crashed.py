"""The engine under our own plugin: crashed at every moment, on each of our stores.

Every effect here is made repeatable by what the engine offers for it (the key, `once`,
the data that a row carries), so whatever the harness finds is a bug of the engine.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import pytest

from cano_core import Retry, RunContext, TaskConfig, Workflow

pytestmark = [
    pytest.mark.cano_crash("all"),
    pytest.mark.cano_store("sqlite", "memory"),
]


@dataclass
class Order:
    items: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)


def test_an_order_that_is_charged_item_by_item(
    cano, cano_store, cano_ledger, cano_workflow_id
):
    workflow = Workflow(checkpoint_store=cano_store, data=Order)

    @workflow.task("Pick")
    async def pick(order: Order) -> Literal["Charge"]:
        order.items = ["book", "lamp", "pen"]
        return "Charge"

    @workflow.task("Charge")
    async def charge(order: Order, run: RunContext) -> Literal["Charge", "Ship"]:
        item = order.items[len(order.receipts)]
        cano_ledger.effect("charge", item, key=run.idempotency_key)
        order.receipts.append(f"{item} {run.visit}")
        return "Charge" if len(order.receipts) < len(order.items) else "Ship"

    @workflow.task("Ship")
    async def ship(order: Order, run: RunContext) -> Literal["Done"]:
        cano_ledger.effect("ship", *order.receipts, key=run.idempotency_key)
        cano.observe("receipts", order.receipts)
        return "Done"

    workflow.add_exit_state("Done")
    reached = asyncio.run(
        workflow.start_or_resume("Pick", workflow_id=cano_workflow_id, data=Order())
    )

    assert reached == "Done"


def test_calls_that_are_recorded_and_attempts_that_fail(
    cano_store, cano_ledger, cano_workflow_id
):
    workflow = Workflow(checkpoint_store=cano_store)

    @workflow.task("Fetch", config=TaskConfig(retry=Retry.fixed(2, 0)))
    async def fetch(run: RunContext) -> Literal["Store"]:
        quota = await run.once("quota", lambda: 3)
        page = await run.once("page", lambda: ["a", "b"])
        if run.attempt == 1:
            raise ConnectionError("try again")
        cano_ledger.effect("fetched", quota, *page, key=run.idempotency_key)
        return "Store"

    @workflow.task("Store")
    async def store(run: RunContext) -> Literal["Done"]:
        cano_ledger.effect("stored", key=run.idempotency_key)
        return "Done"

    workflow.add_exit_state("Done")
    reached = asyncio.run(
        workflow.start_or_resume("Fetch", workflow_id=cano_workflow_id)
    )

    assert reached == "Done"


@pytest.mark.cano_crash(
    "Work@end > Work@start",
    "Work@start > Work@enter > Work@end",
    "1:Work@end > 2:Work@end",
)
def test_two_runs_side_by_side_and_a_second_crash(
    cano_store, cano_ledger, cano_workflow_id
):
    workflow = Workflow(checkpoint_store=cano_store)

    @workflow.task("Work")
    async def work(run: RunContext) -> Literal["Done"]:
        cano_ledger.effect("work", key=run.idempotency_key)
        return "Done"

    workflow.add_exit_state("Done")

    async def both() -> list[object]:
        ids = (cano_workflow_id, f"{cano_workflow_id} again")
        return [
            await workflow.start_or_resume("Work", workflow_id=each) for each in ids
        ]

    assert asyncio.run(both()) == ["Done", "Done"]
