"""A killed life leaves the world that a raised crash at the same point leaves.

Whatever is told of it is the same: what had happened, in which order, what the log
held, what a later life made of it. Only what ran after the death is not, for nothing
did.
"""

import asyncio
import dataclasses
from typing import Any

import pytest

from cano_core import (
    Done,
    JoinConfig,
    JoinStrategy,
    More,
    RunContext,
    SQLiteCheckpointStore,
    Workflow,
)
from forked import nothing_left
from programs import ONCE, ForgetfulStore, processing, shop, sound
from pytest_cano.processes.forking import Forking
from pytest_cano.story import Story
from pytest_cano.view import WorldView
from pytest_cano.world import World
from saga_programs import saga


async def storeless(world: WorldView) -> str:
    async def begin(run: RunContext) -> str:
        world.ledger.effect("begin", key="once")
        return "End"

    workflow = Workflow().register("Begin", begin).add_exit_state("End")
    return await workflow.orchestrate("Begin")


async def splitting(world: WorldView) -> str:
    async def branch(run: RunContext, name: str) -> str:
        world.ledger.effect(name, key=name)
        await run.once("memo", str.upper, name)
        world.observe(name, name)
        return name

    def called(name: str) -> Any:
        async def run(run: RunContext) -> str:
            return await branch(run, name)

        return run

    async def gather() -> str:
        world.ledger.effect("gathered", key="once")
        return "Done"

    workflow = Workflow(checkpoint_store=world.store).register_split(
        "Fan",
        [called("left"), called("right")],
        JoinConfig(JoinStrategy.ALL, "Gather"),
    )
    workflow.register("Gather", gather).add_exit_state("Done")
    return await workflow.start_or_resume("Fan", workflow_id=world.workflow_id)


async def stepping(world: WorldView) -> str:
    async def step(cursor: int | None, run: RunContext) -> Any:
        at = cursor or 0
        world.ledger.effect("step", at, key=f"{run.idempotency_key}/{at}")
        return Done("Done") if at == 3 else More(at + 1)

    workflow = Workflow(checkpoint_store=world.store).register_stepped("Count", step)
    workflow.add_exit_state("Done")
    return await workflow.start_or_resume("Count", workflow_id=world.workflow_id)


async def two_runs(world: WorldView) -> None:
    for number in (1, 2):
        await shop(world).start_or_resume("Start", workflow_id=f"run-{number}")


async def two_stores(world: WorldView) -> None:
    for name in ("a.db", "b.db"):
        async with SQLiteCheckpointStore(world.disk / name, sync=False) as store:
            workflow = shop(world, store=store)
            await workflow.start_or_resume("Start", workflow_id="run")


def synchronous(world: WorldView) -> None:
    asyncio.run(shop(world).start_or_resume("Start", workflow_id=world.workflow_id))


def in_a_thread(world: WorldView) -> Any:
    async def task(run: RunContext) -> str:
        await asyncio.to_thread(world.ledger.effect, "charge", key=run.idempotency_key)
        return "Done"

    return task


PROGRAMS = {
    "sound": sound,
    "storeless": storeless,
    "splitting": splitting,
    "stepping": stepping,
    "two runs": two_runs,
    "two stores": two_stores,
    "synchronous": synchronous,
    "in a thread": processing(in_a_thread, config=ONCE),
    "saga": saga(),
}


def sqlite(world: World) -> Any:
    return SQLiteCheckpointStore(world.disk / "cano.db", sync=False)


def told(story: Story) -> dict[str, Any]:
    """All of a story but for how long it took, and what ran after a death."""
    fields = {
        field.name: getattr(story, field.name) for field in dataclasses.fields(story)
    }
    fields["schedule"] = None
    fields["duration"] = 0
    fields["lives"] = [
        dataclasses.replace(
            life,
            notes=(),
            durable="",
            struck=tuple(str(fault.point) for fault in life.struck),
        )
        for life in story.lives
    ]
    return fields


@pytest.mark.parametrize(
    ("name", "store"),
    [
        *((name, None) for name in PROGRAMS),
        *((name, sqlite) for name in ("sound", "stepping", "two runs", "saga")),
    ],
)
def test_every_point_of_a_program(search, name, store):
    found = search(PROGRAMS[name], store=store, processes=Forking(60))

    with nothing_left():
        for schedule in found.plan.schedules:
            raised = found.explorer.run(schedule)
            killed = found.explorer.run(schedule.with_kind("kill"))

            assert killed.verdict == raised.verdict, str(schedule)
            assert told(killed.story) == told(raised.story), str(schedule)


def test_a_second_crash_in_a_killed_world(search):
    found = search(PROGRAMS["saga"], store=sqlite, processes=Forking(60))

    # All pairs would take minutes.
    for first in found.plan.schedules[::3]:
        once = found.explorer.run(first.with_kind("kill"))
        for point in once.recovery[:3]:
            nested = first.then(point, "raise")
            raised = found.explorer.run(nested)
            killed = found.explorer.run(nested.with_kind("kill"))

            assert told(killed.story) == told(raised.story), str(nested)


def test_a_store_with_three_methods_in_the_memory_of_the_world(search):
    found = search(
        sound,
        store=lambda world: world.keep("store", ForgetfulStore),
        processes=Forking(60),
    )

    trial = found.run("Process@effect:1=kill")

    assert trial.verdict == "PASS", trial.findings
