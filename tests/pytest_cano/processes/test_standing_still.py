"""A process that stands still while another one lives, and then goes on."""

import asyncio
import contextlib
import threading

import pytest

from cano_core import (
    JoinConfig,
    JoinStrategy,
    RunConflictError,
    SQLiteCheckpointStore,
    Workflow,
)
from programs import sound
from pytest_cano.processes.forking import Forking
from pytest_cano.view import WorldView
from pytest_cano.world import World


def sqlite(world: World) -> SQLiteCheckpointStore:
    return SQLiteCheckpointStore(world.disk / "cano.db", sync=False)


async def careful(world: WorldView) -> None:
    """A program that leaves its run to whoever has gone on with it."""
    with contextlib.suppress(RunConflictError):
        await sound(world)


@pytest.mark.parametrize("kind", ["error", "error!", "ack-lost", "hang"])
def test_its_store_may_fail_once_the_other_has_ended_the_run(search, kind):
    made = search(careful, store=sqlite, processes=Forking(60))
    last = [point for point in made.baseline.points if point.moment == "end"][-1]

    trial = made.run(f"{last.state}@start=twin + {last}={kind}")

    assert trial.verdict == "PASS", trial.findings


class SlowStore(SQLiteCheckpointStore):
    """One whose branch rows are under way until somebody lets them go."""

    under_way = threading.Event()
    go = threading.Event()

    async def append(self, workflow_id, *rows):
        if any(row.kind.name == "BRANCH" for row in rows):
            self.under_way.set()
            await asyncio.to_thread(self.go.wait)
        await super().append(workflow_id, *rows)


async def splitting(world: WorldView) -> None:
    async def quick() -> str:
        return "x"

    async def told() -> str:
        await asyncio.to_thread(SlowStore.under_way.wait)
        world.ledger.effect("told", key="once")
        SlowStore.go.set()
        return "y"

    async def gather() -> str:
        return "Done"

    workflow = Workflow(checkpoint_store=world.store)
    workflow.register_split(
        "Fan", [quick, told], JoinConfig(JoinStrategy.ALL, "Gather")
    )
    workflow.register("Gather", gather).add_exit_state("Done")
    with contextlib.suppress(RunConflictError):
        await workflow.start_or_resume("Fan", workflow_id=world.workflow_id)


def test_what_is_under_way_meanwhile_may_have_happened(search):
    def slow(world: World) -> SlowStore:
        return SlowStore(world.disk / "cano.db", sync=False)

    made = search(splitting, store=slow, processes=Forking(60))

    trial = made.run("Fan@effect:1=twin")

    assert trial.verdict == "PASS", trial.findings
