"""Phrases that several oracles use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..story import RunStory, Story

AGAIN: Final = "when the finished program was started once more"
"""How findings of the extra start end."""


def about(story: Story, run: RunStory) -> str:
    """Return how a sentence about a run begins, where there are several."""
    return "" if len(story.runs) == 1 else f"run {run.run}: "


def called(state: str, visit: int) -> str:
    """Return ``Process``, ``visit 2 of Process``."""
    return state if visit == 1 else f"visit {visit} of {state}"


def times(count: int) -> str:
    """Return ``1 time``, ``2 times``."""
    return "1 time" if count == 1 else f"{count} times"
