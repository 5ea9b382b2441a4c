"""Where functions are crashed: in worlds of their own, and in no event loop."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias, TypeVar

from cano_core.checkpoints.store import CheckpointStore

from .backends import BACKENDS
from .notation import did_you_mean
from .processes.forking import waiting
from .world import World

T = TypeVar("T")

Opener: TypeAlias = Callable[[World], CheckpointStore]
"""Opens the checkpoint store on a world's disk."""


def opener(store: str | Callable[[Path], CheckpointStore]) -> Opener:
    """Return what opens a store in a world.

    Args:
        store: the name of a backend, or a function that opens a store in a directory.

    Raises:
        ValueError: there is no such backend.
    """
    if not isinstance(store, str):
        return lambda world: store(world.disk)
    if store not in BACKENDS:
        raise ValueError(
            f"there is no store {store!r} ({', '.join(BACKENDS)})"
            f"{did_you_mean(store, BACKENDS)}; or give a function that opens one in "
            "a directory"
        )
    return BACKENDS[store]


@contextmanager
def worlds(
    directory: Path | str | None, workflow_id: str
) -> Iterator[Callable[[], World]]:
    """Give what makes worlds, each with an empty disk.

    Args:
        directory: where the disks are; a temporary directory, removed in the end,
            unless given.
        workflow_id: the id that every world gives out.
    """
    if directory is not None:
        yield _maker(Path(directory), workflow_id)
        return
    with tempfile.TemporaryDirectory(
        prefix="cano-check-", ignore_cleanup_errors=True
    ) as made:
        yield _maker(Path(made), workflow_id)


def _maker(place: Path, workflow_id: str) -> Callable[[], World]:
    numbers = itertools.count(1)

    def new_world() -> World:
        while True:
            disk = place / str(next(numbers))
            # Several processes may make worlds of one program.
            with suppress(FileExistsError):
                disk.mkdir(parents=True)
                return World(disk, workflow_id=workflow_id)

    return new_world


def outside_of_loops(function: Callable[[], T]) -> T:
    """Call a function where no event loop is running: here, or else in a thread."""
    return in_thread(function) if _loop_is_running() else function()


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def in_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread, and wait for it."""
    result: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(function())
        except BaseException as error:  # noqa: BLE001 -- raised again by the caller
            errors.append(error)

    thread = threading.Thread(target=run, name="cano-check", daemon=True)
    with waiting(threading.current_thread()):
        thread.start()
        thread.join()
    if errors:
        raise errors[0]
    return result[0]
