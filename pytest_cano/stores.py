"""Which checkpoint stores a test is given, and how they are made."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import markers, options
from .backends import BACKENDS

if TYPE_CHECKING:
    from cano_core.checkpoints.store import CheckpointStore

    from .world import World


def backends_of(node: Any, settings: options.Settings) -> tuple[str, ...]:
    """Return the backends that a test asks for, by marker or else by ini file.

    Args:
        node: the test, as an item or as a definition.
        settings: of the session.

    Raises:
        OptionError: the marker makes no sense, or nobody can make such a store.
    """
    mark = node.get_closest_marker("cano_store")
    if mark is None:
        names, source = settings.stores, "ini option cano_stores"
    else:
        names, source = markers.store_marker(mark), "@pytest.mark.cano_store"
    # Only a hook of the user's knows what further names it answers to.
    if not node.ihook.pytest_cano_make_store.get_hookimpls():
        markers.check_stores(names, BACKENDS, source)
    return names


def make_store(node: Any, name: str, world: World) -> CheckpointStore:
    """Make the store of that name on a world's disk.

    Raises:
        OptionError: nobody can make it.
    """
    store = _from_hook(node, name, world.disk)
    if store is None:
        markers.check_stores([name], BACKENDS, f"{node.nodeid}: cano_store")
        store = BACKENDS[name](world)
    return store


def close_store(store: object) -> None:
    """Close a store, if that is something one does with it."""
    close = getattr(store, "close", None) or getattr(store, "aclose", None)
    closing = close() if close is not None else None
    if inspect.iscoroutine(closing):
        asyncio.run(closing)


def store_factory(node: Any, name: str) -> str | Callable[[Path], CheckpointStore]:
    """Return what `pytest_cano.check` takes as its store, for a test's backend."""
    if name in BACKENDS:
        return name

    def make(directory: Path) -> CheckpointStore:
        store = _from_hook(node, name, directory)
        if store is None:
            markers.check_stores([name], BACKENDS, f"{node.nodeid}: cano.check(store=)")
            raise options.OptionError(f"no store {name!r}")
        return store

    return make


def _from_hook(node: Any, name: str, directory: Path) -> CheckpointStore | None:
    store: CheckpointStore | None = node.ihook.pytest_cano_make_store(
        name=name, directory=directory
    )
    return store
