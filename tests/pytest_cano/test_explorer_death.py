"""The dead do nothing, whatever their code tries."""

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from cano_core import RunContext
from cano_core.extension import manager
from programs import (
    THRICE,
    processing,
    shop,
    sound,
)
from pytest_cano import check
from pytest_cano.story import Verdict
from pytest_cano.view import WorldView


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


async def waiting_for_the_dead(world: WorldView) -> None:
    async def charge(done: asyncio.Event) -> None:
        world.ledger.effect("charge", 42, key="k")
        done.set()

    async def task() -> str:
        done = asyncio.Event()
        charging = asyncio.create_task(charge(done))
        await done.wait()
        await charging
        return "Done"

    workflow = shop(world, process=task)
    await workflow.start_or_resume("Start", workflow_id=world.workflow_id)


def with_its_own_loop(world: WorldView) -> None:
    asyncio.run(waiting_for_the_dead(world))


async def with_a_run_in_the_background(world: WorldView) -> None:
    ended = asyncio.Event()

    async def run() -> None:
        await sound(world)
        ended.set()

    running = asyncio.create_task(run())
    await ended.wait()
    await running


@pytest.mark.parametrize(
    "program", [waiting_for_the_dead, with_its_own_loop, with_a_run_in_the_background]
)
def test_what_waits_for_the_dead_does_not_wait_for_ever(search, monkeypatch, program):
    monkeypatch.setattr("pytest_cano.lifetime.GRACE", 0.01)
    found = search(program)

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


def test_a_life_that_waits_for_what_only_memory_held_is_given_up():
    answers: dict[str, asyncio.Event] = {}

    async def program(world: WorldView) -> None:
        async def ask(run: RunContext) -> str:
            if world.life == 1:
                answers["order"] = asyncio.Event()
                world.ledger.effect("ask", key=run.idempotency_key)
                answers["order"].set()
            await asyncio.wait_for(answers.get("order", asyncio.Event()).wait(), None)
            return "Done"

        answers.clear()
        workflow = shop(world, process=ask)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    report = check(program, crash="Process@effect:1", timeout=0.2)

    assert report.verdicts == {"Process@effect:1": "TIMEOUT"}
    assert "no end after 0.2 seconds" in str(report)
