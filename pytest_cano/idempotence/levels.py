"""The ways in which a task is repeated: the one table of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True, slots=True)
class Level:
    """One way to repeat a task, stricter than those before it.

    Attributes:
        number: from 1.
        name: what it is called.
        meaning: what happens, as a sentence about ``{part}``: the task, or the
            compensation, of a state.
        remedy: what helps, where the story does not say it; empty if it does.
    """

    number: int
    name: str
    meaning: str
    remedy: str = ""


LEVELS: Final = (
    Level(
        1,
        "run twice",
        "{part} had come to its end, the process died, and {part} ran again",
    ),
    Level(
        2,
        "every prefix",
        "{part} was stopped amid its work, and ran again from its beginning",
    ),
    Level(
        3,
        "repeated prefixes",
        "{part} was stopped several times, and ran again each time",
        "do not count the runs that came before: whatever a run finds half done, "
        "however often, it has to come to the same",
    ),
    Level(
        4,
        "a late duplicate",
        "a process stood still before {part}; another resumed the run and went on; "
        "then the first one ran {part} after all",
        "the log keeps such a process from going on, and not from what it is doing: "
        "hand the call key=run.idempotency_key, and let its receiver refuse what "
        "it has seen, also after its traces are gone from the disk",
    ),
)
"""Every level, the weakest first."""
