"""How long something has been going on, apart from its pauses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final


@final
class Stopwatch:
    """Runs from the moment at which it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._began

    def restart(self) -> None:
        """Begin anew, at nought."""
        self._began = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stand still in this block."""
        since = time.monotonic()
        try:
            yield
        finally:
            self._began += time.monotonic() - since
