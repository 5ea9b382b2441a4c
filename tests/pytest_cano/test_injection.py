"""Which life a run belongs to."""

import asyncio
from pathlib import Path

import pytest

from cano_core import MemoryCheckpointStore
from cano_core.extension import manager
from programs import sound
from pytest_cano.injection import injected, listening
from pytest_cano.life import Life
from pytest_cano.script import UNDISTURBED
from pytest_cano.view import WorldView
from pytest_cano.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def run_in(world: World) -> None:
    """Run a program of which nobody says where it belongs."""
    asyncio.run(sound(WorldView(Life(world, 99, UNDISTURBED), MemoryCheckpointStore)))


def test_a_run_belongs_to_the_life_that_began_last(world):
    outer, inner = world.new_life(), world.new_life()
    with injected(outer), injected(inner):
        run_in(world)
    assert len(inner.points) == 6
    assert outer.points == ()

    again = world.new_life()
    with injected(again):
        run_in(world)
    assert len(again.points) == 6


def test_a_run_belongs_to_the_life_that_is_here(world):
    outer, inner = world.new_life(), world.new_life()
    with injected(outer), injected(inner), outer.here():
        run_in(world)

    assert len(outer.points) == 6
    assert inner.points == ()


def test_a_life_that_is_not_lived_asks_nothing(world):
    life, plain = world.new_life(), world.new_life()
    with injected(life), plain.here():
        run_in(world)

    assert life.points == plain.points == ()


def test_without_a_life_nobody_asks_anything(world):
    with listening():
        run_in(world)

    assert world.book.records == {}


def test_listening_is_counted(world):
    with listening():
        with listening(), injected(world.new_life()):
            assert len(manager.get_plugins()) == 1
        assert len(manager.get_plugins()) == 1
    assert manager.get_plugins() == set()
