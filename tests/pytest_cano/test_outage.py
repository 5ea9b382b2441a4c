"""Which stores have a cache in front of them in a life that loses power."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from cano_core import SQLiteCheckpointStore
from plain_store import PlainStore
from pytest_cano.life import Life
from pytest_cano.outage import through_cache
from pytest_cano.schedule import Fault
from pytest_cano.script import FirstNew, Nth, Planned, Script, Together
from pytest_cano.world import World
from sqlite_runs import entry

UNSYNCED = Planned(Fault.parse("Process@end=unsynced:1"))


def life_of(path: Path, script: Script) -> Life:
    return World(path).new_life(script)


def test_what_is_held_back_goes_to_the_object_that_is_open(tmp_path: Path):
    life, closed, opened = life_of(tmp_path, UNSYNCED), PlainStore(), PlainStore()
    cache = through_cache(closed, life, "here")
    asyncio.run(cache.append("run", entry(0)))

    again = through_cache(opened, life, "here")
    asyncio.run(again.append("run", entry(1)))

    assert again is cache
    assert (closed.logs, opened.logs) == ({}, {"run": [entry(0)]})


def test_every_place_and_every_life_has_its_own(tmp_path: Path):
    life, other, store = *(life_of(tmp_path, UNSYNCED) for _ in "12"), PlainStore()

    caches = [
        through_cache(store, life, "here"),
        through_cache(store, life, "there"),
        through_cache(store, other, "here"),
    ]

    assert len({id(cache) for cache in (store, *caches)}) == 4


@pytest.mark.parametrize(
    ("script", "size"),
    [
        (Planned(), 0),
        (Planned(*map(Fault.parse, ("A@end=torn:7", "A@end=kill"))), 0),
        (Planned(*map(Fault.parse, ("A@end=fail", "A@end=unsynced:3"))), 3),
        (FirstNew(()), 0),
        (Nth(1, "unsynced", 2), 2),
        (Nth(1, "torn", 512), 0),
        (Together(Nth(1), Nth(1, "unsynced", 2), Nth(2, "unsynced", 5)), 5),
        (Together(), 0),
    ],
)
def test_it_holds_as_much_as_may_be_lost(tmp_path: Path, script: Script, size: int):
    store = PlainStore()

    cache = through_cache(store, life_of(tmp_path, script), "here")

    assert script.unsynced == size
    assert (cache is store) == (size == 0)


def test_what_is_recorded_below_sqlite_needs_none(tmp_path: Path):
    life = life_of(tmp_path, UNSYNCED)
    store = SQLiteCheckpointStore(tmp_path / "runs.db")
    wrapped = SimpleNamespace(inner=store)

    assert through_cache(store, life, "here") is store
    assert through_cache(wrapped, life, "here") is wrapped
