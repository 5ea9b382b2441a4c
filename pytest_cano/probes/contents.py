"""Looking at a resource in memory, and at whatever a function returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Self, final

from .reading import Look, Reading


@final
class ContentsProbe:
    """Looks at a mapping, a list or a set: each of its elements is an entry.

    Args:
        contents: what is looked at, as it is when the life has ended.
    """

    def __init__(
        self, contents: Mapping[Any, Any] | Sequence[Any] | AbstractSet[Any]
    ) -> None:
        self._contents = contents

    @classmethod
    def of(cls, looked_at: object) -> Self | None:
        """Return the probe of a collection."""
        return cls(looked_at) if _is_collection(looked_at) else None  # type: ignore[arg-type]

    def read(self, look: Look) -> Reading:
        """Say what is in it."""
        return Reading.of(_entries(self._contents, look))


@final
class CallProbe:
    """Looks at what a function returns when the life has ended.

    Args:
        function: called without arguments. What it returns is looked into if it is a
            mapping, a list or a set, and is one value otherwise.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        if inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{function!r} is async, and no event loop runs where it would be "
                "called; await it in the test, and observe() what it returns"
            )
        self._function = function

    @classmethod
    def of(cls, looked_at: object) -> Self | None:
        """Return the probe of a function."""
        return cls(looked_at) if callable(looked_at) else None

    def read(self, look: Look) -> Reading:
        """Say what the function returns."""
        return Reading.of(_entries(self._function(), look))


def _is_collection(value: object) -> bool:
    return isinstance(value, (Mapping, Sequence, AbstractSet)) and not isinstance(
        value, (str, bytes, bytearray, memoryview)
    )


def _entries(value: Any, look: Look) -> Iterator[tuple[str, str]]:
    describe = look.describer.value
    if not _is_collection(value):
        yield "", describe(value)
    elif isinstance(value, Mapping):
        yield from sorted((f"[{describe(key)}]", describe(value[key])) for key in value)
    elif isinstance(value, AbstractSet):
        yield from sorted((describe(element), "a member") for element in value)
    else:
        for number, element in enumerate(value):
            yield f"[{number}]", describe(element)
