"""A flow that fails, backs off, and ends what it began before it does anything new.

``backup`` runs 10 milliseconds after its own last end. Its second run can't upload at
first; the scheduler goes on with that very run, from the state it failed in. ``report``
runs when it is asked to.

    python examples/scheduler.py

Prints:

    backup 1: dump
    backup 1: upload
    backup 2: dump
    backup 2: upload failed
    the flow is backing off, failures in a row: 1
    backup 2: upload
    the flow is completed, failures in a row: 0
    report
    report: completed, runs: 1
"""

import asyncio
import logging
import tempfile
from pathlib import Path

from cano_core import (
    Backoff,
    CheckpointStore,
    RunContext,
    Scheduler,
    SQLiteCheckpointStore,
    TaskConfig,
    Workflow,
)

# Failures are logged with their tracebacks; here they are part of the show.
logging.getLogger("cano_core").setLevel(logging.CRITICAL)


class Cloud:
    """A service that is down when the second backup comes."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.failed = asyncio.Event()
        self.recovered = asyncio.Event()
        self.down = True

    def number(self, run: RunContext) -> int:
        return self.numbers.setdefault(run.workflow_id, len(self.numbers) + 1)


async def dump(cloud: Cloud, run: RunContext) -> str:
    print(f"backup {cloud.number(run)}: dump")
    return "Upload"


async def upload(cloud: Cloud, run: RunContext) -> str:
    number = cloud.number(run)
    if number == 2 and cloud.down:
        print(f"backup {number}: upload failed")
        cloud.down = False
        cloud.failed.set()
        raise ConnectionError("the cloud is down")
    print(f"backup {number}: upload")
    if number == 2:
        cloud.recovered.set()
    return "Done"


async def report() -> str:
    print("report")
    return "Done"


def backup(store: CheckpointStore, cloud: Cloud) -> Workflow:
    return (
        Workflow(checkpoint_store=store, resources={"cloud": cloud})
        .register("Dump", dump)
        .register("Upload", upload, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )


async def main(path: Path) -> None:
    cloud = Cloud()
    async with SQLiteCheckpointStore(path) as store:
        scheduler = Scheduler(backoff=Backoff(initial=0.05, trip_after=5))
        scheduler.every("backup", backup(store, cloud), "Dump", fixed_delay=0.01)
        async with scheduler:
            for moment in (cloud.failed, cloud.recovered):
                await moment.wait()
                status = await scheduler.settled("backup")
                print(
                    f"the flow is {status.state}, failures in a row: "
                    f"{status.failure_streak}"
                )

    # Without a store there is nothing to go on with; all the rest is the same.
    reports = Workflow().register("Report", report).add_exit_state("Done")
    async with Scheduler().manual("report", reports, "Report") as scheduler:
        scheduler.trigger("report")
        status = await scheduler.settled("report")
        print(f"report: {status.state}, runs: {status.run_count}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(main(Path(directory) / "runs.db"))
