"""What a task does to the world without telling the ledger is named, once a line."""

import asyncio
import importlib
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import children
from cano_core import MemoryCheckpointStore, RunContext, Workflow
from pytest_cano.frames import FRAME, TaskFrame
from pytest_cano.injection import injected
from pytest_cano.ledger import EffectLedger
from pytest_cano.life import Life
from pytest_cano.unledgered import noticing
from pytest_cano.world import World

HERE = "test_unledgered.py:"


@pytest.fixture
def world(tmp_path: Path) -> World:
    disk = tmp_path / "disk"
    disk.mkdir()
    return World(disk, root=Path(__file__).parent)


@pytest.fixture
def life(world: World) -> Life:
    return world.new_life()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside"
    path.mkdir()
    return path


@pytest.fixture
def said(life: Life) -> Iterator[list[str]]:
    told: list[str] = []
    with noticing(life, told.append):
        yield told


def in_task(
    life: Life, act: Callable[[], object], code: CodeType | None = None
) -> None:
    """Do something as if a task of this life did it."""
    frame = TaskFrame(life, 1, "Process", 1, None)
    frame.code = code
    token = FRAME.set(frame)
    try:
        act()
    finally:
        FRAME.reset(token)


def write(path: Path) -> None:
    path.write_text("written")


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "open": (lambda path: write(path / "new"), "writes {0}/new"),
    "append": (lambda path: (path / "old").open("a").close(), "writes {0}/old"),
    "os.open": (
        lambda path: os.close(os.open(path / "new", os.O_CREAT)),
        "writes {0}/new",
    ),
    "rename": (lambda path: (path / "old").rename(path / "new"), "renames {0}/old"),
    "remove": (lambda path: (path / "old").unlink(), "removes {0}/old"),
    "mkdir": (lambda path: (path / "new").mkdir(), "makes {0}/new"),
    "rmdir": (lambda path: (path / "empty").rmdir(), "removes {0}/empty"),
    "rmtree": (lambda path: shutil.rmtree(path / "empty"), "removes {0}/empty"),
    "truncate": (lambda path: os.truncate(path / "old", 0), "writes {0}/old"),
    "symlink": (lambda path: (path / "new").symlink_to("old"), "writes {0}/new"),
    "link": (lambda path: os.link(path / "old", path / "new"), "writes {0}/new"),
    "database": (
        lambda path: sqlite3.connect(path / "new.db").close(),
        "opens the database {0}/new.db",
    ),
    "bytes": (
        lambda path: os.mkdir(os.fsencode(path / "new")),
        "makes {0}/new",
    ),
    "logging": (
        lambda path: logging.FileHandler(path / "log").close(),
        "writes {0}/log",
    ),
}


def prepared(path: Path) -> Path:
    (path / "old").write_text("old")
    (path / "empty").mkdir()
    return path


@pytest.mark.parametrize("name", FILES)
def test_what_is_done_to_files_is_named(life, said, outside, name):
    act, expected = FILES[name]
    prepared(outside)
    in_task(life, lambda: act(outside))

    (line,) = said
    assert line.startswith(HERE)
    assert line.endswith(
        f" {expected.format(outside)}, which the ledger is not told of"
    )


@pytest.mark.parametrize("name", FILES)
def test_on_the_disk_nothing_is_named(life, world, said, name):
    act, _ = FILES[name]
    prepared(world.disk)
    in_task(life, lambda: act(world.disk))

    assert said == []


def test_a_relative_path_is_one_of_the_working_directory(
    life, world, said, outside, monkeypatch
):
    monkeypatch.chdir(world.disk)
    in_task(life, lambda: write(Path("new")))
    assert said == []

    monkeypatch.chdir(outside)
    in_task(life, lambda: write(Path("new")))
    assert len(said) == 1


def test_a_link_leads_where_it_leads(life, world, said, outside):
    (world.disk / "link").symlink_to(outside)
    (outside / "link").symlink_to(world.disk)
    in_task(life, lambda: write(outside / "link" / "new"))
    assert said == []

    in_task(life, lambda: write(world.disk / "link" / "new"))
    assert len(said) == 1


def test_reading_is_no_effect(life, said, outside):
    prepared(outside)

    def read() -> None:
        (outside / "old").read_text()
        list(outside.iterdir())
        os.close(os.open(outside / "old", os.O_RDONLY))
        sqlite3.connect(":memory:").close()
        with open(os.devnull, "w"), open(1, "w", closefd=False):
            pass

    in_task(life, read)

    assert said == []


def connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def send() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"hello", ("127.0.0.1", 9))


def send_message() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as datagram:
        datagram.sendmsg([b"hello"], [], 0, ("127.0.0.1", 9))


def run() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


async def run_async() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()


def fork() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def spawn() -> None:
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}), 0)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (connect, "connect connects to 127.0.0.1:"),
        (send, "send sends to 127.0.0.1:9,"),
        (send_message, "send_message sends to 127.0.0.1:9,"),
        (run, f"run starts {sys.executable},"),
        (lambda: asyncio.run(run_async()), f"run_async starts {sys.executable},"),
        (lambda: os.system("true"), "<lambda> runs true,"),
        (spawn, f"spawn starts {sys.executable},"),
    ],
)
def test_connections_and_processes_are_named(life, said, act, expected):
    in_task(life, act)

    (line,) = said
    assert line.startswith(HERE)
    assert f" in {expected}" in line


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_is_named(life, said):
    in_task(life, fork)

    assert said[0].endswith("fork forks a process, which the ledger is not told of")


def test_a_line_is_named_once(life, said, outside):
    def work() -> None:
        for number in range(3):
            write(outside / str(number))
        (outside / "another").mkdir(exist_ok=True)

    in_task(life, work)
    in_task(life, work)

    assert len(said) == 2


def test_the_line_is_that_of_the_task(life, said, outside):
    def task() -> None:
        write(outside / "new")

    in_task(life, task, task.__code__)

    (line,) = said
    assert f"{HERE}{task.__code__.co_firstlineno + 1} in task writes" in line


def test_a_thread_of_the_task_is_looked_at(life, said, outside):
    in_task(
        life, lambda: asyncio.run(asyncio.to_thread(write, outside / "from a thread"))
    )

    assert len(said) == 1


def test_what_the_library_does_in_a_thread_is_named_where_the_task_begins(
    life, said, outside
):
    async def task() -> None:
        await asyncio.to_thread(os.mkdir, outside / "new")

    in_task(life, lambda: asyncio.run(task()), task.__code__)

    (line,) = said
    assert f"{HERE}{task.__code__.co_firstlineno} in task makes" in line


def test_what_is_moved_out_of_the_disk_is_named(life, world, said, outside):
    prepared(world.disk)
    in_task(life, lambda: (world.disk / "old").rename(outside / "new"))

    (line,) = said
    assert f"writes {outside}/new" in line


# What is not named


def test_a_tree_on_the_disk_is_removed(life, world, said, outside, monkeypatch):
    # Its parts are removed by names that mean something else where we are.
    monkeypatch.chdir(outside)
    (world.disk / "tree" / "branch").mkdir(parents=True)
    (world.disk / "tree" / "branch" / "leaf").touch()
    in_task(life, lambda: shutil.rmtree(world.disk / "tree"))

    assert said == []


def test_outside_of_tasks_nothing_is_named(said, outside):
    write(outside / "new")

    assert said == []


def test_a_thread_of_nobodys_is_not_looked_at(life, said, outside):
    def task() -> None:
        thread = threading.Thread(target=write, args=[outside / "new"])
        thread.start()
        thread.join()

    in_task(life, task)

    assert said == []


def test_what_a_dead_life_does_is_not_named(life, said, outside):
    life.end()
    in_task(life, lambda: write(outside / "new"))

    assert said == []


def test_another_life_is_not_looked_at(world, said, outside):
    in_task(world.new_life(), lambda: write(outside / "new"))

    assert said == []


def test_afterwards_nothing_is_named(life, outside):
    told: list[str] = []
    with noticing(life, told.append):
        pass
    in_task(life, lambda: write(outside / "new"))

    assert told == []


class Mailer:
    def __init__(self, outside: Path) -> None:
        self.outside = outside

    def send(self) -> None:
        write(self.outside / "mail")

    async def send_async(self) -> None:
        await asyncio.sleep(0)
        write(self.outside / "mail")


def test_what_goes_through_a_spy_is_known(life, said, outside):
    mailer = EffectLedger(life).spy(Mailer(outside))

    in_task(life, mailer.send)
    in_task(life, lambda: asyncio.run(mailer.send_async()))

    assert said == []
    assert (outside / "mail").exists()


def test_a_spy_around_a_whole_task_knows_nothing_of_it(life, said, outside):
    mailer = EffectLedger(life).spy(Mailer(outside))

    in_task(life, mailer.send, Mailer.send.__code__)

    assert len(said) == 1


def test_an_import_writes_its_bytecode(life, said, outside, monkeypatch):
    (outside / "imported_by_a_task.py").write_text("VALUE = 1")
    monkeypatch.syspath_prepend(outside)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)

    in_task(life, lambda: importlib.import_module("imported_by_a_task"))

    assert said == []
    assert list(outside.glob("__pycache__/imported*"))


@pytest.mark.parametrize("module", ["hypothesis.database", "pytest_cano.fixtures"])
def test_what_a_tool_has_the_library_do_is_its_own(life, said, outside, module):
    names: dict[str, Any] = {"__name__": module}
    exec("def save(path): path.write_text('saved')", names)

    in_task(life, lambda: names["save"](outside / "new"))

    assert said == []


def test_scratch_files_are_nobodys_business(life, said):
    def task() -> None:
        with tempfile.TemporaryFile(), tempfile.NamedTemporaryFile():
            pass

    in_task(life, task)

    assert said == []


class FileStore(MemoryCheckpointStore):
    """A store that keeps its rows in files, wherever it was told to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    async def append(self, workflow_id: str, *rows: Any) -> None:
        await super().append(workflow_id, *rows)
        (self.path.parent / "index").write_text("by whom it is called, one knows")
        await asyncio.to_thread(write, self.path.with_suffix(".lock"))


def test_the_store_is_known_wherever_it_is(life, said, outside):
    async def task(run: RunContext) -> str:
        await run.once("noted", int)
        write(outside / "effect")
        return "Done"

    workflow = Workflow(checkpoint_store=FileStore(outside / "rows"))
    workflow.register("Task", task).add_exit_state("Done")
    with injected(life):
        asyncio.run(workflow.orchestrate("Task", workflow_id="run"))

    assert (outside / "index").exists()
    (line,) = said
    assert f" in task writes {outside}/effect," in line


def test_coverage_writes_what_it_writes(tmp_path):
    program = f"""if 1:
        import sys, coverage
        sys.path[:0] = [{str(Path(__file__).parent)!r}]
        from pathlib import Path
        from pytest_cano.frames import FRAME, TaskFrame
        from pytest_cano.unledgered import noticing
        from pytest_cano.world import World
        Path("disk").mkdir()
        life = World(Path("disk")).new_life()
        measured = coverage.Coverage(data_file="data")
        with noticing(life, print):
            FRAME.set(TaskFrame(life, 1, "Process", 1, None))
            measured.start()
            Path("disk").exists(), (lambda: 1)()
            measured.stop()
            measured.save()
            open("named", "w").close()
    """
    (tmp_path / "program.py").write_text(program)

    unmeasured = {
        name: value
        for name, value in children.environment().items()
        if not name.startswith("COVERAGE_")
    }
    done = children.run("python", "program.py", cwd=tmp_path, env=unmeasured)

    assert done == children.Completed(
        0, "program.py:17 in <module> writes named, which the ledger is not told of\n"
    )
    assert (tmp_path / "data").exists()


def test_what_goes_wrong_here_is_not_the_programs(life, outside):
    def broken(text: str) -> None:
        raise ValueError(text)

    with noticing(life, broken):
        in_task(life, lambda: write(outside / "new"))

    assert (outside / "new").exists()


def test_what_is_done_about_it_is_not_looked_at(life, outside):
    told: list[str] = []

    def say(text: str) -> None:
        (outside / "note").mkdir(exist_ok=True)
        told.append(text)

    with noticing(life, say):
        in_task(life, lambda: write(outside / "new"))

    assert len(told) == 1


def test_a_life_is_known_without_a_hook_where_nothing_is_noticed():
    code = """if 1:
        import sys
        hooks = []
        sys.addaudithook = hooks.append
        import pytest_cano.unledgered
        print(hooks)
    """
    done = children.run("python", "-c", code, cwd=Path.cwd())

    assert done == children.Completed(0, "[]\n")
