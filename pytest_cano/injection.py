"""How a life is put around the runs that begin in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cano_core.checkpoints.store import CheckpointStore

from .life import Life


@contextmanager
def injected(life: Life) -> Iterator[None]:
    """Put a life around every run that begins in this block; then end it."""
    yield


def bound_store(store: CheckpointStore, life: Life) -> CheckpointStore:
    """Bind a store that a program uses directly to its life.

    It has all attributes of the store, refuses whatever a dead life asks of it
    (closing excepted), and knows what the program itself writes and clears.
    """
    raise NotImplementedError
