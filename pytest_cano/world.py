"""The world that outlives a crash, and the lives that are lived in it."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar, final

from .effects import Effect
from .life import Life, SimulatedCrash
from .runbook import RunBook
from .script import UNDISTURBED, Script

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
        lock: held while an effect or a crash point is recorded, in any thread.
        ignored: effect names (fnmatch patterns) that are no crash points and are not
            judged.
        ignored_observations: names of observations (fnmatch patterns) that are not
            compared.
        now: how many things have happened so far; see `tick`.
        usual: how often things happen in the undisturbed run, once that is known.
        detail: how fine the crash points inside of tasks are.
        timeout: seconds that a life may take while something is being tried.
        schedule: what is being tried in it, as text; empty for nothing.
        tells_states: whether a crash is to say what durable state it left.
        on_sqlite: whether a store had its file on the disk by way of SQLite.
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
        self.ignored_observations: tuple[str, ...] = ()
        self.now = 0
        self.usual: Mapping[str, int] | None = None
        self.tells_states = False
        self.on_sqlite = False
        self.schedule = ""
        self.detail = "effects"
        self.timeout = math.inf
        self.effects: list[Effect] = []
        self.book = RunBook(disk)
        self.lives: list[Life] = []
        self.lock = threading.RLock()
        self._kept: dict[str, Any] = {}
        self._keys: set[tuple[str, str, str]] = set()

    def __getstate__(self) -> dict[str, Any]:
        """What another process can know of it."""
        kept = self.__dict__.copy()
        del kept["lock"]
        return kept

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Be known in another process."""
        self.__dict__.update(state)
        self.lock = threading.RLock()

    def adopt(self, other: World, *, but: Life | None = None) -> None:
        """Know what another process knows of this world.

        Args:
            other: the world as that process has left it.
            but: the life that goes on here, of which this process knows more.
        """
        self.effects[:] = other.effects
        self.now = max(self.now, other.now)
        self.on_sqlite |= other.on_sqlite
        self._keys |= other._keys
        self.book.adopt(other.book)
        for name, kept in other._kept.items():
            mine = self._kept.setdefault(name, kept)
            if mine is not kept:
                mine.__dict__.update(kept.__dict__)
        for life in other.lives:
            if but is None or life.number != but.number:
                self._adopt_life(life)

    def _adopt_life(self, life: Life) -> None:
        life.world = self
        if life.number > len(self.lives):
            self.lives.append(life)
        else:
            known = self.lives[life.number - 1]
            known.__setstate__(life.__getstate__())

    def new_life(self, script: Script = UNDISTURBED) -> Life:
        """Begin the next life, with what is to happen in it."""
        life = Life(self, len(self.lives) + 1, script)
        self.lives.append(life)
        return life

    def tick(self) -> int:
        """Return the place of what happens now in the order of all that happens."""
        with self.lock:
            self.now += 1
            return self.now

    def is_new(self, name: str, key: str | None, dedupe: str | None = None) -> bool:
        """Take note of what repeats of an effect are known by; False if it is one."""
        by, text = ("key", key) if dedupe is None else ("dedupe", dedupe)
        if text is None:
            return True
        known = len(self._keys)
        self._keys.add((name, by, text))
        return len(self._keys) > known

    def ignores(self, name: str) -> bool:
        """Say whether effects of that name are left out."""
        return any(fnmatchcase(name, pattern) for pattern in self.ignored)

    def ignores_observation(self, name: str) -> bool:
        """Say whether observations of that name are left out."""
        return any(fnmatchcase(name, each) for each in self.ignored_observations)

    def keep(self, name: str, factory: Callable[[], T]) -> T:
        """Return the object of that name, made once and kept over all lives."""
        if name not in self._kept:
            self._kept[name] = factory()
        kept: T = self._kept[name]
        return kept

    def kept(self, name: str) -> Any:
        """Return what is kept under that name, or None."""
        return self._kept.get(name)

    def keeps(self, kept: object) -> bool:
        """Say whether an object is kept over all lives."""
        return any(each is kept for each in self._kept.values())

    def durable_state(self) -> str:
        """Return a digest of all that the next life finds; empty unless asked for."""
        if not self.tells_states:
            return ""
        from .durable import digest

        return digest(self)

    def discard(self) -> None:
        """Remove the disk."""
        shutil.rmtree(self.disk, ignore_errors=True)
