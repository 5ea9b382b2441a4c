"""A stand-in for a fake or a client, whose calls are effects."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from .life import Life


class Record(Protocol):
    """Records one effect; see `EffectLedger.effect`."""

    def __call__(self, name: str, identity: str, key: object) -> bool:
        """Record it under the identity, and say whether it is new."""


LIFECYCLE: Final = frozenset({"setup", "teardown", "health", "close", "aclose"})
"""Called without arguments, these belong to a process's start or end: no effects."""

_SPECIAL: Final = (
    *("__enter__", "__exit__", "__aenter__", "__aexit__"),
    *("__iter__", "__next__", "__aiter__", "__anext__"),
    *("__len__", "__bool__", "__contains__", "__getitem__", "__setitem__"),
)


def spy(target: object, life: Life, record: Record, key: str) -> Spy:
    """Return a stand-in for an object.

    Args:
        target: what is stood in for.
        life: whose ledger this belongs to.
        record: records an effect.
        key: the parameter that holds the idempotency key.
    """
    # Python looks for these in the class only.
    special = {
        name: _forwarded(name) for name in _SPECIAL if hasattr(type(target), name)
    }
    kind: type[Spy] = type("Spy", (Spy,), {"__slots__": (), **special})
    return kind(target, life, record, key)


def _forwarded(name: str) -> Callable[..., Any]:
    def forward(self: Spy, *args: Any) -> Any:
        target = self._cano_target
        return getattr(type(target), name)(target, *args)

    return forward


class Spy:
    """Passes everything on to its target, and records the calls of public methods."""

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the target itself, and record that."""
        target = self._cano_target
        name = getattr(target, "__name__", type(target).__name__)
        return self._cano_spied(name, target)(*args, **kwargs)

    def _cano_spied(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        life, record = self._cano_life, self._cano_record

        def call(*args: Any, **kwargs: Any) -> Any:
            if name in LIFECYCLE and not args and not kwargs:
                return method()
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
