"""A workflow stops half-way, and a second start goes on where it stopped.

Start > Process > Finalize > Done, on a SQLite file. The first time it is asked, the
resource ``crash`` lets ``process`` fail, as a broken connection would. The log then
still says that the run is in Process; resuming it runs Process again, and never Start.

    python examples/workflow_recovery.py
"""

import asyncio
import tempfile
from enum import Enum, auto
from pathlib import Path
from typing import Literal

from cano_core import (
    CheckpointStore,
    RunContext,
    SQLiteCheckpointStore,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowObserver,
)

RUN = "demo-run-42"


class Step(Enum):
    START = auto()
    PROCESS = auto()
    FINALIZE = auto()
    DONE = auto()


class CrashOnce:
    """Fails the first time."""

    def __init__(self) -> None:
        self.armed = True

    def check(self) -> None:
        if self.armed:
            self.armed = False
            raise ConnectionError("the connection broke")


class Watcher(WorkflowObserver):
    def on_checkpoint(self, workflow_id: str, sequence: int) -> None:
        print(f"  checkpoint {sequence}")

    def on_resume(self, workflow_id: str, sequence: int) -> None:
        print(f"  resumed {workflow_id} after checkpoint {sequence}")


async def start() -> Literal[Step.PROCESS]:
    print("  start")
    return Step.PROCESS


async def process(crash: CrashOnce, run: RunContext) -> Literal[Step.FINALIZE]:
    print(f"  process, for the key {run.idempotency_key}")
    crash.check()
    return Step.FINALIZE


async def finalize() -> Literal[Step.DONE]:
    print("  finalize")
    return Step.DONE


def recovery(store: CheckpointStore, crash: CrashOnce) -> Workflow:
    return (
        Workflow(
            resources={"crash": crash}, checkpoint_store=store, observers=[Watcher()]
        )
        .register(Step.START, start)
        .register(Step.PROCESS, process, config=TaskConfig.minimal())
        .register(Step.FINALIZE, finalize)
        .add_exit_state(Step.DONE)
    )


async def main(directory: Path) -> None:
    async with SQLiteCheckpointStore(directory / "recovery.db") as store:
        workflow = recovery(store, CrashOnce())

        print("run 1")
        try:
            await workflow.orchestrate(Step.START, workflow_id=RUN)
        except TaskFailedError as error:
            print(f"  stopped: {error.__cause__}")

        print("the log")
        for row in await store.load_run(RUN):
            print(f"  {row.sequence} {row.kind.name} {row.state}")

        print("run 2")
        reached = await workflow.resume_from(RUN)
        print(f"  reached {reached.name}")

        print(f"the log has {len(await store.load_run(RUN))} rows")
        print(f"the run is {(await workflow.status(RUN)).phase}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(main(Path(directory)))
