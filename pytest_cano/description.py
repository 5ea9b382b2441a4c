"""Values as texts: what effects and observations are compared by.

A text is taken at once, so that a value may change afterwards; an address in memory
never makes two values different.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import final

LONGEST = 400
"""Longer texts are compared by their hash and shown by their beginning."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@final
class Describer:
    """Writes values as texts.

    Attributes:
        normalisers: what each argument and observed value passes through first.
    """

    def __init__(self) -> None:
        self.normalisers: list[Callable[[object], object]] = []

    def value(self, value: object) -> str:
        """Write one value."""
        for normaliser in self.normalisers:
            value = normaliser(value)
        return _shortened(_ADDRESS.sub("", _written(value)))

    def call(
        self, name: str, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> str:
        """Write a call; the order of keyword arguments does not matter."""
        parts = [self.value(value) for value in args]
        parts += [f"{name}={self.value(kwargs[name])}" for name in sorted(kwargs)]
        return f"{name}({', '.join(parts)})"


def _written(value: object) -> str:
    try:
        if isinstance(value, (set, frozenset)):
            return "{" + ", ".join(sorted(map(_written, value))) + "}"
        return repr(value)
    except Exception as error:  # noqa: BLE001 -- a repr may raise anything
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return f"{text[:80]}… ({len(text)} characters, sha256 {digest})"
