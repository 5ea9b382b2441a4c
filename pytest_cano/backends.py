"""The checkpoint stores that come with the harness, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cano_core.checkpoints.memory import MemoryCheckpointStore
from cano_core.checkpoints.store import CheckpointStore

from .outage import power_of
from .world import World


def _sqlite(world: World) -> CheckpointStore:
    from cano_core.checkpoints.sqlite import SQLiteCheckpointStore

    # A life's end is no power cut: what it wrote is there without a sync, too. Where
    # power may be lost, syncs are taken down, and nobody waits for them.
    sync = power_of(world) is not None
    return SQLiteCheckpointStore(world.disk / "cano.db", sync=sync)


def _memory(world: World) -> CheckpointStore:
    return world.keep("memory store", MemoryCheckpointStore)


BACKENDS: Final[dict[str, Callable[[World], CheckpointStore]]] = {
    "sqlite": _sqlite,
    "memory": _memory,
}
"""What opens a store on a world's disk, by the backend's name.

A memory store is kept in the world, so that it survives the crash as a disk would.
"""
