"""Phrases that several parts use."""

from __future__ import annotations


def count(number: int, thing: str) -> str:
    """Return ``1 schedule``, ``2 schedules``."""
    return f"{number} {thing}" + "s" * (number != 1)
