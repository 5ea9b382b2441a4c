"""What a program sees of its world."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, final

from cano_core.checkpoints.store import CheckpointStore

from .bound_store import bound_store
from .ledger import EffectLedger
from .life import Life

if TYPE_CHECKING:
    from .spy import KeyFunction


@final
class WorldView:
    """What ``program(world)`` is given, anew for every life.

    Args:
        life: the life.
        open_store: opens the checkpoint store on this world's disk.
        effect_key: finds the keys of spied calls that have none by themselves.

    Attributes:
        ledger: the outside world.
        disk: the directory that survives restarts.
        workflow_id: the same id in every life.
        life: number of the life, from 1.
    """

    def __init__(
        self,
        life: Life,
        open_store: Callable[[], CheckpointStore],
        effect_key: KeyFunction | None = None,
    ) -> None:
        self.ledger = EffectLedger(life, effect_key)
        self.disk: Path = life.world.disk
        self.workflow_id: str = life.world.workflow_id
        self.life: int = life.number
        self._life = life
        self._open_store = open_store
        self._opened: CheckpointStore | None = None
        self._store: CheckpointStore | None = None

    @property
    def store(self) -> CheckpointStore:
        """The checkpoint store on this world's disk; opened when first asked for."""
        if self._store is None:
            self._opened = self._open_store()
            self._store = bound_store(self._opened, self._life)
        return self._store

    def observe(self, name: str, value: object) -> None:
        """Record something that must be the same as in the undisturbed run.

        What the program's body observes is compared as of its last life; what a task
        observes, as of the last time that its visit ran.
        """
        self._life.observe(name, value)

    def probe(self, name: str, looked_at: object) -> None:
        """Look at something when the life has ended; it must be as undisturbed.

        Args:
            name: how reports call it.
            looked_at: a ``Path`` (of a directory, a file or a SQLite database), a
                SQLAlchemy engine, a mapping, list or set, a function without
                arguments, or a probe of `pytest_cano.probes`.

        Raises:
            TypeError: it is none of these.
            ValueError: there is a probe of that name.
        """
        self._life.probes.add(name, looked_at)

    def normalise(self, function: Callable[[object], object]) -> None:
        """Pass every argument and observation through a function before comparing.

        It is given each argument and each observed value, and returns what stands
        for it.
        """
        self._life.normalise(function)

    def close(self) -> None:
        """Close the store, if it was opened here and is not kept in the world.

        Not to be called from a running event loop.
        """
        opened, self._opened = self._opened, None
        close = getattr(opened, "close", None) or getattr(opened, "aclose", None)
        if close is None or self._life.world.keeps(opened):
            return
        closing = close()
        if inspect.iscoroutine(closing):
            asyncio.run(closing)
