"""A stand-in for a fake or a client, whose calls are effects."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol, TypeAlias, final

from .effects import Call, Semantics
from .life import Life
from .services import is_about_the_mock, is_service

KeyFunction: TypeAlias = Callable[[str, tuple[Any, ...], dict[str, Any]], object]
"""Given name, positional and keyword arguments of a call: its key, or None."""


class Record(Protocol):
    """Records one effect; see `EffectLedger.effect`."""

    def __call__(self, call: Call, /) -> bool:
        """Record it, and say whether it is new."""


LIFECYCLE: Final = frozenset({"setup", "teardown", "health", "close", "aclose"})
"""Called without arguments, these belong to a process's start or end: no effects."""

_SPECIAL: Final = (
    *("__enter__", "__exit__", "__aenter__", "__aexit__"),
    *("__iter__", "__next__", "__aiter__", "__anext__"),
    *("__len__", "__bool__", "__contains__", "__getitem__", "__setitem__"),
)


@final
@dataclass(frozen=True, slots=True)
class Watch:
    """What a spy does with the calls it sees.

    Attributes:
        life: whose ledger the spy belongs to.
        record: records an effect.
        key: the parameter that holds the idempotency key, or what finds it.
        ignore: names (fnmatch patterns) whose calls are no effects.
        semantics: of calls, by the patterns of their names; the first that fits.
        dedupe_by: finds what the receiver knows repeats by, if it does.
        effect_key: finds keys where a parameter was looked for, and not found.
    """

    life: Life
    record: Record
    key: str | KeyFunction
    ignore: tuple[str, ...] = ()
    semantics: tuple[tuple[str, Semantics], ...] = ()
    dedupe_by: KeyFunction | None = None
    effect_key: KeyFunction | None = None

    def ignores(self, name: str) -> bool:
        """Say whether calls of that name are no effects."""
        return any(_fits(name, pattern) for pattern in self.ignore)

    def call(
        self, name: str, method: Callable[..., Any], args: Any, kwargs: Any
    ) -> Call:
        """Return what a call is as an effect."""
        key, positional, named = _apart(method, args, kwargs, self.key)
        if not isinstance(self.key, str):
            # Where in the arguments it stands is not known, so they stay as they are.
            key = self.key(name, tuple(args), dict(kwargs))
        elif key is None and self.effect_key is not None:
            key = self.effect_key(name, tuple(args), dict(kwargs))
        dedupe = None
        if self.dedupe_by is not None:
            dedupe = self.dedupe_by(name, tuple(args), dict(kwargs))
        describer = self.life.describer
        return Call(
            name,
            describer.call(name, positional, named),
            None if key is None else str(key),
            None if dedupe is None else describer.value(dedupe),
            next(
                (each for pattern, each in self.semantics if _fits(name, pattern)),
                "exactly_once",
            ),
        )


def _fits(name: str, pattern: str) -> bool:
    """Say whether a pattern fits a method's name, or its last part."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[2], pattern)


def spy(target: object, watch: Watch, name: str = "") -> Spy:
    """Return a stand-in for an object.

    Args:
        target: what is stood in for.
        watch: what becomes of its calls.
        name: what it is called from where the spying began: ``charges``.
    """
    # Python looks for these in the class only.
    special: dict[str, Any] = {
        each: _forwarded(each) for each in _SPECIAL if hasattr(type(target), each)
    }
    if callable(target):
        special["__call__"] = _call
    special |= {each: _ENTERED[each] for each in special.keys() & _ENTERED.keys()}
    kind: type[Spy] = type("Spy", (Spy,), {"__slots__": (), **special})
    return kind(target, watch, name)


def _forwarded(name: str) -> Callable[..., Any]:
    def forward(self: Spy, *args: Any) -> Any:
        target = self._cano_target
        return getattr(type(target), name)(target, *args)

    return forward


def _enter(self: Spy) -> Any:
    target = self._cano_target
    return _entered(self, type(target).__enter__(target))


async def _aenter(self: Spy) -> Any:
    target = self._cano_target
    return _entered(self, await type(target).__aenter__(target))


_ENTERED: Final = {"__enter__": _enter, "__aenter__": _aenter}


def _entered(entered: Spy, value: object) -> object:
    """Return what a context manager yields, spied on as the manager is."""
    if value is entered._cano_target:
        return entered
    if not is_service(value):
        return value
    return spy(value, entered._cano_watch, entered._cano_name)


class Spy:
    """Passes everything on to its target, and records the calls of public methods.

    What has methods of its own below it is spied on as well: ``client.charges.create``
    is an effect of that name.
    """

    __slots__ = ("_cano_name", "_cano_target", "_cano_watch")

    def __init__(self, target: object, watch: Watch, name: str) -> None:
        object.__setattr__(self, "_cano_target", target)
        object.__setattr__(self, "_cano_watch", watch)
        object.__setattr__(self, "_cano_name", name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The target's, so that it stays an instance of what it was."""
        return self._cano_target.__class__  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        target = self._cano_target
        value = getattr(target, name)
        if name.startswith("_") or is_about_the_mock(target, name):
            return value
        if not callable(value) and not is_service(value):
            return value
        prefix = self._cano_name
        return spy(value, self._cano_watch, f"{prefix}.{name}" if prefix else name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._cano_target, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._cano_target, name)

    def __eq__(self, other: object) -> bool:
        if type(other).__mro__[1:2] == (Spy,):
            other = other._cano_target  # type: ignore[attr-defined]
        return bool(self._cano_target == other)

    def __hash__(self) -> int:
        return hash(self._cano_target)

    def __repr__(self) -> str:
        return repr(self._cano_target)

    def __str__(self) -> str:
        return str(self._cano_target)

    def __dir__(self) -> list[str]:
        return dir(self._cano_target)


def _call(self: Spy, *args: Any, **kwargs: Any) -> Any:
    """Call the target, and record that."""
    target, watch = self._cano_target, self._cano_watch
    name = self._cano_name or getattr(target, "__name__", type(target).__name__)
    if watch.ignores(name):
        return target(*args, **kwargs)
    if name.rpartition(".")[2] in LIFECYCLE and not args and not kwargs:
        return target()
    call = watch.call(name, target, args, kwargs)
    watch.life.require_alive(call.identity)
    result = target(*args, **kwargs)
    if inspect.isawaitable(result):
        return _finished(result, watch, call)
    watch.record(call)
    return result


async def _finished(awaitable: Awaitable[Any], watch: Watch, call: Call) -> Any:
    result = await awaitable
    watch.record(call)
    return result


def _apart(
    method: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    key: str | KeyFunction,
) -> tuple[object, list[Any], dict[str, Any]]:
    """Take the idempotency key out of a call, wherever it stands."""
    positional, named = list(args), dict(kwargs)
    if not isinstance(key, str):
        return None, positional, named
    if key in named:
        return named.pop(key), positional, named
    try:
        parameters = list(inspect.signature(method).parameters)
    except (TypeError, ValueError):
        return None, positional, named
    if key in parameters and parameters.index(key) < len(positional):
        return positional.pop(parameters.index(key)), positional, named
    return None, positional, named
