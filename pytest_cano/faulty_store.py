"""A store that fails as it was planned, beneath everything that keeps account of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from cano_core.checkpoints.store import CheckpointStore

from .endings import BLOWS
from .endings.failing import InjectedFailure
from .endings.hanging import forever
from .endings.store_failing import StoreFailure
from .life import Life

OPERATIONS: Final = frozenset(
    {"append", "clear", "finish", "load_run", "load_tail", "outcome"}
)
"""What a run asks of its store."""


class FaultyStore:
    """Passes everything on to a store, but for the operations that are to fail.

    Args:
        inner: the store.
        life: whose plans they are.
        run: ordinal of the run whose operations these are.
    """

    def __init__(self, inner: CheckpointStore, life: Life, run: int) -> None:
        self._inner = inner
        self._life = life
        self._run = run

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return self._operation(name, value) if name in OPERATIONS else value

    def _operation(self, name: str, operation: Callable[..., Awaitable[Any]]) -> Any:
        async def operate(*args: Any) -> Any:
            plans = self._life.stores
            with self._life.world.lock:
                fault = plans.begins(self._run)
            try:
                if fault is None:
                    return await operation(*args)
                blow = BLOWS[fault.kind]
                if not isinstance(blow, StoreFailure):
                    return await forever(self._life, fault)
                if blow.takes_effect:
                    await operation(*args)
                raise InjectedFailure(f"planned: {fault}, {name} of the store")
            finally:
                with self._life.world.lock:
                    plans.ends()

        return operate

    def __repr__(self) -> str:
        return repr(self._inner)
