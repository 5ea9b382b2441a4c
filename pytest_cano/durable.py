"""The durable state: all that a life which begins now finds, as a digest.

What becomes of a program after a crash depends on this alone: on the rows, on what the
outside world has seen, and on the disk. A task's version is in its rows. The files of a
checkpoint store are left out, for their rows stand for them and their bytes differ.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .effects import count_effects

if TYPE_CHECKING:
    from .world import World

LENGTH: Final = 32
"""Characters of a digest: there are many, and no two alike by chance."""


def digest(world: World) -> str:
    """Return a digest of what is durable in a world."""
    made = hashlib.sha256()
    for part in _parts(world):
        made.update(part.encode("utf-8", "surrogatepass"))
        made.update(b"\0")
    return made.hexdigest()[:LENGTH]


def _parts(world: World) -> Iterator[str]:
    for key, log in sorted(world.book.logs.items(), key=repr):
        yield repr((key, log.rows, log.outcome))
    # In the order in which they first happened, which a later life can't change.
    yield from map(repr, count_effects(world.effects).items())
    for life in world.lives:
        yield repr(sorted(life.task_observations.items()))
    yield from _files(world.disk, [*world.book.files])


def _files(disk: Path, without: list[str]) -> Iterator[str]:
    for directory, names, files in os.walk(disk):
        names.sort()
        for name in sorted((*files, *names)):
            path = os.path.join(directory, name)
            if any(path.startswith(each) for each in without):
                continue
            yield os.path.relpath(path, disk)
            if os.path.islink(path):
                yield os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    yield hashlib.file_digest(file, "sha256").hexdigest()
