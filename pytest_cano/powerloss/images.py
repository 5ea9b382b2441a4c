"""Every disk that a power loss may leave at a given moment.

A disk may have written any of what was not synced, in any order, and of one write a
part. With few pending changes these are all combinations; with many, a choice:

* nothing of them, and everything;
* everything up to each of the last ones, as a disk that writes in order leaves it;
* everything but each single one of the last ones, as a disk that does not;
* everything, the last write cut at each sector and at a few odd bytes.

Alike images are told once, and the order is always the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final, final

from .disk import Disk, Files, Loss
from .operations import Write

SECTOR: Final = 512

FEW: Final = 6
"""Pending changes of which every combination is tried."""

RECENT: Final = 48
"""Pending changes, the last ones, that are tried one by one where there are more."""

_MOST_LISTED: Final = 3


@final
@dataclass(frozen=True, slots=True)
class Image:
    """One disk that a power loss may leave.

    Attributes:
        files: the content of every file there is.
        lost: what is lost, in words.
    """

    files: Files
    lost: str

    @property
    def digest(self) -> str:
        """The same for images that hold the same."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()


@final
@dataclass(frozen=True, slots=True)
class Images:
    """The images of one moment.

    Attributes:
        images: each once; the first has nothing of what was pending.
        pending: how many changes were pending.
        bounded: whether they are a choice, for all combinations would be too many.
    """

    images: tuple[Image, ...]
    pending: int
    bounded: bool

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, position: int) -> Image:
        return self.images[position]


def all_images(disk: Disk) -> Images:
    """Return every image that a power loss may leave now, or a choice of them."""
    pending = len(disk.pending)
    images: dict[str, Image] = {}
    for loss in (*_losses(pending), *_tears(disk)):
        image = _image(disk, loss)
        images.setdefault(image.digest, image)
    return Images(tuple(images.values()), pending, bounded=pending > FEW)


def unsynced(disk: Disk, count: int) -> Image:
    """Return the image that lacks the last pending changes, and nothing else.

    Args:
        disk: the disk.
        count: how many of them; where fewer are pending, all of those.
    """
    pending = len(disk.pending)
    return _image(disk, Loss(range(max(0, pending - count), pending)))


def torn(disk: Disk, size: int) -> Image:
    """Return the image in which the last pending write is cut.

    Args:
        disk: the disk.
        size: how many of its bytes arrived; a shorter one arrived whole.
    """
    last = _last_write(disk)
    if last is None or size >= _size(disk, last):
        return _image(disk, Loss())
    return _image(disk, Loss(torn=last, size=size))


def _losses(pending: int) -> Iterator[Loss]:
    everything = range(pending)
    if pending <= FEW:
        for count in reversed(everything):
            yield from map(Loss, combinations(everything, count + 1))
    else:
        recent = everything[-RECENT:]
        yield Loss(everything)
        yield from (Loss(everything[first:]) for first in recent)
        yield from (Loss((lost,)) for lost in recent)
    yield Loss()


def _tears(disk: Disk) -> Iterator[Loss]:
    last = _last_write(disk)
    if last is None:
        return
    size = _size(disk, last)
    odd = (1, SECTOR - 1, SECTOR + 1, size - 1)
    for cut in sorted({*range(SECTOR, size, SECTOR), *odd}):
        if 0 < cut < size:
            yield Loss(torn=last, size=cut)


def _last_write(disk: Disk) -> int | None:
    pending = disk.pending
    writes = (n for n in reversed(range(len(pending))) if isinstance(pending[n], Write))
    return next(writes, None)


def _size(disk: Disk, position: int) -> int:
    operation = disk.pending[position]
    return len(operation.data) if isinstance(operation, Write) else 0


def _image(disk: Disk, loss: Loss) -> Image:
    return Image(disk.after(loss), _in_words(disk, loss))


def _in_words(disk: Disk, loss: Loss) -> str:
    pending, lost = disk.pending, sorted(loss.lost)
    if loss.torn is not None:
        return f"only {loss.size} bytes arrived of {pending[loss.torn]}"
    if not pending:
        return "nothing was unsynced, nothing was lost"
    if not lost:
        return f"all {len(pending)} unsynced changes arrived"
    if len(lost) == len(pending):
        return f"all {len(pending)} unsynced changes were lost"
    text = f"{len(lost)} of {len(pending)} unsynced changes were lost"
    if len(lost) > _MOST_LISTED:
        return text
    return f"{text}: {', '.join(str(pending[each]) for each in lost)}"
