"""What a life's process says when it stops, for whatever reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

from ..program import LifeResult
from ..world import World


@final
@dataclass(frozen=True, slots=True)
class Words:
    """All that a process knows when it stops.

    Attributes:
        stopped: whether it has ended, is about to be killed, or stands still.
        world: the world as it leaves it.
        result: how the program ended, if it has.
        luggage: what the program itself has to tell of this life, in plain values.
    """

    stopped: Literal["ended", "killed", "still"]
    world: World
    result: LifeResult | None = None
    luggage: Any = None
