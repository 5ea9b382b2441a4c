"""Ticks that outlive their process."""

import asyncio
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

import children
from cano_core import (
    CheckpointStoreError,
    FlowState,
    MemoryCheckpointStore,
    Scheduler,
    SQLiteCheckpointStore,
    Workflow,
)
from scheduled import Job, durable, with_still_clock
from small_flow import row

LONG = 3600.0

PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path

    from cano_core import RunContext, Scheduler, SQLiteCheckpointStore, Workflow

    directory, parked, ticks = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    enough = asyncio.Event()

    def effect(name, run):
        with open(directory / "effects", "a") as file:
            file.write(f"{name} {run.workflow_id}\\n")

    async def fetch(run: RunContext) -> str:
        effect("Fetch", run)
        return "Store"

    async def store(run: RunContext) -> str:
        global ticks
        effect("Store", run)
        if parked:
            print("parked", flush=True)
            await asyncio.Event().wait()
        ticks -= 1
        if not ticks:
            enough.set()
        return "Done"

    async def main():
        async with SQLiteCheckpointStore(directory / "runs.db") as disk:
            workflow = Workflow(checkpoint_store=disk)
            workflow.register("Fetch", fetch).register("Store", store)
            workflow.add_exit_state("Done")
            scheduler = Scheduler()
            scheduler.every("mail", workflow, "Fetch", fixed_delay=0.005)
            async with scheduler:
                await enough.wait()
                await scheduler.settled("mail")

    asyncio.run(main())
    """
)


def begin(directory: Path, parked: str, ticks: int) -> subprocess.Popen[str]:
    """Start the scheduler: it parks in its first tick, or ends after so many."""
    return subprocess.Popen(
        [children.program("python"), "-c", PROGRAM, directory, parked, str(ticks)],
        env=children.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_tick_that_was_killed_is_gone_on_with_before_new_ticks_run(tmp_path: Path):
    for _ in range(2):
        program = begin(tmp_path, "parked", 1)
        assert program.stdout is not None
        assert program.stdout.readline() == "parked\n"
        program.kill()
        program.communicate(timeout=60)

    program = begin(tmp_path, "", 3)
    program.communicate(timeout=60)

    assert program.returncode == 0
    lines = [line.split() for line in (tmp_path / "effects").read_text().splitlines()]
    killed = lines[0][1]
    # Two kills in one tick, and then its end: nothing else ran in the meantime.
    assert lines[:4] == [
        ["Fetch", killed],
        ["Store", killed],
        ["Store", killed],
        ["Store", killed],
    ]
    after = lines[4:]
    assert [name for name, _ in after[:4]] == ["Fetch", "Store"] * 2
    assert after[0][1] == after[1][1] > killed
    assert after[2][1] == after[3][1] > after[0][1]

    async def unfinished() -> tuple[str, ...]:
        async with SQLiteCheckpointStore(tmp_path / "runs.db") as store:
            job = Job(store)
            async with Scheduler().manual("mail", job.workflow, "Work") as scheduler:
                return scheduler.status("mail").unfinished

    assert asyncio.run(unfinished()) == ()


async def interrupt(job: Job, *ids: str) -> None:
    """Leave runs behind as a process does that dies in the middle of them."""
    job.gate.clear()
    tasks = [
        asyncio.create_task(job.workflow.orchestrate("Work", workflow_id=each))
        for each in ids
    ]
    await job.has_begun(len(ids))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    job.gate.set()
    job.began.clear()


OLD = "f/2020-01-01T00:00:00.000000Z"
NEWER = "f/2020-01-01T00:00:00.500000Z"


def test_unfinished_ticks_are_gone_on_with_oldest_first():
    class Backwards(MemoryCheckpointStore):
        async def list_runs(self) -> Any:
            return [*await super().list_runs()][::-1]

    job = Job(Backwards())

    async def main() -> None:
        await interrupt(job, NEWER, OLD)
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            assert scheduler.status("f").state is FlowState.RUNNING
            assert scheduler.status("f").unfinished == (OLD, NEWER)
            status = await scheduler.settled("f")
            assert (status.state, status.run_count) == (FlowState.COMPLETED, 2)
        assert job.ended == [OLD, NEWER]

    asyncio.run(main())


@pytest.mark.parametrize("timing", ["fixed_delay", "fixed_rate"])
def test_an_unfinished_tick_takes_the_place_of_the_first_one(timing: str):
    job = durable()

    async def main() -> None:
        await interrupt(job, OLD)
        scheduler = Scheduler()
        scheduler.every("f", job.workflow, "Work", **{timing: LONG})
        async with scheduler:
            status = await scheduler.settled("f")
            assert (status.run_count, status.skipped_count) == (1, 0)
        assert job.ended == [OLD]

    asyncio.run(main())


def test_the_unfinished_tick_of_a_cron_flow_does_not_wait_for_the_next():
    job = durable()

    async def main() -> None:
        await interrupt(job, OLD)
        scheduler = Scheduler().cron("f", job.workflow, "Work", "0 0 0 29 2 *")
        async with scheduler:
            await scheduler.settled("f")
        assert job.ended == [OLD]

    asyncio.run(main())


def test_a_trigger_meets_what_the_last_process_left():
    job = durable()

    async def main() -> None:
        await interrupt(job, OLD)
        scheduler = Scheduler().manual("f", job.workflow, "Work")
        with_still_clock(scheduler)
        async with scheduler:
            await scheduler.settled("f")
            new = scheduler.trigger("f")
            await scheduler.settled("f")
        assert job.ended == [OLD, new]

    asyncio.run(main())


def test_runs_of_others_are_none_of_a_flow_s_business():
    """Other flows, flows within flows, and runs that no scheduler has named."""
    job = durable()
    others = [
        "f",
        "f/1",
        "f/2020-01-01T00:00:00Z",
        "f/2020-01-01T00:00:00.5Z",
        "f/2020-13-01T00:00:00.000000Z",
        "f/g/2020-01-01T00:00:00.000000Z",
        "ff/2020-01-01T00:00:00.000000Z",
    ]

    async def main() -> None:
        await interrupt(job, OLD, *others)
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            await scheduler.settled("f")
        assert job.ended == [OLD]

    asyncio.run(main())


def test_two_flows_of_one_store_find_their_own():
    job = durable()
    inner = "f/g/2020-01-01T00:00:00.000000Z"
    listings = []

    async def main() -> None:
        await interrupt(job, OLD, inner)
        listed = job.store.list_runs

        async def list_runs() -> Any:
            listings.append(1)
            return await listed()

        job.store.list_runs = list_runs
        scheduler = Scheduler().manual("f", job.workflow, "Work")
        scheduler.manual("f/g", job.workflow, "Work")
        async with scheduler:
            assert scheduler.status("f").unfinished == (OLD,)
            assert scheduler.status("f/g").unfinished == (inner,)
            await scheduler.settled("f")
            await scheduler.settled("f/g")

    asyncio.run(main())
    assert sorted(job.ended) == sorted([OLD, inner])
    assert len(listings) == 1


def test_finished_ticks_are_left_alone():
    job = durable()

    async def main() -> None:
        await job.workflow.orchestrate("Work", workflow_id=OLD)
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            status = await scheduler.settled("f")
            assert (status.state, status.run_count) == (FlowState.IDLE, 0)
        assert job.began == [OLD]

    asyncio.run(main())


def test_a_finished_tick_whose_log_is_still_there_is_cleared():
    class Forgetful(MemoryCheckpointStore):
        finish = outcome = None  # type: ignore[assignment]

    job = Job(Forgetful())

    async def main() -> None:
        await job.store.append(OLD, row(0, "Work"), row(1, "Done"))
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.COMPLETED, ())
            assert await job.store.list_runs() == []
        assert not job.began

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("gone"), "list_runs failed in Broken: OSError: gone"),
        (CheckpointStoreError("locked"), "^locked$"),
        (TimeoutError("slow"), "list_runs failed in Broken: TimeoutError: slow"),
    ],
)
def test_a_store_that_fails_at_the_start_is_an_error_and_nothing_runs(
    error: Exception, message: str
):
    class Broken(MemoryCheckpointStore):
        broken = True

        async def list_runs(self) -> Any:
            if self.broken:
                raise error
            return await super().list_runs()

    store = Broken()
    job, other = Job(store), Job()

    async def main() -> None:
        scheduler = Scheduler().every("o", other.workflow, "Work", fixed_delay=LONG)
        scheduler.manual("f", job.workflow, "Work")
        with pytest.raises(CheckpointStoreError, match=message):
            await scheduler.start()
        assert not other.began

        store.broken = False
        async with scheduler:
            await other.has_begun()

    asyncio.run(main())


def test_a_store_that_does_not_answer_at_the_start_is_not_waited_for():
    class Silent(MemoryCheckpointStore):
        async def list_runs(self) -> Any:
            await asyncio.Event().wait()

    workflow = Workflow(checkpoint_store=Silent(), store_timeout=0.01)
    workflow.register("Work", print).add_exit_state("Done")

    async def main() -> None:
        scheduler = Scheduler().manual("f", workflow, "Work")
        with pytest.raises(CheckpointStoreError, match=r"no answer within 0\.01 seco"):
            await scheduler.start()

    asyncio.run(main())


def test_a_scheduler_that_is_stopped_while_it_starts_does_not_start():
    listing, go_on = asyncio.Event(), asyncio.Event()

    class Slow(MemoryCheckpointStore):
        async def list_runs(self) -> Any:
            listing.set()
            await go_on.wait()
            return await super().list_runs()

    job = Job(Slow())

    async def main() -> None:
        scheduler = Scheduler().every("f", job.workflow, "Work", fixed_delay=LONG)
        starting = asyncio.create_task(scheduler.start())
        await listing.wait()
        await scheduler.stop()
        go_on.set()
        await starting
        await scheduler.wait()
        assert scheduler.status("f").state is FlowState.IDLE

    asyncio.run(main())
    assert not job.began
