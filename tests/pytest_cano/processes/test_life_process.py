"""A life's process: how it ends, and what is known of it then."""

import _thread
import asyncio
import contextlib
import ctypes
import faulthandler
import gc
import os
import re
import signal
import sys
import threading
import time
from typing import Any

import pytest

from cano_core import MemoryCheckpointStore, RunContext
from forked import nothing_left
from programs import processing, shop
from pytest_cano.functions import FunctionProgram
from pytest_cano.life import Life
from pytest_cano.processes import forking
from pytest_cano.processes.forking import Forking, waiting, why_not
from pytest_cano.schedule import Schedule
from pytest_cano.script import UNDISTURBED, Planned
from pytest_cano.view import WorldView
from pytest_cano.world import World

alone = pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ,
    reason="a worker of pytest-xdist has threads of its own; run this without -n",
)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, workflow_id="order-1")
    made.schedule = "something"
    return made


def begun(
    world: World, function: Any, fault: str | None = None, timeout: float | None = 60
) -> tuple[Life, Any, Any]:
    """Begin a life; return it, its process, and what learns of the process's end."""
    script = UNDISTURBED if fault is None else Planned(*Schedule.parse(fault).lives[0])
    life = world.new_life(script)
    living = Forking(timeout).begin(FunctionProgram(function, lambda _: None), life)
    statuses: list[int] = []
    reap = living._reap

    def reaped() -> Any:
        statuses.append(reap())
        return statuses[0]

    living._reap = reaped
    return life, living, statuses


def test_a_killed_process_has_died_of_sigkill(world):
    ran = world.disk / "ran"

    def program(view: WorldView) -> None:
        try:
            asyncio.run(
                shop(view, store=storeless(view)).orchestrate("Start", workflow_id="x")
            )
        finally:
            ran.touch()

    def storeless(view: WorldView) -> Any:
        return MemoryCheckpointStore()

    with nothing_left():
        life, living, statuses = begun(world, program, "Process@effect:1=kill")
        result = living.until_it_stops()

    assert os.WIFSIGNALED(statuses[0])
    assert os.WTERMSIG(statuses[0]) == signal.SIGKILL
    assert str(life.crashed_at) == "Process@effect:1"
    assert [effect.name for effect in world.effects] == ["charge"]
    assert result is not None
    assert not ran.exists()


def killed_by_exit(view: WorldView) -> None:
    os._exit(3)


def killed_by_thread(view: WorldView) -> None:
    thread = threading.Thread(target=os._exit, args=(4,))
    thread.start()
    thread.join()


def killed_by_segfault(view: WorldView) -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    ctypes.string_at(0)


def killed_by_signal(view: WorldView) -> None:
    os.kill(os.getpid(), signal.SIGRTMIN + 3)


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (killed_by_exit, "ended itself with status 3, past its test (os._exit?)"),
        (killed_by_thread, "ended itself with status 4, past its test (os._exit?)"),
        (killed_by_segfault, "was ended by SIGSEGV, which no schedule had planned"),
        (killed_by_signal, "was ended by .*, which no schedule had planned"),
    ],
)
def test_a_program_that_ends_its_process(world, program, told):
    faulthandler.disable()
    with nothing_left():
        life, living, _ = begun(world, program)
        result = living.until_it_stops()

    assert result.outcome == "failed"
    assert re.fullmatch(
        f"the process of life 1 {re.escape(told)}".replace(r"\.\*", ".*"),
        result.failure,
    )
    assert life.vanished == result.failure
    assert life.over


def test_a_program_that_ends_itself_in_python(world):
    def program(view: WorldView) -> None:
        # In a thread it ends the thread.
        thread = threading.Thread(target=sys.exit, args=(3,))
        thread.start()
        thread.join()
        sys.exit(3)

    with nothing_left():
        _, living, statuses = begun(world, program)
        result = living.until_it_stops()

    assert statuses == [0]
    assert result.failure.endswith("SystemExit: 3")


def test_a_program_that_recurses(world):
    def program(view: WorldView) -> None:
        program(view)

    with nothing_left():
        _, living, _ = begun(world, program)
        assert "RecursionError" in living.until_it_stops().failure


def test_a_process_that_somebody_else_has_waited_for(world):
    with nothing_left():
        _, living, _ = begun(world, killed_by_exit)
        os.waitpid(living._pid, 0)

        result = living.until_it_stops()

    assert result.failure.endswith("ended itself, past its test (os._exit?)")


def test_a_life_that_never_ends_tells_what_it_has_done(world):
    def process(view: WorldView) -> Any:
        async def task(run: RunContext) -> str:
            view.ledger.effect("before")
            deep(view)
            return "Done"

        return task

    def deep(view: WorldView) -> None:
        time.sleep(600)

    program = processing(process, store=MemoryCheckpointStore())
    with nothing_left():
        life, living, statuses = begun(world, program, timeout=0.5)
        result = living.until_it_stops()

    assert os.WTERMSIG(statuses[0]) == signal.SIGKILL
    line = deep.__code__.co_firstlineno + 1
    assert life.gave_up.startswith("no end after 0.5 seconds, at ")
    assert life.gave_up.endswith(f"test_life_process.py:{line} in deep")
    assert result.failure == life.gave_up
    assert [effect.name for effect in world.effects] == ["before"]
    assert [*map(str, life.points)][-1] == "Process@effect:1"


def test_a_life_that_waits_for_ever_says_where(world):
    async def waits(run: RunContext) -> str:
        await asyncio.sleep(600)
        return "Done"

    world.timeout = 600  # its own watch is tested elsewhere
    program = processing(lambda view: waits, store=MemoryCheckpointStore())
    with nothing_left():
        life, living, _ = begun(world, program, timeout=0.5)
        living.until_it_stops()

    line = waits.__code__.co_firstlineno + 1
    assert life.gave_up.endswith(f"test_life_process.py:{line} in waits")


def test_a_life_that_answers_to_no_signal(world):
    def program(view: WorldView) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(600)

    with nothing_left(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytest_cano.processes.outside.GRACE", 0.1)
        life, living, _ = begun(world, program, timeout=0.1)
        living.until_it_stops()

    assert life.gave_up == "no end after 0.1 seconds"


@pytest.mark.parametrize("error", [KeyboardInterrupt, pytest.exit.Exception])
def test_what_ends_a_session_ends_it_from_there_too(world, error):
    def program(view: WorldView) -> None:
        raise error

    class Raising(FunctionProgram):
        def live(self, life: Life) -> Any:
            raise error

    with nothing_left():
        life = world.new_life()
        living = Forking(60).begin(Raising(program, lambda _: None), life)
        with pytest.raises(error):
            living.until_it_stops()


def test_an_interrupted_wait_leaves_nobody_behind(world):
    def program(view: WorldView) -> None:
        time.sleep(600)

    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    with nothing_left():
        _, living, _ = begun(world, program)
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt):
                living.until_it_stops()
        finally:
            signal.signal(signal.SIGALRM, before)


def test_a_process_that_is_abandoned_while_it_stands_still(world):
    program = processing(lambda view: None, store=MemoryCheckpointStore())
    with nothing_left():
        life, living, statuses = begun(world, program, "Start@end=twin")
        assert living.until_it_stops() is None
        assert [str(fault) for fault in life.struck] == ["Start@end=twin"]
        living.abandon()
        living.abandon()

    assert [os.WTERMSIG(status) for status in statuses] == [signal.SIGKILL]


def test_a_child_ends_with_its_parent(world):
    """Whatever the parent dies of, and whatever the child does."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            os.close(read)
            begun(world, lambda view: time.sleep(600))
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    os.close(write)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    # The life's process has the other end of this pipe, until it has ended.
    assert os.read(read, 1) == b""
    os.close(read)


@alone
def test_why_a_process_is_not_forked():
    assert why_not() == ""
    may_end = threading.Event()
    thread = threading.Thread(target=may_end.wait, name="busy")
    thread.start()
    assert why_not() == "the thread 'busy' is running"
    with waiting(thread):
        assert why_not() == ""
    may_end.set()
    thread.join()


@alone
def test_threads_of_a_library_are_seen():
    """Python knows nothing of them."""
    may_end = threading.Event()
    thread = _thread.start_new_thread(may_end.wait, ())
    try:
        assert why_not() == "threads of a library are running"
    finally:
        may_end.set()
    assert thread
    assert why_not() == ""


@alone
def test_a_watchdog_is_called_off():
    faulthandler.dump_traceback_later(600)

    assert why_not() == ""


def test_there_may_be_no_fork(monkeypatch):
    monkeypatch.delattr("os.fork")

    assert why_not() == "there is no fork on this system"


def test_a_child_does_not_share_open_event_loops(world):
    """What it does to a loop that is kept open, its parent's loop does not notice."""
    loop = asyncio.new_event_loop()
    woken = threading.Event()

    def program(view: WorldView) -> Any:
        async def wake() -> str:
            here = asyncio.get_running_loop()
            reader, writer = os.pipe()
            heard = here.create_future()
            here.add_reader(reader, heard.set_result, None)
            here.call_soon_threadsafe(os.write, writer, b"x")
            await heard
            here.remove_reader(reader)
            return "awake"

        return loop.run_until_complete(wake())

    with nothing_left():
        life, living, _ = begun(world, program)
        result = living.until_it_stops()

    assert result.failure == ""
    assert life.observations == {"returned": ["'awake'"]}
    # Nothing is there to be read in the parent, and its pipe still works.
    assert loop._selector.select(0) == []
    loop.call_soon_threadsafe(woken.set)
    assert loop._selector.select(1)
    loop.run_until_complete(asyncio.sleep(0))
    assert woken.is_set()
    loop.close()


def test_forking_a_lot_leaves_the_memory_as_it_is(world):
    """What is frozen for a fork is let go of again."""
    before = gc.get_freeze_count()
    pid = forking.fork()
    if not pid:
        os._exit(gc.get_freeze_count() > before and not gc.get_objects(0)[1000:])
    status = os.waitpid(pid, 0)[1]

    assert os.waitstatus_to_exitcode(status) == 1
    assert gc.get_freeze_count() == before
