"""A payment that can't be completed is undone, also if the process dies meanwhile.

Reserve > Charge > Ship > Done. The carrier takes no parcels, so the charge is refunded
and the goods are released, in this order. With order-2 the process is killed after the
refund; the next one releases the goods, and does not refund again.

    python examples/saga_payment.py

Prints:

    order-1, first process
      reserve 2 lamps
      charge 80
      refund payment-80, key order-1/Charge/1/undo/2
      release 2 lamps
      failed: no driver today
    order-2, first process
      reserve 2 lamps
      charge 80
      refund payment-80, key order-2/Charge/1/undo/2
      killed by signal 9
    order-2, second process
      release 2 lamps
      rolled back, because Ship failed: no driver today
"""

import asyncio
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path
from typing import Literal

from cano_core import (
    CheckpointStore,
    RolledBackError,
    RunContext,
    SQLiteCheckpointStore,
    TaskConfig,
    TaskFailedError,
    Workflow,
)


def say(text: str) -> None:
    print(f"  {text}", flush=True)  # a process that is killed prints nothing more


class Shop:
    """The world outside. Told the same thing under the same key, it does it once."""

    def __init__(self, *, fatal: bool = False) -> None:
        self.fatal = fatal

    def reserve(self, lamps: int, *, idempotency_key: str) -> None:
        say(f"reserve {lamps} lamps")

    def release(self, lamps: int, *, idempotency_key: str) -> None:
        if self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        say(f"release {lamps} lamps")

    def charge(self, amount: int, *, idempotency_key: str) -> str:
        say(f"charge {amount}")
        return f"payment-{amount}"

    def refund(self, payment: str, *, idempotency_key: str) -> None:
        say(f"refund {payment}, key {idempotency_key}")


# A task that can be undone returns, beside the next state, what its undoing needs.
# That is in the log, and the first thing that its compensation is handed.


async def reserve(shop: Shop, run: RunContext) -> tuple[Literal["Charge"], int]:
    shop.reserve(2, idempotency_key=run.idempotency_key)
    return "Charge", 2


async def release(lamps: int, shop: Shop, run: RunContext) -> None:
    shop.release(lamps, idempotency_key=run.idempotency_key)


async def charge(shop: Shop, run: RunContext) -> tuple[Literal["Ship"], str]:
    return "Ship", shop.charge(80, idempotency_key=run.idempotency_key)


async def refund(payment: str, shop: Shop, run: RunContext) -> None:
    shop.refund(payment, idempotency_key=run.idempotency_key)


async def ship() -> Literal["Done"]:
    raise ConnectionError("no driver today")


def payment(store: CheckpointStore, shop: Shop) -> Workflow:
    return (
        Workflow(checkpoint_store=store, resources={"shop": shop})
        .register_with_compensation("Reserve", reserve, compensate=release)
        .register_with_compensation("Charge", charge, compensate=refund)
        .register("Ship", ship, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )


async def pay(path: Path, order: str, shop: Shop) -> None:
    async with SQLiteCheckpointStore(path) as store:
        try:
            await payment(store, shop).start_or_resume("Reserve", workflow_id=order)
        except TaskFailedError as error:
            say(f"failed: {error.__cause__}")
        except RolledBackError as error:
            failure = error.failure
            say(f"rolled back, because {failure.state} failed: {failure.message}")


def life(path: Path, order: str, *, fatal: bool) -> None:
    """The whole life of one process."""
    asyncio.run(pay(path, order, Shop(fatal=fatal)))


def in_a_process(name: str, path: Path, order: str, *, fatal: bool = False) -> None:
    print(f"{order}, {name} process", flush=True)
    process = multiprocessing.get_context("spawn").Process(
        target=life, args=(path, order), kwargs={"fatal": fatal}
    )
    process.start()
    process.join()
    if process.exitcode:
        say(f"killed by signal {-process.exitcode}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        runs = Path(directory) / "runs.db"
        in_a_process("first", runs, "order-1")
        in_a_process("first", runs, "order-2", fatal=True)
        in_a_process("second", runs, "order-2")
