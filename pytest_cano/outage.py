"""A power loss in a world: whether it can come, what it takes, and what comes after it.

What a `SQLiteCheckpointStore` has on the world's disk is recorded below SQLite, see
`pytest_cano.powerloss`. Nothing can be put below another store; it gets a cache in
front of it, whose content is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

from cano_core.checkpoints.store import CheckpointStore

from .faults import FAULTS

if TYPE_CHECKING:
    from .life import Life
    from .powerloss.images import Image
    from .powerloss.power import Power
    from .schedule import Fault
    from .story import Story
    from .world import World
    from .write_back import WriteBackStore

_POWER: Final = "power"
"""The name by which a world keeps its power."""

_Choice: TypeAlias = "tuple[Sequence[Image], int]"
"""The disks that a power loss may leave, and the position of the one that it leaves."""

_CHOICES: Final[dict[str, Callable[[Power, int], _Choice]]] = {
    "torn": lambda power, size: ([power.torn(size)], 0),
    "unsynced": lambda power, count: ([power.unsynced(count)], 0),
    "powerloss": lambda power, number: (power.images().images, number - 1),
}
"""Which disk a power loss leaves, by the kind of the fault."""

_caches: Final[WeakKeyDictionary[Life, dict[str, WriteBackStore]]] = WeakKeyDictionary()


def why_not(kinds: Collection[str], baseline: Story) -> str:
    """Say why the power losses among some faults can't come; empty if they can."""
    losses = [kind for kind in kinds if FAULTS[kind].family == "disk"]
    if not losses:
        return ""
    if "twin" in kinds:
        return "a power loss ends all processes of a machine, so it has no twin"
    if not baseline.on_sqlite:
        below = [FAULTS[kind].usage for kind in losses if kind != "unsynced"]
        if below:
            return (
                f"{below[0]} needs a store on SQLite (cano_store with the backend "
                "'sqlite', or a SQLiteCheckpointStore on cano_disk): nothing can be "
                "put below another one; unsynced:N is there for all"
            )
    elif not has_apsw():
        return (
            "a power loss below SQLite is simulated by means of apsw, which is not "
            "installed: pip install 'pytest-cano[powerloss]'"
        )
    return ""


def has_apsw() -> bool:
    """Say whether power can be lost below SQLite."""
    return find_spec("apsw") is not None


def expect_power_loss(world: World, kinds: Iterable[str]) -> None:
    """Record what happens to a world's disk, if one of these faults is to happen."""
    if has_apsw() and any(FAULTS[kind].family == "disk" for kind in kinds):
        from .powerloss.power import Power

        world.keep(_POWER, lambda: Power(world.disk))


def power_of(world: World) -> Power | None:
    """Return the power of a world in which it may be lost."""
    power: Power | None = world.kept(_POWER)
    return power


@contextmanager
def powered(world: World) -> Iterator[None]:
    """Let a life be lived on what the last one has left of the disk."""
    power = power_of(world)
    if power is None:
        yield
        return
    power.come_back()
    with power:
        yield


def lose_power(life: Life, fault: Fault) -> None:
    """Let the power fail; what the disk keeps is found by the next life."""
    power, amount = power_of(life.world), fault.amount or 0
    if power is not None:
        images, position = _CHOICES[fault.kind](power, amount)
        life.images = len(images)
        if not 0 <= position < len(images):
            life.unfired = fault.point
            life.note(f"{fault}: a power loss leaves one of {len(images)} disks there")
            return
        image = images[position]
        power.fail(image)
        if power.recorder.disk.files:
            life.note(f"the power was lost: {image.lost}")
    life.fall(fault.point)
    if life.durable:
        # What was acknowledged is not what the next life finds.
        life.durable += f" {fault.kind}:{amount}"


def through_cache(store: CheckpointStore, life: Life, place: str) -> CheckpointStore:
    """Return what a store is to be used through in a life that loses power.

    Args:
        store: the store.
        life: the life.
        place: where the store keeps its logs.
    """
    size = life.script.unsynced
    if not size or _is_on_sqlite(store):
        return store
    from .write_back import write_back

    caches = _caches.setdefault(life, {})
    cache = caches.setdefault(place, write_back(store, size))
    cache.inner = store
    return cache


def _is_on_sqlite(store: CheckpointStore) -> bool:
    """Say whether a store is one on SQLite, or wraps one."""
    from cano_core.checkpoints.sqlite import SQLiteCheckpointStore

    inner = getattr(store, "__dict__", {}).values()
    return any(isinstance(each, SQLiteCheckpointStore) for each in (store, *inner))
