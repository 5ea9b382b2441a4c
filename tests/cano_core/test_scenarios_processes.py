"""Several processes on one checkpoint file: what cano tests with containers."""

import asyncio
import subprocess
import textwrap
from pathlib import Path

import pytest

import children
from cano_core import RowKind, SQLiteCheckpointStore

PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from typing import Literal

    from cano_core import (
        RunExistsError, SQLiteCheckpointStore, TaskConfig, TaskFailedError, Workflow
    )

    directory, workflow_id, mode = Path(sys.argv[1]), *sys.argv[2:]

    def event(name, amount=0):
        with open(directory / workflow_id, "a") as file:
            file.write(f"{name} {amount}\\n")

    async def reserve() -> tuple[Literal["Ship"], int]:
        event("run:Reserve", -5)
        return "Ship", 5

    async def release(amount: int):
        event("compensate:Reserve", amount)

    async def ship() -> Literal["Done"]:
        event("run:Ship")
        if mode == "park":
            print("parked", flush=True)
            await asyncio.Event().wait()
        if mode == "fail":
            raise OSError("no carrier")
        return "Done"

    async def main():
        async with SQLiteCheckpointStore(directory / "runs.db", sync=False) as store:
            workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
            workflow.register_with_compensation("Reserve", reserve, compensate=release)
            workflow.register("Ship", ship, config=TaskConfig.minimal())
            start = workflow.orchestrate
            if mode == "resume":
                print("was", (await workflow.status(workflow_id)).phase)
                start = workflow.start_or_resume
            print("ready", flush=True)
            sys.stdin.readline()
            try:
                print(await start("Reserve", workflow_id=workflow_id))
            except (RunExistsError, TaskFailedError) as error:
                print(type(error).__name__, error)

    asyncio.run(main())
    """
)


class Inventory:
    """The programs' directory, and what they did."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def begin(self, workflow_id: str, mode: str = "run") -> "subprocess.Popen[str]":
        """Start a program; it waits for a line before it runs its workflow."""
        return subprocess.Popen(
            [
                children.program("python"),
                "-c",
                PROGRAM,
                self.directory,
                workflow_id,
                mode,
            ],
            env=children.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def together(self, *programs: "subprocess.Popen[str]") -> list[list[str]]:
        """Let them run at the same time; return what each printed."""
        before = [until("ready", program) for program in programs]
        for program in programs:
            assert program.stdin is not None
            program.stdin.write("\n")
            program.stdin.flush()
        told = [program.communicate(timeout=60)[0] for program in programs]
        return [
            first + last.splitlines() for first, last in zip(before, told, strict=True)
        ]

    def events(self, workflow_id: str) -> list[str]:
        return [each.split()[0] for each in self._lines(workflow_id)]

    def stock(self, workflow_id: str) -> int:
        return sum(int(each.split()[1]) for each in self._lines(workflow_id))

    def _lines(self, workflow_id: str) -> list[str]:
        return (self.directory / workflow_id).read_text().splitlines()

    def kinds(self, workflow_id: str) -> list[RowKind]:
        with SQLiteCheckpointStore(self.directory / "runs.db") as store:
            return [row.kind for row in asyncio.run(store.load_run(workflow_id))]


def until(line: str, program: "subprocess.Popen[str]") -> list[str]:
    """Read what a program prints up to a line; return what came before that."""
    assert program.stdout is not None
    told: list[str] = []
    while (read := program.stdout.readline()) != f"{line}\n":
        assert read, f"the program ended after {told}"
        told.append(read.strip())
    return told


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


@pytest.mark.parametrize("signal", ["kill", "terminate"])
def test_e1_a_run_whose_process_is_ended_is_gone_on_with_by_another(
    inventory: Inventory, signal: str
) -> None:
    """K3: parked in Ship, after what can be undone was done."""
    program = inventory.begin("order", "park")
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()
    until("parked", program)
    getattr(program, signal)()
    program.communicate(timeout=60)

    assert program.returncode != 0
    assert inventory.stock("order") == -5
    assert inventory.events("order") == ["run:Reserve", "run:Ship"]
    entry, completion = RowKind.STATE_ENTRY, RowKind.COMPENSATION_COMPLETION
    assert inventory.kinds("order") == [entry, completion, entry]

    told = inventory.together(inventory.begin("order", "resume"))
    assert told == [["was interrupted", "Done"]]
    assert inventory.stock("order") == -5
    assert inventory.events("order") == ["run:Reserve", "run:Ship", "run:Ship"]
    assert inventory.kinds("order") == []


def test_e2_processes_with_runs_of_their_own_are_all_done(
    inventory: Inventory,
) -> None:
    names = [f"order-{n}" for n in range(6)]
    told = inventory.together(*[inventory.begin(name) for name in names])

    assert told == [["Done"]] * 6
    assert [inventory.stock(name) for name in names] == [-5] * 6
    assert [inventory.kinds(name) for name in names] == [[]] * 6


def test_e3_of_processes_that_start_one_run_exactly_one_does(
    inventory: Inventory,
) -> None:
    """Unlike with cano never both, however late the other one comes."""
    told = inventory.together(*[inventory.begin("order") for _ in range(3)])

    first, *others = sorted(told)
    assert first == ["Done"]
    assert all(line.startswith("RunExistsError") for [line] in others)
    assert inventory.events("order") == ["run:Reserve", "run:Ship"]


def test_e4_what_was_reserved_is_released_when_it_can_not_be_shipped(
    inventory: Inventory,
) -> None:
    """And the process that comes next does not try again."""
    [[told]] = inventory.together(inventory.begin("order", "fail"))

    assert told.startswith("TaskFailedError")
    assert "no carrier" in told
    assert inventory.stock("order") == 0
    assert inventory.events("order")[-1] == "compensate:Reserve"
    assert inventory.kinds("order") == []
    [[again]] = inventory.together(inventory.begin("order"))
    assert again.startswith("RunExistsError")
