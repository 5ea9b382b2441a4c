"""What the store in memory does beyond the contract, which is checked elsewhere."""

import asyncio
from datetime import datetime

import pytest

from cano_core import ConfigurationError, MemoryCheckpointStore, Outcome, OutcomeStatus
from cano_core.checkpoints.row import CheckpointRow, RowKind

FIRST = CheckpointRow(0, "Start", "start", RowKind.STATE_ENTRY)
FINISHED = Outcome(OutcomeStatus.FINISHED, "Done")


def calls(store: MemoryCheckpointStore):
    return {
        "append": lambda: store.append("run", FIRST),
        "load_run": lambda: store.load_run("run"),
        "outcome": lambda: store.outcome("run"),
        "list_runs": lambda: store.list_runs(),
        "finish": lambda: store.finish("run", [], FINISHED),
        "prune": lambda: store.prune(datetime.now().astimezone()),
        "clear": lambda: store.clear("run"),
    }


@pytest.mark.parametrize("name", calls(MemoryCheckpointStore()))
def test_every_call_gives_the_loop_a_turn(name: str):
    """As a store that waits for a disk does, so that tests meet the same orders."""

    async def main():
        store = MemoryCheckpointStore()
        if name != "append":
            await store.append("run", FIRST)
        turns = []
        asyncio.get_running_loop().call_soon(turns.append, "turn")
        await calls(store)[name]()
        return turns

    assert asyncio.run(main()) == ["turn"]


def test_what_was_loaded_does_not_change_the_log():
    async def main():
        store = MemoryCheckpointStore()
        await store.append("run", FIRST)
        (await store.load_run("run")).clear()
        return await store.load_run("run")

    assert asyncio.run(main()) == [FIRST]


def test_a_naive_datetime_is_refused_by_prune():
    with pytest.raises(ConfigurationError, match="aware datetime"):
        asyncio.run(MemoryCheckpointStore().prune(datetime(2026, 1, 1)))
