"""Phrases that several parts use."""

from __future__ import annotations


def count(number: int, thing: str) -> str:
    """Return ``1 schedule``, ``2 schedules``."""
    return f"{number} {thing}" + "s" * (number != 1)


def slower(reason: str) -> str:
    """Say that lives could not be forked, and why."""
    return (
        "lives that had to be killed ran in fresh interpreters, which is slower: "
        f"{reason}"
    )


def remembering(reason: str) -> str:
    """Say that a kill did not lose all memory, and why."""
    return (
        "lives that had to be killed knew what the undisturbed run had left in memory: "
        f"{reason}"
    )
