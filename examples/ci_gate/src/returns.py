"""What becomes of a parcel that is sent back: it is inspected, refunded, and stored."""

from dataclasses import dataclass
from typing import Literal, Protocol

from cano_core import CheckpointStore, RunContext, Workflow


class World(Protocol):
    """What the returns desk works with."""

    def refund(self, order: str, *, idempotency_key: str) -> None: ...

    def notify(self, order: str) -> None: ...

    def restock(self, order: str, *, idempotency_key: str) -> None: ...


@dataclass
class Parcel:
    order: str
    damaged: bool = False


async def inspect(parcel: Parcel) -> Literal["Refund", "Rejected"]:
    return "Rejected" if parcel.damaged else "Refund"


async def refund(parcel: Parcel, world: World, run: RunContext) -> Literal["Notify"]:
    world.refund(parcel.order, idempotency_key=run.idempotency_key)
    return "Notify"


async def notify(parcel: Parcel, world: World) -> Literal["Restock"]:
    world.notify(parcel.order)
    return "Restock"


async def restock(parcel: Parcel, world: World, run: RunContext) -> Literal["Done"]:
    world.restock(parcel.order, idempotency_key=run.idempotency_key)
    return "Done"


def returns(store: CheckpointStore, world: World) -> Workflow:
    return (
        Workflow(data=Parcel, checkpoint_store=store, resources={"world": world})
        .register("Inspect", inspect)
        .register("Refund", refund)
        .register("Notify", notify)
        .register("Restock", restock)
        .add_exit_states("Done", "Rejected")
    )
