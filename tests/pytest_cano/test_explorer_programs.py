"""Programs and their ways: restarting, resuming, failing, many runs."""

import asyncio
import itertools
from typing import Any

from cano_core import (
    RunContext,
    RunNotFoundError,
    SQLiteCheckpointStore,
    TaskFailedError,
    Workflow,
)
from programs import ONCE, processing, shop
from pytest_cano.story import Verdict
from pytest_cano.view import WorldView
from search import Search


async def orchestrating(world: WorldView) -> None:
    await shop(world).orchestrate("Start", workflow_id=world.workflow_id)


def test_a_program_that_starts_over_is_stuck_and_told_the_way_out(search):
    trial = search(orchestrating).run("Process@start")

    assert trial.verdict is Verdict.STUCK
    assert trial.findings[0].message == (
        "the run was left at Process: 2 restarts without a crash did not bring it "
        "to Done"
    )
    assert len(trial.story.hints) == 1
    assert trial.story.hints[0].startswith("life 2 began the run anew")
    assert "start_or_resume" in trial.story.hints[0]


def test_a_program_may_resume_by_itself(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world)
        try:
            await workflow.resume_from(world.workflow_id)
        except RunNotFoundError:
            await workflow.orchestrate("Start", workflow_id=world.workflow_id)

    assert search(program).failures() == {}


def test_a_program_that_only_resumes_is_stuck_where_nothing_was_written(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world)
        if world.life == 1:
            await workflow.orchestrate("Start", workflow_id=world.workflow_id)
        else:
            await workflow.resume_from(world.workflow_id)

    found = search(program)

    assert found.failures() == {"Start@enter": "STUCK"}
    assert "RunNotFoundError" in found.run("Start@enter").story.hints[0]


def test_a_program_that_makes_up_its_ids_leaves_its_runs_behind(search):
    numbers = itertools.count()

    async def program(world: WorldView) -> None:
        name = f"run-{next(numbers)}"
        await shop(world).start_or_resume("Start", workflow_id=name)

    found = search(program)
    assert found.flaky is None

    for schedule, verdict in (
        ("Process@start", Verdict.STUCK),
        # Nothing was lost, but a finished program does everything again.
        ("Start@enter", Verdict.DUPLICATED),
        ("Done@cleared", Verdict.DUPLICATED),
    ):
        trial = found.run(schedule)
        assert trial.verdict is verdict
        assert "give a run the same id in every life" in trial.story.hints[0]


def test_a_store_that_is_elsewhere_in_every_life_is_named(search, tmp_path):
    numbers = itertools.count()

    async def program(world: WorldView) -> None:
        path = tmp_path / f"elsewhere-{next(numbers)}.db"
        with SQLiteCheckpointStore(path) as store:
            workflow = shop(world, store=store)
            await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    trial = search(program).run("Process@start")

    assert trial.verdict is Verdict.STUCK
    assert "keep the store on cano_disk" in trial.story.hints[0]


def test_a_program_that_fails_undisturbed_is_told_apart(tmp_path):
    async def program(world: WorldView) -> None:
        raise LookupError("as ever")

    found = Search(program, tmp_path)

    assert found.baseline.judged.ended == "failed"
    assert isinstance(found.program.error, LookupError)
    assert found.baseline.judged.failure.endswith("LookupError: as ever")


def test_a_program_may_fail_and_resume_within_one_life(search):
    async def program(world: WorldView) -> None:
        failing = [True]

        async def charge(run: RunContext) -> str:
            if failing:
                failing.clear()
                raise ConnectionError("the first time")
            world.ledger.effect("charge", 42, key=run.idempotency_key)
            return "Done"

        workflow = shop(world, process=charge)
        try:
            await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        except TaskFailedError:
            await workflow.resume_from(world.workflow_id)

    found = search(program)

    assert found.points == [
        "Start@enter",
        "Start@start",
        "Start@end",
        "Process@start",
        "Process@load",
        "Process@enter",
        "Process@effect:1",
        "Process@end",
        "Done@cleared",
    ]
    assert found.failures() == {}


def test_two_runs_one_after_the_other_have_ordinals(search):
    async def program(world: WorldView) -> None:
        for name in ("first", "second"):
            await shop(world).start_or_resume("Start", workflow_id=name)

    found = search(program)

    assert found.points[7:10] == ["2:Start@enter", "2:Start@start", "2:Start@end"]
    assert found.failures() == {}
    assert found.run("Done@cleared").story.hints == ()
    assert found.run("2:Process@end").story.lives[0].path == (
        "run 1: Start > Process > Done",
        "run 2: Start > Process",
    )


def test_two_runs_at_once_have_ordinals(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world)
        await asyncio.gather(
            *(
                workflow.start_or_resume("Start", workflow_id=name)
                for name in ("first", "second")
            )
        )

    found = search(program)

    assert found.flaky is None
    assert {"Process@end", "2:Process@end"} <= set(found.points)
    assert found.failures() == {}
    assert found.run("Process@end > 2:Process@enter").verdict is Verdict.PASS


def test_an_ordinal_belongs_to_an_id_whatever_comes_first_after_a_restart(search):
    async def program(world: WorldView) -> None:
        async def refuse() -> str:
            return "Refused"

        runs = {
            "first": shop(world),
            "second": shop(world, process=refuse).add_exit_state("Refused"),
        }
        for name in runs if world.life == 1 else reversed(runs):
            await runs[name].start_or_resume("Start", workflow_id=name)

    found = search(program)

    assert found.failures() == {}
    assert found.run("Start@enter > 2:Refused@cleared").verdict is Verdict.PASS


def test_an_id_that_is_as_ever_is_no_hint(search):
    async def program(world: WorldView) -> None:
        for name in ("first", "second"):
            if name == "first" and world.life > 1:
                continue
            await shop(world).start_or_resume("Start", workflow_id=name)

    trial = search(program).run("Process@end")

    assert trial.verdict is Verdict.STUCK
    assert trial.story.hints == ()


def test_what_differs_between_runs_is_a_finding_after_the_restart(search):
    async def program(world: WorldView) -> str:
        workflow = shop(world)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        return f"life {world.life}"

    trial = search(program).run("Process@end")

    assert trial.verdict is Verdict.DIVERGED
    assert trial.findings[0].message == (
        "returned was observed as 'life 2', 'life 1' in the undisturbed run"
    )


def test_what_a_task_observes_stays_when_it_does_not_run_again(search):
    async def program(world: WorldView) -> None:
        async def again(run: RunContext) -> str:
            world.observe("visit", run.visit)
            world.ledger.effect("step", key=run.idempotency_key)
            world.observe("visit", -run.visit)
            return "Again" if run.visit < 2 else "Done"

        workflow = (
            Workflow(checkpoint_store=world.store)
            .register("Again", again, config=ONCE)
            .add_exit_state("Done")
        )
        await workflow.start_or_resume("Again", workflow_id=world.workflow_id)

    found = search(program)

    assert found.baseline.observations == {
        "visit in Again": ("1", "-1"),
        "visit in Again#2": ("2", "-2"),
    }
    assert found.failures() == {}


def test_what_a_task_observes_otherwise_is_found(search):
    def process(world: WorldView) -> Any:
        async def task(run: RunContext) -> str:
            world.observe("resumes", run.resumes)
            return "Done"

        return task

    found = search(processing(process))

    assert found.failures() == {"Process@start": "DIVERGED", "Process@end": "DIVERGED"}


def test_a_test_s_own_assertion_is_judged_after_the_restart(search):
    async def program(world: WorldView) -> None:
        path: list[str] = []

        async def charge() -> str:
            path.append("charge")
            return "Done"

        workflow = shop(world, process=charge)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        if not path:
            raise AssertionError("nothing was charged")

    found = search(program)

    assert found.failures() == {"Done@cleared": "DIVERGED"}
    assert found.run("Done@cleared").findings[0].message == (
        "the program failed after the restart: AssertionError: nothing was charged"
    )


def test_work_that_is_lost_is_found(search):
    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            if run.resumes == 0:
                world.ledger.effect("charge", 42)
            return "Done"

        workflow = shop(world, process=charge)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    found = search(program)

    assert found.failures() == {"Process@start": "LOST"}


async def looping(world: WorldView) -> None:
    """Leave the loop by what is kept in memory only."""
    charged: list[int] = []

    async def charge() -> str:
        charged.append(1)
        return "Ship"

    async def ship() -> str:
        return "Done" if charged else "Ship"

    workflow = (
        Workflow(checkpoint_store=world.store)
        .register("Charge", charge, config=ONCE)
        .register("Ship", ship, config=ONCE)
        .add_exit_state("Done")
    )
    await workflow.start_or_resume("Charge", workflow_id=world.workflow_id)


def test_a_loop_that_never_ends_after_a_restart_is_stuck(search):
    trial = search(looping).run("Ship@start")

    assert trial.verdict is Verdict.STUCK
    assert trial.findings[0].message == (
        "Ship was entered 221 times, 1 in the undisturbed run"
    )
    # Another undisturbed life would run away as well.
    assert [life.ended for life in trial.story.lives] == ["crashed", "failed"]


def test_a_crash_planned_for_a_life_that_runs_away_is_stuck_too(search):
    trial = search(looping).run("Ship@start > Done@cleared")

    assert trial.verdict is Verdict.STUCK


def test_a_loop_that_is_as_long_undisturbed_does_not_run_away(search):
    async def program(world: WorldView) -> None:
        async def step(run: RunContext) -> str:
            return "Step" if run.visit < 300 else "Done"

        workflow = (
            Workflow(checkpoint_store=world.store)
            .register("Step", step, config=ONCE)
            .add_exit_state("Done")
        )
        await workflow.start_or_resume("Step", workflow_id=world.workflow_id)

    assert search(program).run("Step@start").verdict is Verdict.PASS


def test_a_loop_without_a_store_runs_away_too(search):
    lives = itertools.count()

    async def program(world: WorldView) -> None:
        first = next(lives) < 3

        async def step(run: RunContext) -> str:
            return "Done" if first else "Step"

        workflow = Workflow().register("Step", step, config=ONCE).add_exit_state("Done")
        await workflow.orchestrate("Step")

    assert search(program).run("Step@start").verdict is Verdict.STUCK
