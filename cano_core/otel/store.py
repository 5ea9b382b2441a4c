"""A store with a span and a duration around each of its calls."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from ..checkpoints.row import CheckpointRow
from ..checkpoints.store import CheckpointStore
from .operation import harmless

if TYPE_CHECKING:
    from .tracing import RunTelemetry

# What runs call; each takes the workflow id first.
_OPERATIONS = frozenset(
    ("append", "clear", "finish", "load_run", "load_tail", "outcome")
)


class TracedStore:
    """Passes everything on to a store; its optional capabilities too.

    Args:
        store: the store.
        telemetry: of the run that uses it.
    """

    def __init__(self, store: CheckpointStore, telemetry: RunTelemetry) -> None:
        self._store = store
        self._telemetry = telemetry

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._store, name)
        if name not in _OPERATIONS or not callable(attribute):
            return attribute
        telemetry = self._telemetry
        attributes = {
            "cano.store.operation": name,
            "cano.store.type": type(self._store).__name__,
        }

        async def traced(*arguments: Any, **named: Any) -> Any:
            details = {"cano.workflow.id": arguments[0]}
            result = await telemetry.spanned(
                f"store {name}",
                telemetry.instruments.store,
                attributes,
                details,
                lambda: attribute(*arguments, **named),
            )
            if name == "append":
                _count(telemetry, arguments[1:])
            elif name == "finish":
                _count(telemetry, arguments[1])
            return result

        # The next time it is found without coming here.
        setattr(self, name, traced)
        return traced


def traced_store(store: CheckpointStore, telemetry: RunTelemetry) -> CheckpointStore:
    """Return the store with a span around each call, under its own type's name."""
    return cast(CheckpointStore, _kind(type(store).__name__)(store, telemetry))


@functools.cache
def _kind(name: str) -> type[TracedStore]:
    # Messages name a store by its type; they should name the program's.
    return type(name, (TracedStore,), {})


@harmless
def _count(telemetry: RunTelemetry, rows: Iterable[CheckpointRow]) -> None:
    for row in rows:
        telemetry.instruments.rows.add(1, {"cano.row.kind": row.kind.name.lower()})
