"""The run book: every run of a world, and what its log must hold."""

from __future__ import annotations

from pathlib import Path


class RunBook:
    """Every run of a world."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
