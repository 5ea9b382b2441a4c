"""A shop that charges a card and sends a parcel, and must survive a crash."""

from typing import Literal, Protocol

from cano_core import CheckpointStore, RunContext, Workflow


class Gateway(Protocol):
    """The outside world: a card and a parcel service."""

    def charge(
        self, order: str, amount: int, *, idempotency_key: str | None = None
    ) -> None: ...

    def send(self, order: str, *, idempotency_key: str | None = None) -> None: ...


def checkout(store: CheckpointStore, gateway: Gateway) -> Workflow:
    """Charge, then ship; a crash during the charge charges twice."""
    workflow = Workflow(checkpoint_store=store, resources={"gateway": gateway})

    @workflow.task("Charge")
    async def charge(gateway: Gateway) -> Literal["Ship"]:
        gateway.charge("order-1", 42)
        return "Ship"

    @workflow.task("Ship")
    async def ship(gateway: Gateway, run: RunContext) -> Literal["Done"]:
        gateway.send("order-1", idempotency_key=run.idempotency_key)
        return "Done"

    return workflow.add_exit_state("Done")


def fixed_checkout(store: CheckpointStore, gateway: Gateway) -> Workflow:
    """Charge, then ship, each under a key that a second attempt has too."""
    workflow = Workflow(checkpoint_store=store, resources={"gateway": gateway})

    @workflow.task("Charge")
    async def charge(gateway: Gateway, run: RunContext) -> Literal["Ship"]:
        gateway.charge("order-1", 42, idempotency_key=run.idempotency_key)
        return "Ship"

    @workflow.task("Ship")
    async def ship(gateway: Gateway, run: RunContext) -> Literal["Done"]:
        gateway.send("order-1", idempotency_key=run.idempotency_key)
        return "Done"

    return workflow.add_exit_state("Done")
