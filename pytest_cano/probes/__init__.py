"""What can be looked at when a life has ended, and is compared as observations are.

A new kind of thing is a class in a file of its own, with ``of``, and a line here.
"""

from __future__ import annotations

from typing import Final, Protocol, Self

from .contents import CallProbe, ContentsProbe
from .directory import DirectoryProbe
from .engine import SQLAlchemyProbe
from .reading import Look, Reading
from .sqlite import SQLiteProbe

__all__ = [
    "CallProbe",
    "ContentsProbe",
    "DirectoryProbe",
    "Look",
    "Probe",
    "Reading",
    "SQLAlchemyProbe",
    "SQLiteProbe",
    "probe_for",
]


class Probe(Protocol):
    """Something that is looked at."""

    def read(self, look: Look) -> Reading:
        """Say what there is now, the same for what is the same."""


class _Kind(Protocol):
    @classmethod
    def of(cls, looked_at: object) -> Self | None:
        """Return the probe of something, or None if it is of another kind."""

    def read(self, look: Look) -> Reading: ...


_KINDS: Final[tuple[type[_Kind], ...]] = (
    DirectoryProbe,
    SQLAlchemyProbe,
    ContentsProbe,
    CallProbe,
)


def probe_for(name: str, looked_at: object) -> Probe:
    """Return the probe that looks at something.

    Args:
        name: of the probe, for messages.
        looked_at: a path, a SQLAlchemy engine, a mapping, list or set, a function
            without arguments, or a probe.

    Raises:
        TypeError: it is none of these.
    """
    if callable(getattr(looked_at, "read", None)) and not isinstance(looked_at, type):
        probe: Probe = looked_at  # type: ignore[assignment]
        return probe
    for kind in _KINDS:
        found = kind.of(looked_at)
        if found is not None:
            return found
    hint = "; write Path(...) for a path" if isinstance(looked_at, str) else ""
    raise TypeError(
        f"probe {name!r}: {looked_at!r} is a {type(looked_at).__name__}, and nobody "
        "knows how to look at it: give a Path (of a directory, a file or a SQLite "
        "database), a SQLAlchemy engine, a mapping, list or set, a function without "
        f"arguments, or a probe of pytest_cano.probes{hint}"
    )
