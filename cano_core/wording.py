"""How values and exceptions are shown in messages, whatever they do when asked."""

from __future__ import annotations

import reprlib

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200


def shown(value: object) -> str:
    """Return a value's repr, shortened; a repr that fails is replaced."""
    return _SHORT.repr(value)


def described(error: BaseException) -> str:
    """Return an exception's type and text; a text that fails is left out."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception:  # noqa: BLE001 -- whatever a user's __str__ may raise
        return name
