"""From a world to its story."""

import pickle
from pathlib import Path

import pytest

from pytest_cano.chronicle import life_story, story
from pytest_cano.life import Life, SimulatedCrash
from pytest_cano.program import LifeResult
from pytest_cano.schedule import Fault
from pytest_cano.script import Planned
from pytest_cano.story import TaskRun
from pytest_cano.world import World

PASSED = LifeResult("passed")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def die(life: Life) -> None:
    point = life.frame(1, "Process", 1).point("end")
    life.script = Planned(Fault(point))
    with pytest.raises(SimulatedCrash):
        life.reached(point)


@pytest.mark.parametrize(
    ("outcome", "ended"),
    [("passed", "returned"), ("failed", "failed"), ("skipped", "skipped")],
)
def test_how_a_life_ended(world, outcome, ended):
    told = life_story(world.new_life(), LifeResult(outcome, "why"))

    assert (told.ended, told.failure) == (ended, "why")


def test_how_a_crashed_life_ended_is_not_asked_of_the_program(world):
    life = world.new_life()
    die(life)
    told = life_story(life, LifeResult("failed", "why"))

    assert (told.ended, told.failure) == ("crashed", "")
    assert str(told.crashed_at) == "Process@end"


@pytest.mark.parametrize(
    ("crashes", "ended"), [(True, "crashed"), (False, "interrupted")]
)
def test_a_task_that_nobody_saw_end(world, crashes, ended):
    life = world.new_life()
    life.frame(1, "Process", 1).begin(session=1, log=1)
    if crashes:
        die(life)
    told = story(world, [life_story(life, PASSED)])

    assert told.task_runs == (
        TaskRun(1, "Process", 1, 1, ended, at=1, session=1, log=1),
    )


def test_a_long_path_is_cut_at_its_beginning(world):
    life = world.new_life()
    life.went(1, *("A" for _ in range(100)), "B")
    told = life_story(life, PASSED)

    assert told.path == ("run 1: … > " + "A > " * 11 + "B",)


def test_a_path_says_where_it_was_resumed(world):
    life = world.new_life()
    life.went(1, "A", "B", "resumed at B", "Done")

    assert life_story(life, PASSED).path == ("run 1: A > B, resumed at B > Done",)


def test_points_are_those_of_all_lives_each_once(world):
    for states in ("AB", "BC"):
        life = world.new_life()
        for state in states:
            life.reached(life.frame(1, state, 1).point("end"))
    told = story(world, [life_story(life, PASSED) for life in world.lives])

    assert list(map(str, told.points)) == ["A@end", "B@end", "C@end"]


def test_what_happens_after_the_life_of_another_process_comes_after_it(world):
    life = world.new_life()
    before = world.tick()
    other = pickle.loads(pickle.dumps(world))
    there = [other.tick() for _ in range(3)]
    world.adopt(other, but=life)

    assert [before, *there, world.tick()] == [1, 2, 3, 4, 5]
