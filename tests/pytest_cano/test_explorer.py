"""Real workflows through their schedules: the points, the plan, the flaky."""

import random
from typing import Any

import pytest

from cano_core import (
    MemoryCheckpointStore,
    RunContext,
    Workflow,
)
from programs import (
    ONCE,
    THRICE,
    charging,
    processing,
    shop,
    sound,
)
from pytest_cano.explorer import Explorer
from pytest_cano.functions import FunctionProgram
from pytest_cano.schedule import Schedule
from pytest_cano.story import Verdict
from pytest_cano.view import WorldView
from pytest_cano.world import World

# The points of a run


def test_the_points_of_a_run_are_found_by_recording(search):
    assert search(sound).points == [
        "Start@enter",
        "Start@start",
        "Start@end",
        "Process@start",
        "Process@effect:1",
        "Process@end",
        "Done@cleared",
    ]


def test_a_sound_program_passes_everywhere(search):
    found = search(sound)

    assert found.flaky is None
    assert found.failures() == {}
    assert len(found.verdicts()) == 7


def test_a_task_that_is_not_idempotent_is_found_after_its_effect(search):
    found = search(processing(charging))

    assert found.failures() == {
        "Process@effect:1": "DUPLICATED",
        "Process@end": "DUPLICATED",
    }


def test_a_resumed_run_enters_before_it_has_claimed_the_run(search):
    trial = search(sound).run("Process@end > Process@enter")

    assert trial.verdict is Verdict.PASS
    assert [str(life.crashed_at) for life in trial.story.lives] == [
        "Process@end",
        "Process@enter",
        "None",
        "None",
    ]


@pytest.mark.parametrize(
    "second", ["Process@enter", "Process@start", "Process@effect:1", "Process@end"]
)
def test_a_nested_schedule_crashes_life_after_life(search, second):
    trial = search(processing(charging)).run(f"Process@end > {second}")
    effects = [life for life in trial.story.effects if life.name == "charge"]

    assert trial.verdict is Verdict.DUPLICATED
    assert len(effects) == (3 if second in {"Process@effect:1", "Process@end"} else 2)
    assert trial.story.lives[2].path == ("resumed at Process > Done",)


def test_a_fault_that_is_never_reached_is_no_pass(search):
    trial = search(sound).run("Process@end > Start@start")

    assert trial.verdict is Verdict.NOT_FIRED
    assert trial.findings[0].message == (
        "Start@start was never reached in life 2, which returned"
    )
    assert len(trial.story.lives) == 2


def test_loops_have_visits(search):
    async def program(world: WorldView) -> None:
        async def again(run: RunContext) -> str:
            world.ledger.effect("step", key=run.idempotency_key)
            return "Again" if run.visit < 3 else "Done"

        workflow = (
            Workflow(checkpoint_store=world.store)
            .register("Again", again, config=ONCE)
            .add_exit_state("Done")
        )
        await workflow.start_or_resume("Again", workflow_id=world.workflow_id)

    found = search(program)

    assert [text for text in found.points if "@end" in text] == [
        "Again@end",
        "Again@end#2",
        "Again@end#3",
    ]
    assert found.failures() == {}
    assert found.run("Again@end#2 > Again@enter#2").verdict is Verdict.PASS


def test_attempts_of_a_retry_are_one_run_and_count_their_effects_on(search):
    def process(world: WorldView) -> Any:
        async def flicker(run: RunContext) -> str:
            world.ledger.effect("try", key=f"{run.idempotency_key}/{run.attempt}")
            if run.attempt < 3:
                raise ConnectionError("try again")
            return "Done"

        return flicker

    found = search(processing(process, config=THRICE))

    assert [text for text in found.points if text.startswith("Process")] == [
        "Process@start",
        "Process@effect:1",
        "Process@effect:2",
        "Process@effect:3",
        "Process@end",
    ]
    assert [run.state for run in found.baseline.task_runs] == ["Start", "Process"]
    assert found.failures() == {}


def test_memos_are_points_and_are_not_made_twice(search):
    def process(world: WorldView) -> Any:
        async def charge() -> int:
            world.ledger.effect("charge", 42)
            return 42

        async def task(run: RunContext) -> str:
            await run.once("first", charge)
            await run.once("second", charge)
            return "Done"

        return task

    found = search(processing(process))

    assert [text for text in found.points if text.startswith("Process")] == [
        "Process@start",
        "Process@effect:1",
        "Process@memo:1",
        "Process@effect:2",
        "Process@memo:2",
        "Process@end",
    ]
    # Between a call and its row nothing can help but a key.
    assert found.failures() == {
        "Process@effect:1": "DUPLICATED",
        "Process@effect:2": "DUPLICATED",
    }


# The extra start


def test_a_finished_program_that_does_it_again_is_found_by_the_extra_start(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world)
        store = world.store
        if await store.outcome("order-1") is not None:
            world.disk.joinpath("again").touch()
        if world.disk.joinpath("again").exists() and world.life > 2:
            workflow = shop(world, store=MemoryCheckpointStore())
        await workflow.start_or_resume("Start", workflow_id="order-1")

    trial = search(program).run("Process@start")

    said = {finding.verdict: finding.message for finding in trial.findings}
    assert said[Verdict.RERAN] == (
        "the task of Start ran when the finished program was started once more"
    )
    assert trial.story.extra is not None


def test_the_extra_start_does_not_judge_what_the_test_asserts(search):
    async def program(world: WorldView) -> None:
        ran: list[str] = []

        async def charge(run: RunContext) -> str:
            ran.append("charge")
            return "Done"

        workflow = shop(world, process=charge)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        world.ledger.effect("look")
        if not ran and world.life > 2:
            raise AssertionError("nothing ran")

    trial = search(program).run("Process@start")

    assert trial.verdict is Verdict.PASS
    assert trial.story.extra is not None
    assert trial.story.extra.ended == "failed"


def test_a_program_that_clears_its_finished_run_has_no_extra_start(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world, process=charging(world, key="k"))
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        await world.store.clear(world.workflow_id)

    trial = search(program).run("Process@end")

    assert trial.verdict is Verdict.PASS
    assert trial.story.extra is None


# Flaky baselines


def test_a_program_with_random_arguments_is_flaky(search):
    def process(world: WorldView) -> Any:
        async def charge() -> str:
            world.ledger.effect("charge", random.random())
            return "Done"

        return charge

    found = search(processing(process))

    assert found.flaky is not None
    assert found.flaky.verdict is Verdict.FLAKY_BASELINE
    assert "happened 1 time first, then 0 times" in found.flaky.message


def test_what_is_normalised_is_not_flaky(search):
    async def program(world: WorldView) -> float:
        world.normalise(lambda value: "?" if isinstance(value, float) else value)

        async def charge(run: RunContext) -> str:
            world.ledger.effect("charge", random.random(), key=run.idempotency_key)
            return "Done"

        workflow = shop(world, process=charge)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        return random.random()

    found = search(program)

    assert found.flaky is None
    assert found.failures() == {}


def test_ignored_effects_are_neither_points_nor_judged(search):
    def process(world: WorldView) -> Any:
        async def charge(run: RunContext) -> str:
            for _ in range(random.randint(1, 10)):
                world.ledger.effect("poll_status", random.random())
            world.ledger.effect("charge", 42, key=run.idempotency_key)
            return "Done"

        return charge

    found = search(processing(process), ignore=("poll_*",))

    assert found.flaky is None
    assert "Process@effect:1" in found.points
    assert "Process@effect:2" not in found.points
    assert found.failures() == {}


# The explorer's own ways


def test_an_unmet_selector_is_handed_back(search):
    found = search(sound, crash="Proces, Process@end, Process@enter")

    assert [selector.text for selector in found.plan.unmet] == [
        "Proces",
        "Process@enter",
    ]
    assert list(map(str, found.plan.schedules)) == ["Process@end"]


def test_named_points_come_first_and_nothing_comes_twice(search):
    found = search(sound, crash="@start, Process@start, Start@end > Process@start")

    assert list(map(str, found.plan.schedules)) == [
        "Process@start",
        "Start@end > Process@start",
        "Start@start",
    ]


def test_the_disks_of_what_passed_are_removed(search, tmp_path):
    found = search(processing(charging), crash="Process")
    found.verdicts()

    kept = [world for world in found.worlds if world.disk.exists()]
    assert len(kept) == 2
    assert len(found.worlds) == 5


def test_running_comes_after_recording(tmp_path):
    explorer = Explorer(
        FunctionProgram(sound, lambda world: MemoryCheckpointStore()),
        new_world=lambda: World(tmp_path),
        selectors=(),
    )

    with pytest.raises(RuntimeError, match=r"record\(\) comes before run\(\)"):
        explorer.run(Schedule.parse("Process@end"))
