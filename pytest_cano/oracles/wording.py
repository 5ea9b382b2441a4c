"""Phrases that several oracles use."""

from __future__ import annotations

from typing import Final

AGAIN: Final = "when the finished program was started once more"
"""How findings of the extra start end."""


def times(count: int) -> str:
    """Return ``1 time``, ``2 times``."""
    return "1 time" if count == 1 else f"{count} times"
