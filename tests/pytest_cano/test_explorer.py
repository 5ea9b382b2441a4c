"""Real workflows through their schedules: what is found, and what is not."""

import asyncio
import contextlib
import itertools
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    MemoryCheckpointStore,
    RunContext,
    RunNotFoundError,
    TaskFailedError,
    Workflow,
)
from cano_core.extension import manager
from programs import (
    ONCE,
    THRICE,
    ForgetfulStore,
    RememberingStore,
    processing,
    shop,
)
from pytest_cano.checking import FunctionProgram
from pytest_cano.explorer import Explorer, Trial
from pytest_cano.schedule import Schedule
from pytest_cano.selectors import parse_selectors
from pytest_cano.story import Story, Verdict
from pytest_cano.view import WorldView
from pytest_cano.world import World

Store = Callable[[World], Any]


class Search:
    """An explorer of one function, on stores in memory unless told otherwise."""

    def __init__(
        self,
        function: Callable[[WorldView], Any],
        directory: Path,
        *,
        crash: str = "all",
        store: Store | None = None,
        ignore: tuple[str, ...] = (),
    ) -> None:
        numbers = itertools.count()
        self.worlds: list[World] = []

        def new_world() -> World:
            disk = directory / str(next(numbers))
            disk.mkdir()
            self.worlds.append(World(disk, workflow_id="order-1"))
            return self.worlds[-1]

        self.program = FunctionProgram(
            function,
            store or (lambda world: world.keep("store", MemoryCheckpointStore)),
        )
        self.explorer = Explorer(
            self.program,
            new_world=new_world,
            selectors=parse_selectors(crash),
            ignore_effects=ignore,
        )
        self.baseline: Story = self.explorer.record()
        self.flaky = self.explorer.confirm(self.baseline)
        self.plan = self.explorer.plan(self.baseline)

    def run(self, schedule: str) -> Trial:
        return self.explorer.run(Schedule.parse(schedule))

    def verdicts(self) -> dict[str, str]:
        return {
            str(schedule): self.explorer.run(schedule).verdict.value
            for schedule in self.plan.schedules
        }

    def failures(self) -> dict[str, str]:
        return {
            schedule: verdict
            for schedule, verdict in self.verdicts().items()
            if verdict != "PASS"
        }

    @property
    def points(self) -> list[str]:
        return list(map(str, self.baseline.points))


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Search]:
    def make(function: Callable[[WorldView], Any], **options: Any) -> Search:
        found = Search(function, tmp_path, **options)
        assert found.baseline.judged.ended == "returned", found.baseline.judged.failure
        return found

    return make


async def sound(world: WorldView) -> None:
    await shop(world).start_or_resume("Start", workflow_id=world.workflow_id)


def charging(world: WorldView, key: str | None = None) -> Any:
    async def charge() -> str:
        world.ledger.effect("charge", 42, key=key)
        return "Done"

    return charge


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


# Stores


def test_a_store_that_forgets_has_recorded_and_can_not_pass_cleared(search):
    found = search(sound, store=lambda world: world.keep("store", ForgetfulStore))

    assert found.points[-2:] == ["Done@recorded", "Done@cleared"]
    assert found.failures() == {}
    assert "Done@recorded" in found.verdicts()
    assert "Done@cleared" not in found.verdicts()
    assert [limit.partition(":")[0] for limit in found.plan.limits] == [
        "Done@cleared is left out"
    ]


def test_a_point_that_is_left_out_is_run_where_it_is_named(search):
    found = search(
        processing(charging),
        crash="all, Done@cleared",
        store=lambda world: world.keep("store", ForgetfulStore),
    )

    assert found.verdicts()["Done@cleared"] == "DUPLICATED"
    assert found.plan.limits == ()


def test_a_run_without_a_store_begins_anew_in_every_life(search):
    async def program(world: WorldView) -> str:
        async def start() -> str:
            return "Process"

        workflow = (
            Workflow()
            .register("Start", start, config=ONCE)
            .register("Process", charging(world, key="k"), config=ONCE)
            .add_exit_state("Done")
        )
        return str(await workflow.orchestrate("Start"))

    found = search(program)

    assert found.points == [
        "Start@start",
        "Start@end",
        "Process@start",
        "Process@effect:1",
        "Process@end",
    ]
    assert found.failures() == {}
    assert found.run("Process@end").story.lives[1].path == ("Start > Process > Done",)


def test_a_program_may_open_its_own_store_on_the_disk(search):
    from cano_core import SQLiteCheckpointStore

    async def program(world: WorldView) -> None:
        with SQLiteCheckpointStore(world.disk / "own.db") as store:
            workflow = shop(world, store=store)
            await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    found = search(program)

    assert found.flaky is None
    assert found.failures() == {}


def test_a_store_that_does_not_survive_is_named(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world, store=MemoryCheckpointStore())
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    trial = search(program).run("Process@end")

    assert trial.verdict is Verdict.RERAN
    bad_log = trial.findings[-1]
    assert bad_log.verdict is Verdict.BAD_LOG
    assert "life 2 found no rows, 2 had been appended" in bad_log.message


class LosingStore(RememberingStore):
    """Gives back all rows but the last."""

    async def load_run(self, workflow_id: str) -> list[CheckpointRow]:
        return (await super().load_run(workflow_id))[:-1]


class RewritingStore(RememberingStore):
    """Gives back rows of another version."""

    async def load_run(self, workflow_id: str) -> list[CheckpointRow]:
        return [
            CheckpointRow(row.sequence, row.state, "another", row.kind, row.payload)
            for row in await super().load_run(workflow_id)
        ]


class LeavingStore(RememberingStore):
    """Keeps the log of a finished run."""

    async def finish(self, workflow_id: str, rows: Any, outcome: Any) -> None:
        await self.append(workflow_id, *rows)
        self.outcomes[workflow_id] = outcome


@pytest.mark.parametrize(
    ("store", "schedule", "message"),
    [
        (LosingStore, "Process@start", "life 2 did not find row 1 (Process)"),
        (RewritingStore, "Process@start", "life 2 found row 0 changed"),
        (LeavingStore, "Done@cleared", "though the run had ended and its log was gone"),
    ],
)
def test_a_store_that_is_not_true_to_what_was_appended(
    search, store, schedule, message
):
    found = search(sound, store=lambda world: world.keep("store", store))
    trial = found.run(schedule)

    said = [f.message for f in trial.findings if f.verdict is Verdict.BAD_LOG]
    assert len(said) == 1
    assert message in said[0]


def test_an_append_that_fails_and_is_durable_all_the_same_is_no_bad_log(search):
    class Unsure(RememberingStore):
        async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
            await super().append(workflow_id, *rows)
            if rows[0].state == "Process" and rows[0].sequence == 1:
                raise OSError("the answer was lost")

    async def program(world: WorldView) -> None:
        workflow = shop(world)
        for _ in range(2):
            try:
                await workflow.start_or_resume("Start", workflow_id="order-1")
            except Exception as error:  # the store's trouble, and only that
                if "the answer was lost" not in str(error):
                    raise

    found = search(program, store=lambda world: world.keep("store", Unsure))

    assert found.failures() == {}


# Programs and their ways


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
    ):
        trial = found.run(schedule)
        assert trial.verdict is verdict
        assert "give a run the same id in every life" in trial.story.hints[0]


def test_a_store_that_is_elsewhere_in_every_life_is_named(search, tmp_path):
    from cano_core import SQLiteCheckpointStore

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
    assert found.run("2:Process@end").story.lives[0].path == (
        "1: Start > Process > Done",
        "2: Start > Process",
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
        names = ["first", "second"] if world.life == 1 else ["second", "first"]
        for name in names:
            await shop(world).start_or_resume("Start", workflow_id=name)
        world.observe("exits", len(names))

    found = search(program)

    assert found.failures() == {}
    assert found.run("Start@enter > 2:Process@end").verdict is Verdict.PASS


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

    assert trial.verdict is Verdict.RERAN
    assert trial.findings[0].message == (
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


# Death


def test_a_crash_that_the_task_swallows_is_a_crash(search):
    def process(world: WorldView) -> Any:
        async def stubborn() -> str:
            with contextlib.suppress(BaseException):
                world.ledger.effect("charge", 42, key="k")
            return "Done"

        return stubborn

    trial = search(processing(process)).run("Process@effect:1")

    assert trial.verdict is Verdict.PASS
    assert trial.story.lives[0].ended == "crashed"
    assert trial.story.lives[0].path == ("Start > Process",)
    assert trial.story.lives[0].notes == (
        "the task of Process went on after its crash at Process@effect:1",
    )


def test_a_crash_that_becomes_an_error_is_not_retried(search):
    def process(world: WorldView) -> Any:
        async def confused() -> str:
            try:
                world.ledger.effect("charge", 42, key="k")
            except BaseException as error:
                raise ConnectionError("it broke") from error
            return "Done"

        return confused

    trial = search(processing(process, config=THRICE)).run("Process@effect:1")

    assert trial.verdict is Verdict.PASS
    assert len(trial.story.effects) == 2


def test_a_crash_that_the_program_swallows_is_a_crash(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world)
        try:
            await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        except BaseException:
            world.ledger.effect("alarm")

    found = search(program)
    trial = found.run("Process@end")

    assert trial.verdict is Verdict.PASS
    assert [life.ended for life in trial.story.lives] == [
        "crashed",
        "returned",
        "returned",
    ]
    assert "alarm() was tried after the crash" in trial.story.lives[0].notes[0]


def test_what_finally_does_after_a_crash_is_refused_and_noted(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world)
        try:
            await workflow.start_or_resume("Start", workflow_id=world.workflow_id)
        finally:
            await world.store.clear(world.workflow_id)

    found = search(program)
    trial = found.run("Process@end")

    assert trial.verdict is Verdict.PASS
    assert trial.story.lives[0].notes == (
        "clear of run 'order-1' was tried after the crash at Process@end, and refused",
    )


@pytest.mark.parametrize("kind", ["gather", "group", "task", "thread", "plain thread"])
def test_effects_of_what_a_task_starts_are_points(search, kind):
    def process(world: WorldView) -> Any:
        async def charge() -> None:
            world.ledger.effect("charge", 42, key="k")

        def charge_now() -> None:
            world.ledger.effect("charge", 42, key="k")

        async def task() -> str:
            if kind == "gather":
                await asyncio.gather(charge(), asyncio.sleep(0))
            elif kind == "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(charge())
                    group.create_task(asyncio.sleep(0))
            elif kind == "task":
                await asyncio.create_task(charge())
            elif kind == "thread":
                await asyncio.to_thread(charge_now)
            else:
                from contextvars import copy_context

                run = copy_context().run
                failed: list[BaseException] = []

                def guarded() -> None:
                    try:
                        run(charge_now)
                    except BaseException as error:
                        failed.append(error)

                thread = threading.Thread(target=guarded)
                thread.start()
                await asyncio.to_thread(thread.join)
            return "Done"

        return task

    found = search(processing(process))

    assert "Process@effect:1" in found.points
    assert found.failures() == {}
    assert found.run("Process@effect:1").story.lives[0].ended == "crashed"


def test_siblings_of_a_crashed_task_are_dead_too(search):
    def process(world: WorldView) -> Any:
        async def charge(number: int, before: asyncio.Event, after: asyncio.Event):
            await before.wait()
            after.set()
            world.ledger.effect("charge", number, key=number)

        async def task() -> str:
            events = [asyncio.Event() for _ in range(3)]
            events[0].set()
            await asyncio.gather(
                charge(1, events[0], events[1]), charge(2, events[1], events[2])
            )
            return "Done"

        return task

    trial = search(processing(process)).run("Process@effect:1")

    assert trial.verdict is Verdict.PASS
    assert [effect.life for effect in trial.story.effects] == [1, 2, 2]
    assert trial.story.lives[0].notes == (
        "charge(2) was tried after the crash at Process@effect:1, and refused",
    )


def test_a_task_that_waits_for_a_dead_one_does_not_wait_for_ever(search, monkeypatch):
    monkeypatch.setattr("pytest_cano.lifetime.GRACE", 0.01)

    def process(world: WorldView) -> Any:
        async def charge(done: asyncio.Event) -> None:
            world.ledger.effect("charge", 42, key="k")
            done.set()

        async def task() -> str:
            done = asyncio.Event()
            charging = asyncio.create_task(charge(done))
            await done.wait()
            await charging
            return "Done"

        return task

    found = search(processing(process))

    assert found.failures() == {}
    assert found.run("Process@effect:1").story.lives[0].ended == "crashed"


def test_a_run_that_outlives_its_life_can_do_nothing(search):
    leftovers: list[Any] = []

    async def program(world: WorldView) -> None:
        workflow = shop(world)
        if world.life == 1:
            leftovers.append(workflow)
        elif leftovers:
            # Code of an earlier life that goes on in a later one.
            old = leftovers.pop()
            try:
                await old.start_or_resume("Start", workflow_id="another")
            except BaseException as error:
                world.observe("refused", type(error).__name__)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    trial = search(program).run("Process@end")

    assert trial.story.observations == {"refused": ("'SimulatedCrash'",)}
    assert {run.workflow_id for run in trial.story.runs.values()} >= {"order-1"}
    assert all(run.exit or not run.logs for run in trial.story.runs.values())


def test_nothing_stays_registered(search):
    search(sound).verdicts()

    assert manager.get_plugins() == set()


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
    assert "happened 1 times first, then 0 times" in found.flaky.message


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
