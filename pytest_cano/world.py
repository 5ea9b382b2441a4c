"""The world that outlives a crash, and the lives that are lived in it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, final

from .effects import Effect
from .life import Life, SimulatedCrash
from .runbook import RunBook
from .schedule import Fault

__all__ = ["Life", "SimulatedCrash", "World"]

T = TypeVar("T")


@final
class World:
    """Everything that a crash leaves: the disk, the effects, the logs as written.

    There is one for each schedule and each baseline.

    Args:
        disk: the directory that survives restarts; it must exist.
        workflow_id: the id that `cano_workflow_id` gives out.
        root: what the paths in reports are relative to; the working directory
            unless said otherwise.

    Attributes:
        disk: see above.
        workflow_id: see above.
        root: see above.
        effects: every effect, in order.
        book: every run, and what its log must hold.
        lives: every life so far.
        ignored: effect names (fnmatch patterns) that are no crash points and are not
            judged.
    """

    def __init__(
        self,
        disk: Path,
        *,
        workflow_id: str = "cano",
        root: Path | None = None,
        ignored: tuple[str, ...] = (),
    ) -> None:
        self.disk = disk
        self.workflow_id = workflow_id
        self.root = root or Path.cwd()
        self.ignored = ignored
        self.effects: list[Effect] = []
        self.book = RunBook(disk)
        self.lives: list[Life] = []
        self.lock = threading.RLock()
        self._kept: dict[str, Any] = {}

    def new_life(self, fault: Fault | None = None) -> Life:
        """Begin the next life, with the fault that is planned for it."""
        life = Life(self, len(self.lives) + 1, fault)
        self.lives.append(life)
        return life

    def keep(self, name: str, factory: Callable[[], T]) -> T:
        """Return the object of that name, made once and kept over all lives."""
        if name not in self._kept:
            self._kept[name] = factory()
        kept: T = self._kept[name]
        return kept

    def discard(self) -> None:
        """Remove the disk."""
        shutil.rmtree(self.disk, ignore_errors=True)
