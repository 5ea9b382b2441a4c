"""What a life's process says when it stops, for whatever reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

from ..program import LifeResult
from ..world import World

Stopped: TypeAlias = Literal["ended", "killed", "still", "late", "raised"]
"""Why a process has stopped: its program has ended, or has raised what ends the search
(Ctrl-C); it is about to be killed, or stands still; or it was told that it is late."""


@final
@dataclass(frozen=True, slots=True)
class Words:
    """All that a process knows when it stops.

    Attributes:
        stopped: why.
        world: the world as it leaves it.
        result: how the program ended, if it has.
        luggage: what the program itself has to tell of this life, in plain values.
        where: the line at which a late one was.
        raised: what is to be raised where the life was asked for.
    """

    stopped: Stopped
    world: World
    result: LifeResult | None = None
    luggage: Any = None
    where: str = ""
    raised: BaseException | None = None
