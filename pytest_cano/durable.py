"""The durable state: all that a life which begins now finds, as a digest.

What becomes of a program after a crash depends on this alone: on the rows, on what the
outside world has seen, and on the disk. A task's version is in its rows. The files of a
checkpoint store are left out, for their rows stand for them and their bytes differ.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .sqlite_files import files_of

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
        yield repr((key, log.rows, log.outcome, log.doubts))
    yield from _effects(world)
    # What a visit has observed stays as it is if no later life runs it again.
    for life in world.lives:
        yield from map(repr, sorted(life.task_observations.items()))
    yield from _files(world.disk, world.book.files)


def _effects(world: World) -> Iterator[str]:
    """Tell what the world has seen: how often, what repeats it, and what came first.

    A later life changes none of that order.
    """
    calls: dict[str, tuple[list[None], set[tuple[str, str, str]]]] = {}
    for effect in world.effects:
        if not world.ignores(effect.name):
            unrepeatable, repeated = calls.setdefault(effect.identity, ([], set()))
            if effect.repeated_by is None:
                unrepeatable.append(None)
            else:
                repeated.add(effect.repeated_by)
    for identity, (unrepeatable, repeated) in calls.items():
        yield repr((identity, len(unrepeatable), sorted(repeated)))


def _files(disk: Path, stores: Collection[str]) -> Iterator[str]:
    # A store that has the whole disk, or more, does not say which files are its own.
    without = {
        file
        for path in stores
        if Path(path).parent.is_relative_to(disk)
        for file in files_of(path)
    }
    for directory, names, files in os.walk(disk):
        kept = [name for name in names if os.path.join(directory, name) not in without]
        names[:] = sorted(kept)
        for name in sorted((*files, *kept)):
            path = os.path.join(directory, name)
            if path not in without:
                yield os.path.relpath(path, disk)
                yield _content(path)


def _content(path: str) -> str:
    try:
        if os.path.islink(path):
            return os.readlink(path)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:  # gone by now, or not to be read
        return repr(error)
    return ""
