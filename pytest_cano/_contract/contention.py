"""One racer for a run, and the count of who won which sequence.

The same racer runs as a task, in a thread and in another process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from cano_core.checkpoints.store import CheckpointStore
from cano_core.errors import RunConflictError

from .lines import Line, broken
from .rows import RUN, compare, row


async def contend(store: CheckpointStore, name: str, wins: int) -> list[int]:
    """Append to one log, among others who do the same, until so many rows are ours.

    Returns:
        The sequences whose append was acknowledged to this racer.
    """
    won: list[int] = []
    while len(won) < wins:
        length = len(await store.load_run(RUN))
        try:
            await store.append(RUN, row(length, name))
        except RunConflictError as error:
            if len(await store.load_run(RUN)) <= length:
                raise broken(
                    Line.ONE_WINS,
                    f"{name}'s append of row {length} was refused, "
                    f"yet nobody else's row {length} is there",
                ) from error
        else:
            won.append(length)
    return won


async def count_wins(
    store: CheckpointStore, wins: Mapping[str, Sequence[int]], line: Line
) -> None:
    """Check that every row was won once, and is its winner's."""
    __tracebackhide__ = True
    winners = defaultdict(list)
    for name, sequences in wins.items():
        for sequence in sequences:
            winners[sequence].append(name)
    for sequence, names in sorted(winners.items()):
        if len(names) > 1:
            raise broken(
                line,
                f"row {sequence} was acknowledged to {' and to '.join(names)}",
            )
    compare(
        await store.load_run(RUN),
        [row(sequence, names[0]) for sequence, names in sorted(winners.items())],
        line,
        "after a race",
        foreign=line,
    )
