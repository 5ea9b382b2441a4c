"""Where the worlds of one test have their disks: below pytest's temporary directory."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from .identity import workflow_id_for
from .world import World

_LONGEST_NAME = 30


class Disks:
    """Makes worlds for a test, each with an empty disk of its own.

    Args:
        item: the pytest item.
        ignored: patterns of effects that are not judged.
    """

    def __init__(self, item: Any, ignored: tuple[str, ...]) -> None:
        self._item = item
        self._ignored = ignored
        self._made = 0
        self._first: World | None = None

    @cached_property
    def _directory(self) -> Path:
        name = re.sub(r"\W", "_", self._item.name)[:_LONGEST_NAME]
        factory = getattr(self._item.config, "_tmp_path_factory", None)
        if factory is None:  # pytest runs without its tmpdir plugin
            return Path(tempfile.mkdtemp(prefix=f"cano-{name}-"))
        made: Path = factory.mktemp(f"cano-{name}", numbered=True)
        return made

    def new_world(self) -> World:
        """Make a world with an empty disk."""
        disk = self._made_directory()
        world = World(
            disk,
            workflow_id=workflow_id_for(self._item.nodeid),
            root=self._item.config.rootpath,
            ignored=self._ignored,
        )
        self._first = self._first or world
        return world

    def _made_directory(self) -> Path:
        while True:
            self._made += 1
            disk = self._directory / str(self._made)
            # Several processes may make worlds of one test.
            with contextlib.suppress(FileExistsError):
                disk.mkdir()
                return disk

    @property
    def effects(self) -> frozenset[str]:
        """Names of the undisturbed run's effects, the ignored ones too."""
        effects = self._first.effects if self._first else ()
        return frozenset(effect.name for effect in effects)

    @property
    def observations(self) -> frozenset[str]:
        """Names of the undisturbed run's observations, the ignored ones too."""
        lives = self._first.lives if self._first else ()
        return frozenset(
            name
            for life in lives
            for name in (
                *life.observations,
                *(name for _, name in life.task_observations),
            )
        )

    def remove(self) -> None:
        """Remove all of them: there is nothing to look at."""
        shutil.rmtree(self._directory, ignore_errors=True)
