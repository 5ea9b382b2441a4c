"""The durable state as a digest: the same for the same, another for anything else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_cano.durable import digest
from pytest_cano.effects import Effect
from pytest_cano.kept_log import Doubt
from pytest_cano.world import World
from stories import rows

Change = Callable[[World], object]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def effect(identity: str, key: str | None = None, life: int = 1) -> Effect:
    return Effect(identity.partition("(")[0], identity, key, life, None, "shop.py:1")


def log(world: World, *texts: str) -> None:
    world.book.log("order-1", "store").appended(rows(*texts))


CHANGES: dict[str, Change] = {
    "a row": lambda world: log(world, "Start"),
    "a row in doubt": lambda world: world.book.log("order-1", "store").doubted(
        Doubt(rows("Start"))
    ),
    "an effect": lambda world: world.effects.append(effect("charge(1)")),
    "a file": lambda world: (world.disk / "paid").touch(),
    "a directory": lambda world: (world.disk / "paid").mkdir(),
    "a link": lambda world: (world.disk / "paid").symlink_to("nowhere"),
    "an observation of a task": lambda world: world.new_life().task_observations.update(
        {("Process", "paid"): ["42"]}
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_a_new_life_finds_makes_another_state(world, what):
    before = digest(world)
    CHANGES[what](world)

    assert digest(world) != before
    assert digest(world) == digest(world)


def test_a_life_that_has_left_nothing_leaves_the_same_state(world):
    before = digest(world)
    world.new_life()

    assert digest(world) == before


def test_the_content_of_a_file_counts_and_not_its_time(world):
    file = world.disk / "paid"
    file.write_text("no")
    first = digest(world)
    file.write_text("yes")
    second = digest(world)
    file.write_text("no")

    assert first != second
    assert digest(world) == first


def test_who_did_it_and_how_often_under_one_key_does_not_count(world):
    world.effects.append(effect("charge(1)", "k"))
    before = digest(world)
    world.effects.append(effect("charge(1)", "k", life=2))
    again = digest(world)
    world.effects.append(effect("charge(1)", "other", life=2))

    assert again == before
    assert digest(world) != before


def test_what_a_receiver_knows_repeats_by_counts(world):
    def counted(*values: str) -> str:
        world.effects[:] = [
            replace(effect("charge(1)", "k"), dedupe=value) for value in values
        ]
        return digest(world)

    # The next call with "b" is a repeat in one of them, and none in the other.
    assert counted("a") != counted("b")
    assert counted("a") != counted("a", "b")
    assert counted("a") == counted("a", "a")


def test_effects_that_are_ignored_do_not_count(world):
    world.ignored = ("poll_*",)
    before = digest(world)
    world.effects.append(effect("poll_status(7)"))

    assert digest(world) == before


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("runs.db", False),
        ("runs.db-wal", False),
        ("runs.db-shm", False),
        ("runs.db-journal", False),
        ("runs.db.bak", True),
        ("runs", True),
    ],
)
def test_the_files_of_a_store_are_told_from_others(world, name, counts):
    world.book.files.add(str(world.disk / "runs.db"))
    before = digest(world)
    (world.disk / name).write_text("x")

    assert (digest(world) != before) is counts


def test_a_store_in_a_directory_has_all_of_that_directory(world):
    store = world.disk / "logs"
    world.book.files.add(str(store))
    before = digest(world)
    store.mkdir()
    (store / "order-1").touch()

    assert digest(world) == before


def test_a_store_that_has_more_than_the_disk_hides_nothing_on_it(world):
    world.book.files |= {str(world.disk), str(world.disk.parent)}
    before = digest(world)
    (world.disk / "paid").touch()

    assert digest(world) != before
