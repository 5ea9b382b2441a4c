"""How far a search is, as a value: reports on schedules carry it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..wording import count


@final
@dataclass(frozen=True, slots=True)
class Progress:
    """How far the search of one test is.

    Attributes:
        name: of the test.
        done: how many schedules were run.
        planned: how many are known; what follows from them is not among these.
        failed: how many failed.
        seconds: how long it has taken.
    """

    name: str
    done: int
    planned: int
    failed: int
    seconds: float

    def __str__(self) -> str:
        left = self.planned - self.done
        parts = [f"{self.done}/{self.planned}" if left >= 0 else f"{self.done}"]
        parts[0] += " schedules"
        if self.failed:
            parts.append(f"{self.failed} failed")
        if left > 0:
            parts.append(f"{left} left")
            parts.append(f"{_time(self.seconds / self.done * left)} to go")
        elif left < 0:
            parts.append(f"{count(-left, 'schedule')} followed from others")
        return f"{self.name}  {', '.join(parts)}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
