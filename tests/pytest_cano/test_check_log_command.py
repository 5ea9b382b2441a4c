"""``python -m pytest_cano check-log``: what it prints, and how it ends."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import children
from cano_core import CheckpointRow, Outcome, OutcomeStatus, SQLiteCheckpointStore
from pytest_cano.commands import main
from pytest_cano.commands.loading import LoadError, load_workflow
from saga_rows import completion, rollback
from small_flow import memo, row

FINISHED = Outcome(OutcomeStatus.FINISHED, "Done")

SHOP = """
from typing import Literal

from cano_core import Workflow

print("a module may print")

async def start() -> Literal["Process"]:
    return "Process"

async def process() -> Literal["Done"]:
    return "Done"

workflow = Workflow().register("Start", start).register("Process", process)
workflow.add_exit_state("Done")

def make_workflow():
    return workflow

class Shop:
    made = workflow

def broken():
    raise RuntimeError("no database")

unfinished = Workflow()
order = 42
"""


async def fill(path: Path, **runs: list[CheckpointRow] | Outcome) -> None:
    async with SQLiteCheckpointStore(path) as store:
        for run, content in runs.items():
            if isinstance(content, Outcome):
                await store.finish(run, [row(0, content.state)], content)
            else:
                await store.append(run, *content)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of runs, in the working directory, beside the module corner."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "corner.py").write_text(SHOP)
    path = tmp_path / "recovery.db"
    asyncio.run(
        fill(
            path,
            sound=[row(0, "Start"), row(1, "Process")],
            ended=FINISHED,
            undone=Outcome(
                OutcomeStatus.ROLLED_BACK, "Process", rollback(0, "Process").payload
            ),
            undoing=[row(0, "A"), completion(1, "A", "B"), rollback(2, "A")],
        )
    )
    yield path
    sys.modules.pop("corner", None)


def check(*arguments: object) -> int:
    return main(["check-log", *map(str, arguments)])


def test_a_line_for_each_run_and_zero_where_all_are_sound(file: Path, capsys) -> None:
    assert check(file) == 0

    assert capsys.readouterr().out.splitlines() == [
        "ended  sound  (finished at Done)",
        "sound  sound  (interrupted (or alive) in Process, 2 rows)",
        "undoing  sound  (rolling back, failed in A, 3 rows)",
        "undone  sound  (rolled back, failed in Process)",
        "4 runs: all sound",
    ]


def test_problems_stand_below_their_run(file: Path, capsys) -> None:
    asyncio.run(fill(file, bad=[row(0, "Start"), memo(1, "Done"), memo(2, "Done")]))

    assert check(file, "--run", "bad", "--run", "sound") == 1

    assert capsys.readouterr().out.splitlines() == [
        "bad  3 problems  (interrupted (or alive) in Done, 3 rows)",
        "  row 1 (Done MEMO) stands in a visit of Start",
        "  row 2 (Done MEMO) stands in a visit of Start",
        "  row 2 (Done MEMO) records what its visit had recorded already",
        "sound  sound  (interrupted (or alive) in Process, 2 rows)",
        "2 runs: 1 with problems",
    ]


def test_of_very_many_problems_the_first_are_printed(file: Path, capsys) -> None:
    asyncio.run(fill(file, bad=[row(n, "A", 1) for n in range(60)]))  # type: ignore[arg-type]

    assert check(file, "--run", "bad") == 1

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 23
    assert lines[-2].startswith("  … and ")


@pytest.mark.parametrize("text", ["workflow", "make_workflow", "Shop.made"])
def test_a_workflow_makes_the_judgement_stricter(file: Path, capsys, text: str) -> None:
    asyncio.run(fill(file, skips=[row(0, "Start"), row(1, "Done")]))
    assert check(file, "--run", "skips") == 0

    assert check(file, "--run", "skips", "--workflow", f"corner:{text}") == 1

    out = capsys.readouterr().out
    assert "  row 1 (Done) follows Start, which leads only to Process\n" in out
    assert "skips  1 problem  (finished at Done, 2 rows)\n" in out


def test_an_unreadable_run_is_a_problem_of_that_run(file: Path, capsys) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE log SET version = 'x' WHERE workflow_id = 'sound'")
    connection.close()

    assert check(file) == 1

    out = capsys.readouterr().out
    assert "sound  1 problem  (unreadable)\n" in out
    assert "run 'sound', row 0: unreadable" in out
    assert "ended  sound" in out


def test_json_is_for_programs(file: Path, capsys) -> None:
    asyncio.run(fill(file, bad=[row(0, "Start"), memo(1, "Done")]))

    arguments = ("--run", "bad", "--run", "ended", "--workflow", "corner:workflow")
    assert check(file, "--json", *arguments) == 1

    bad, ended = json.loads(capsys.readouterr().out)
    assert bad["run"] == "bad"
    assert bad["rows"] == 2
    assert bad["problems"][0] == {
        "rule": "place",
        "row": 1,
        "message": "row 1 (Done MEMO) stands in a visit of Start",
    }
    assert ended == {
        "run": "ended",
        "stands": "finished at Done",
        "rows": 0,
        "problems": [],
    }


def test_a_file_without_runs_is_no_failure(tmp_path: Path, capsys) -> None:
    asyncio.run(fill(tmp_path / "new.db", gone=[row(0, "A")]))
    with SQLiteCheckpointStore(tmp_path / "new.db") as store:
        asyncio.run(store.clear("gone"))

    assert check(tmp_path / "new.db") == 0
    assert capsys.readouterr().out == "no runs\n"


def test_a_run_that_is_not_there_is_a_mistake(file: Path, capsys) -> None:
    assert check(file, "--run", "undon") == 2

    shown = capsys.readouterr()
    assert shown.err == (
        f"check-log: {file}: there is no run 'undon' (4 others); "
        "did you mean 'undone'?\n"
    )
    assert not shown.out


def test_a_file_that_is_not_ours_is_a_mistake(file: Path, capsys) -> None:
    assert check(file.parent / "corner.py") == 2
    assert "this is not a SQLite database" in capsys.readouterr().err
    assert check(file.parent / "recovry.db") == 2
    assert "recovry.db: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("corner", "write MODULE:ATTRIBUTE"),
        ("corner:", "write MODULE:ATTRIBUTE"),
        ("corer:workflow", "can't be imported: ModuleNotFoundError"),
        ("corner:worflow", "there is no 'worflow' in it; did you mean 'workflow'?"),
        ("corner:order", "is 42, and no Workflow"),
        ("corner:broken", "without arguments: RuntimeError: no database"),
        ("corner:unfinished", "is not valid: 2 problems"),
        ("exits:workflow", "can't be imported: SystemExit: 3"),
    ],
)
def test_a_workflow_that_is_none_is_a_mistake(
    file: Path, capsys, text: str, said: str
) -> None:
    (file.parent / "exits.py").write_text("raise SystemExit(3)")

    assert check(file, "--workflow", text) == 2
    assert said in capsys.readouterr().err
    with pytest.raises(LoadError, match=r"^--workflow "):
        load_workflow(text)


@pytest.mark.parametrize("arguments", [(), ("--rum", "x"), ("nothing.db", "more")])
def test_a_command_that_makes_no_sense_is_a_usage_error(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        check(*arguments)
    assert caught.value.code == 2
    assert "usage: python -m pytest_cano " in capsys.readouterr().err


def test_it_runs_as_a_module_without_pytest(file: Path) -> None:
    (file.parent / "pytest.py").write_text("raise ImportError('not needed')")
    command = [
        "check-log",
        "recovery.db",
        "--workflow",
        "corner:workflow",
        "--run",
        "sound",
    ]
    environment = children.environment() | {"PYTHONSAFEPATH": ""}

    done = subprocess.run(
        [sys.executable, "-m", "pytest_cano", *command, "--run", "sound"],
        env={key: value for key, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
    )

    assert done.stdout == (
        "sound  sound  (interrupted (or alive) in Process, 2 rows)\n1 run: all sound\n"
    )
    assert done.stderr == "a module may print\n"
    assert done.returncode == 0
    assert os.listdir(file.parent).count("recovery.db-shm") == 0
