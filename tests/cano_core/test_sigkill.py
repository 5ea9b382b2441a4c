"""A process that is really killed, and another one that goes on with its run."""

import subprocess
import textwrap
from pathlib import Path

import pytest

import children

PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from typing import Literal

    from cano_core import RunContext, SQLiteCheckpointStore, Workflow

    directory, parked = Path(sys.argv[1]), sys.argv[2]

    async def effect(name, key):
        with open(directory / "effects", "a") as file:
            file.write(f"{name} {key}\\n")
        if name == parked:
            print("parked", flush=True)
            await asyncio.Event().wait()

    async def start(run: RunContext) -> Literal["Work"]:
        await effect("Start", run.idempotency_key)
        return "Work"

    async def work(run: RunContext) -> Literal["Done"]:
        await effect("Work", run.idempotency_key)
        return "Done"

    async def main():
        async with SQLiteCheckpointStore(directory / "runs.db") as store:
            workflow = Workflow(checkpoint_store=store)
            workflow.register("Start", start).register("Work", work)
            workflow.add_exit_state("Done")
            print(await workflow.start_or_resume("Start", workflow_id="run"))
            print((await workflow.status("run")).phase)

    asyncio.run(main())
    """
)


def begin(directory: Path, parked: str) -> subprocess.Popen[str]:
    """Start the program; it parks for ever after that effect."""
    return subprocess.Popen(
        [children.program("python"), "-c", PROGRAM, directory, parked],
        env=children.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_when_parked(directory: Path, parked: str) -> None:
    program = begin(directory, parked)
    assert program.stdout is not None
    assert program.stdout.readline() == "parked\n"
    program.kill()
    program.communicate(timeout=60)


@pytest.mark.parametrize(
    ("kills", "effects"),
    [
        (["Work"], ["Start", "Work", "Work"]),
        (["Start"], ["Start", "Start", "Work"]),
        (["Start", "Start", "Work", "Work"], ["Start"] * 3 + ["Work"] * 3),
    ],
)
def test_only_the_state_that_was_killed_runs_again(
    tmp_path: Path, kills: list[str], effects: list[str]
):
    """K1: killed after an effect, the run goes on in another process."""
    for parked in kills:
        kill_when_parked(tmp_path, parked)
    told, _ = begin(tmp_path, "").communicate(timeout=60)

    lines = (tmp_path / "effects").read_text().splitlines()
    assert told.splitlines() == ["Done", "finished"]
    assert [line.split()[0] for line in lines] == effects
    # What an outside service would know each state's effect by is the same each time.
    assert set(lines) == {"Start run/Start/1", "Work run/Work/1"}
