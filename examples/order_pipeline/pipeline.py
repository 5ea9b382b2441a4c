"""A shop's order, from the basket to the parcel, that survives a crash at any moment.

Sort (router) > Price (split) > Choose > Reserve and Charge (undone if a later state
fails) > Pack (stepped) > Cool (timer) > Ship > Delivered; an order without items is
Rejected. Whatever the world outside is told of comes with an idempotency key.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal, Protocol

from cano_core import (
    CheckpointStore,
    Done,
    JoinConfig,
    JoinStrategy,
    More,
    RunContext,
    SplitResult,
    TaskConfig,
    TimerTask,
    Workflow,
)


class World(Protocol):
    """What the shop works with: stock, bank, packers and carriers."""

    def offer(self, carrier: str) -> int: ...

    def reserve(self, items: list[str], *, idempotency_key: str) -> str: ...

    def release(self, reservation: str, *, idempotency_key: str) -> None: ...

    def charge(self, amount: int, *, idempotency_key: str) -> str: ...

    def refund(self, payment: str, *, idempotency_key: str) -> None: ...

    def pack(self, item: str, *, idempotency_key: str) -> None: ...

    def ship(self, items: list[str], carrier: str, *, idempotency_key: str) -> None: ...


@dataclass
class Order:
    items: list[str]
    price: int
    carrier: str = ""


CARRIERS = ("Swift", "Snail")


async def sort(order: Order) -> Literal["Price", "Rejected"]:
    return "Price" if order.items else "Rejected"


async def ask(carrier: str, world: World) -> int:
    return world.offer(carrier)


async def choose(order: Order, offers: SplitResult) -> Literal["Reserve"]:
    """Take the cheapest of the carriers that have answered."""
    postage, index = min(zip(offers.values, offers.succeeded, strict=True))
    order.carrier = CARRIERS[index]
    order.price += postage
    return "Reserve"


async def reserve(
    order: Order, world: World, run: RunContext
) -> tuple[Literal["Charge"], str]:
    return "Charge", world.reserve(order.items, idempotency_key=run.idempotency_key)


async def release(reservation: str, world: World, run: RunContext) -> None:
    world.release(reservation, idempotency_key=run.idempotency_key)


async def charge(
    order: Order, world: World, run: RunContext
) -> tuple[Literal["Pack"], str]:
    return "Pack", world.charge(order.price, idempotency_key=run.idempotency_key)


async def refund(payment: str, world: World, run: RunContext) -> None:
    world.refund(payment, idempotency_key=run.idempotency_key)


async def pack(
    done: int | None, order: Order, world: World, run: RunContext
) -> More[int] | Done[Literal["Cool"]]:
    """Pack one item; a packer who is replaced goes on with the next one."""
    number = done or 0
    world.pack(order.items[number], idempotency_key=run.idempotency_key)
    packed = number + 1
    return More(packed) if packed < len(order.items) else Done("Cool")


class Cool(TimerTask):
    """The glue has to set. A crash does not make it take longer."""

    async def wait(self) -> timedelta:
        return timedelta(milliseconds=10)

    async def after_wait(self) -> Literal["Ship"]:
        return "Ship"


async def ship(order: Order, world: World, run: RunContext) -> Literal["Delivered"]:
    world.ship(order.items, order.carrier, idempotency_key=run.idempotency_key)
    return "Delivered"


def pipeline(store: CheckpointStore, world: World) -> Workflow:
    once = TaskConfig.minimal()
    offers = [partial(ask, carrier) for carrier in CARRIERS]
    whoever_answers = JoinConfig(JoinStrategy.partial_timeout(1), "Choose", timeout=5)
    return (
        Workflow(data=Order, checkpoint_store=store, resources={"world": world})
        .register_router("Sort", sort)
        .register_split("Price", offers, whoever_answers, config=once)
        .register("Choose", choose)
        .register_with_compensation("Reserve", reserve, compensate=release)
        .register_with_compensation("Charge", charge, compensate=refund)
        .register_stepped("Pack", pack)
        .register("Cool", Cool())
        .register("Ship", ship, config=once)
        .add_exit_states("Delivered", "Rejected")
    )
