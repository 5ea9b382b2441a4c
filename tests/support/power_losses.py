"""Every moment of a store's life on a disk whose power may fail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    RowKind,
    SQLiteCheckpointStore,
)
from pytest_cano.powerloss.images import Image
from pytest_cano.powerloss.power import Power

FILE = "runs.db"


def row(sequence: int, size: int = 30) -> CheckpointRow:
    return CheckpointRow(sequence, "State", "task", RowKind.STATE_ENTRY, b"x" * size)


@dataclass
class Moments:
    """What has been acknowledged, and every image that was possible after it."""

    power: Power
    acknowledged: int = 0
    images: dict[str, Image] = field(default_factory=dict)
    at_least: dict[str, int] = field(default_factory=dict)
    watching: bool = True

    def take(self, _operation: object = None) -> None:
        if self.watching:
            for image in self.power.images():
                digest = image.digest
                self.images[digest] = image
                # An image may be possible at several moments: the last one counts.
                self.at_least[digest] = self.acknowledged

    async def append(self, store: SQLiteCheckpointStore) -> None:
        """Append two rows at once, which are in the log together or not at all."""
        first = self.acknowledged
        await store.append("run", row(first), row(first + 1))
        self.acknowledged += 2
        self.take()


Use = Callable[[Moments, Path], Awaitable[None]]


def every_moment(disk: Path, use: Use) -> Moments:
    with Power(disk) as power:
        moments = Moments(power)
        power.recorder.on_operation = moments.take
        asyncio.run(use(moments, disk))
        power.recorder.on_operation = None
    return moments


def rows_left(image: Image, disk: Path) -> list[CheckpointRow] | CheckpointStoreError:
    """What a store finds on that disk, after which it has to be usable, too."""
    for path in disk.iterdir():
        path.unlink()
    for name, content in image.files.items():
        (disk / name).write_bytes(content)
    # Nobody pulls the plug any more.
    with SQLiteCheckpointStore(disk / FILE, sync=False) as store:
        try:
            found = list(asyncio.run(store.load_run("run")))
            asyncio.run(store.append("run", row(len(found))))
        except CheckpointStoreError as error:
            return error
    return found


@dataclass
class Judgement:
    """What a power loss at any moment may do to acknowledged rows."""

    images: int = 0
    most_lost: int = 0
    damaged: int = 0
    broken: int = 0


def judge(moments: Moments, disk: Path) -> Judgement:
    judgement = Judgement(len(moments.images))
    for digest, image in moments.images.items():
        found = rows_left(image, disk)
        if isinstance(found, CheckpointStoreError):
            judgement.damaged += 1
            continue
        lost = moments.at_least[digest] - len(found)
        judgement.most_lost = max(judgement.most_lost, lost)
        whole = found == [row(number) for number in range(len(found))]
        judgement.broken += not whole or len(found) % 2
    return judgement
