"""A method of one object, replaced for a while."""

from __future__ import annotations

from typing import Any, Final, final

_NOTHING: Final = object()


@final
class Replacement:
    """Puts something in the place of an object's method until it is undone.

    Attributes:
        original: what was there, bound to the object.
    """

    __slots__ = ("_before", "_name", "_target", "original")

    def __init__(self, target: Any, name: str, new: object) -> None:
        self._target = target
        self._name = name
        self._before = vars(target).get(name, _NOTHING)
        self.original: Any = getattr(target, name)
        setattr(target, name, new)

    def undo(self) -> None:
        """Let the object be what it was."""
        if self._before is _NOTHING:
            delattr(self._target, self._name)
        else:
            setattr(self._target, self._name, self._before)
