"""Workflows of which one task is repeated: Charge, then Ship, then Done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cano_core import RunContext, TaskConfig, Workflow
from pytest_cano import assert_idempotent
from pytest_cano.idempotence import Repetitions
from pytest_cano.view import WorldView

ONCE = TaskConfig.minimal()


@dataclass
class Order:
    """What a run carries."""

    number: str
    paid: int = 0


async def charge(ledger: Any, run: RunContext) -> str:
    ledger.effect("charge", 42, key=run.idempotency_key)
    return "Ship"


async def ship(ledger: Any, run: RunContext) -> str:
    ledger.effect("ship", key=run.idempotency_key)
    return "Done"


def building(
    task: Callable[..., Any] = charge, *, then: Callable[..., Any] = ship, **more: Any
) -> Callable[[WorldView], Workflow]:
    """What builds Charge > Ship > Done; tasks may ask for ``ledger``, ``disk``."""

    def build(world: WorldView) -> Workflow:
        resources = {"ledger": world.ledger, "disk": world.disk, "world": world}
        workflow = Workflow(
            checkpoint_store=world.store, resources=resources, **more
        ).add_exit_state("Done")
        workflow.register("Charge", task, config=ONCE)
        return workflow.register("Ship", then, config=ONCE)

    return build


def repeat(
    build: Callable[..., Any], state: Any = "Charge", level: int = 2, **options: Any
) -> Repetitions:
    """Repeat a task, on a store in memory unless told otherwise."""
    options.setdefault("store", "memory")
    return assert_idempotent(build, state, level, **options)


def failure(*arguments: Any, **options: Any) -> str:
    """Return what is said against a task; empty if nothing is."""
    try:
        repeat(*arguments, **options)
    except AssertionError as error:
        return str(error)
    return ""
