"""How far a search goes: which endings, how deep, and how much of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, final

from .faults import DEFAULT
from .options import DETAILS
from .selectors import Selector
from .story import Story

SAGA_DEPTH: Final = 2
"""Crashes in a row where a run can be undone: a rollback is itself interrupted."""


@final
@dataclass(frozen=True, slots=True)
class Scope:
    """What a search is to try beyond the points that its selectors name.

    Attributes:
        endings: how lives end, where a selector does not say.
        depth: how many lives in a row are crashed; None for 1, or 2 where the
            workflow has compensations.
        earlier: schedules that failed in an earlier session, to be tried first.
        seed: of made-up schedules.
        timeout: seconds that a life may take; None for no limit.
        detail: how fine the crash points inside of tasks are: ``effects``,
            ``awaits`` or ``lines``.
        workers: how many processes run schedules beside each other.
    """

    endings: tuple[str, ...] = (DEFAULT,)
    depth: int | None = None
    earlier: tuple[str, ...] = ()
    seed: int = 0
    timeout: float | None = None
    detail: str = "effects"
    workers: int = 1

    def fine_enough(self, selectors: Iterable[Selector]) -> Scope:
        """Return it with points inside of tasks as fine as the selectors name them."""
        named = (each.detail for each in selectors)
        return replace(self, detail=max((self.detail, *named), key=DETAILS.index))

    def depth_for(self, baseline: Story) -> int:
        """Return how many lives in a row are crashed of a program."""
        if self.depth is not None:
            return self.depth
        undoes = any(
            kind == "compensatable"
            for run in baseline.runs.values()
            for kind in run.kinds.values()
        )
        return SAGA_DEPTH if undoes else 1
