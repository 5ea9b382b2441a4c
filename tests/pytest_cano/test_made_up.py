"""``random:N``: made up alike for one seed, run as written, and made smaller."""

from typing import Any

from cano_core import RunContext
from programs import processing, sound
from pytest_cano.made_up import make_up
from pytest_cano.schedule import Schedule
from pytest_cano.view import WorldView
from saga_programs import saga


def test_one_seed_makes_up_the_same_and_another_one_something_else(search):
    first, again, other = (search(sound, seed=seed).explorer for seed in (1, 1, 2))

    assert make_up(first, 30) == make_up(again, 30)
    assert make_up(first, 30) != make_up(other, 30)


def test_what_is_made_up_has_several_lives_faults_and_kinds(search):
    found = search(saga(), crash="random:80", depth=1).found()
    schedules = [Schedule.parse(text) for text in found]

    assert set(found.values()) == {"PASS"}
    assert {schedule.depth for schedule in schedules} >= {1, 2}
    assert any(len(faults) == 2 for each in schedules for faults in each.lives)
    kinds = {fault.kind for each in schedules for fault in each.faults}
    assert kinds >= {"raise", "fail", "error"}


def test_what_was_made_up_comes_to_the_same_when_it_is_named(search):
    made = search(saga(), crash="random:25", depth=1)
    for trial in made.trials():
        again = made.run(trial.text)

        assert trial.way == "random"
        assert (again.verdict, again.schedule) == (trial.verdict, trial.schedule)


def twice(world: WorldView) -> Any:
    """A task that has two ways to be wrong after it was resumed twice."""

    async def task(run: RunContext) -> str:
        key = None if run.resumes > 1 else run.idempotency_key
        world.ledger.effect("charge", 42, key=key)
        return "Done"

    return task


def test_what_fails_is_made_as_small_as_it_gets(search):
    made = search(processing(twice), crash="random:200", seed=3)
    (text,) = [text for text, verdict in made.found().items() if verdict != "PASS"]
    schedule = Schedule.parse(text)

    assert made.run(text).verdict == "DUPLICATED"
    # Two resumptions of Process, after its effect was made; nothing beside.
    assert schedule.depth == len(schedule.faults) == 2
    assert {fault.point.state for fault in schedule.faults} == {"Process"}


def test_what_has_failed_already_is_no_news(search):
    made = search(processing(twice), crash="all, random:40", depth=2)
    found = made.found()
    failed = [Schedule.parse(text) for text, each in found.items() if each != "PASS"]

    for number, schedule in enumerate(failed):
        assert not any(map(schedule.holds, failed[:number]))
