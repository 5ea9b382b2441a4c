"""A stand-in for a fake or a client, whose calls are effects."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, final

from .life import Life


class Record(Protocol):
    """Records one effect; see `EffectLedger.effect`."""

    def __call__(self, name: str, identity: str, key: object) -> bool:
        """Record it under the identity, and say whether it is new."""


@final
class Spy:
    """Passes everything on to its target, and records the calls of public methods.

    Args:
        target: what is stood in for.
        life: whose ledger this belongs to.
        record: records an effect.
        key: the parameter that holds the idempotency key.
    """

    __slots__ = ("_cano_key", "_cano_life", "_cano_record", "_cano_target")

    def __init__(self, target: object, life: Life, record: Record, key: str) -> None:
        set_own = super().__setattr__
        set_own("_cano_target", target)
        set_own("_cano_life", life)
        set_own("_cano_record", record)
        set_own("_cano_key", key)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._cano_target, name)
        if name.startswith("_") or not callable(value):
            return value
        return self._cano_spied(name, value)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._cano_target, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._cano_target, name)

    def __repr__(self) -> str:
        return f"<spy on {self._cano_target!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the target itself, and record that."""
        target = self._cano_target
        name = getattr(target, "__name__", type(target).__name__)
        return self._cano_spied(name, target)(*args, **kwargs)

    def _cano_spied(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        life, record = self._cano_life, self._cano_record

        def call(*args: Any, **kwargs: Any) -> Any:
            key, positional, named = _apart(method, args, kwargs, self._cano_key)
            identity = life.describer.call(name, positional, named)
            life.require_alive(identity)
            result = method(*args, **kwargs)
            if inspect.isawaitable(result):
                return finished(result, identity, key)
            record(name, identity, key)
            return result

        async def finished(
            awaitable: Awaitable[Any], identity: str, key: object
        ) -> Any:
            result = await awaitable
            record(name, identity, key)
            return result

        return call


def _apart(
    method: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    key: str,
) -> tuple[object, list[Any], dict[str, Any]]:
    """Take the idempotency key out of a call, wherever it stands."""
    positional, named = list(args), dict(kwargs)
    if key in named:
        return named.pop(key), positional, named
    try:
        parameters = list(inspect.signature(method).parameters)
    except (TypeError, ValueError):
        return None, positional, named
    if key in parameters and parameters.index(key) < len(positional):
        return positional.pop(parameters.index(key)), positional, named
    return None, positional, named
