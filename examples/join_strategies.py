"""Four couriers are asked for an offer; six ways to say when that is enough.

Ann and Bob answer, Cyd is out of order, Dan would take for ever. Who is not waited for
is cancelled before the run goes on.

    python examples/join_strategies.py

Prints:

    all: failed, ConnectionError: no route to Cyd
    any: (7,); not waited for: Bob, Cyd, Dan
    quorum of 2: (7, 5); Cyd failed; not waited for: Dan
    half of them: (7, 5); Cyd failed; not waited for: Dan
    partial results, 2: (7, 5); Cyd failed; not waited for: Dan
    what there is in 0.2 s: (7, 5); Cyd failed; not waited for: Dan
"""

import asyncio
from typing import Literal

from cano_core import (
    CheckpointStore,
    JoinConfig,
    JoinStrategy,
    SplitResult,
    TaskConfig,
    TaskFailedError,
    Workflow,
)

COURIERS = ["Ann", "Bob", "Cyd", "Dan"]

WAYS = {
    "all": JoinConfig(JoinStrategy.ALL, "Choose"),
    "any": JoinConfig(JoinStrategy.ANY, "Choose"),
    "quorum of 2": JoinConfig(JoinStrategy.quorum(2), "Choose"),
    "half of them": JoinConfig(JoinStrategy.percentage(0.5), "Choose"),
    "partial results, 2": JoinConfig(JoinStrategy.partial_results(2), "Choose"),
    "what there is in 0.2 s": JoinConfig(
        JoinStrategy.partial_timeout(1), "Choose", timeout=0.2
    ),
}


async def ann() -> int:
    return 7


async def bob() -> int:
    await asyncio.sleep(0.1)
    return 5


async def cyd() -> int:
    raise ConnectionError("no route to Cyd")


async def dan() -> int:
    await asyncio.sleep(3600)
    return 3


async def choose(offers: SplitResult) -> Literal["Chosen"]:
    """The task of the join state gets what the branches have come to."""
    parts = [f"{offers.values}"]
    parts += [f"{COURIERS[index]} failed" for index in offers.errors]
    missed = ", ".join(COURIERS[index] for index in offers.cancelled)
    print("; ".join([*parts, f"not waited for: {missed}"]))
    return "Chosen"


def comparison(join: JoinConfig, store: CheckpointStore | None = None) -> Workflow:
    couriers = [ann, bob, cyd, dan]
    return (
        Workflow(checkpoint_store=store)
        .register_split("Ask", couriers, join, config=TaskConfig.minimal())
        .register("Choose", choose)
        .add_exit_state("Chosen")
    )


async def main() -> None:
    for name, join in WAYS.items():
        print(name, end=": ")
        try:
            await comparison(join).orchestrate("Ask")
        except TaskFailedError as error:
            cause = error.__cause__
            print(f"failed, {type(cause).__name__}: {cause}")


if __name__ == "__main__":
    asyncio.run(main())
