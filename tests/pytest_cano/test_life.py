"""A life: points, death as a flag, notes, and who belongs to it."""

import asyncio
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_cano import lifetime
from pytest_cano.injection import injected
from pytest_cano.life import HERE, MOST_NOTES, Life, SimulatedCrash
from pytest_cano.lifetime import until_crash
from pytest_cano.schedule import CrashPoint, Fault
from pytest_cano.script import Planned
from pytest_cano.world import World

POINT = CrashPoint("Process", "end")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def doomed(world: World) -> Life:
    return world.new_life(Planned(Fault(POINT)))


def die(life: Life) -> None:
    with pytest.raises(SimulatedCrash):
        life.reached(POINT)


def test_points_are_recorded_once_in_order(world):
    life = world.new_life()
    for state in ("A", "B", "A"):
        life.reached(CrashPoint(state, "end"))

    assert list(map(str, life.points)) == ["A@end", "B@end"]
    assert life.alive
    assert not life.crashed


def test_a_life_dies_at_its_fault(doomed):
    doomed.reached(CrashPoint("Start", "end"))
    die(doomed)

    assert doomed.crashed
    assert not doomed.alive
    assert doomed.crashed_at == POINT
    assert list(map(str, doomed.points)) == ["Start@end", "Process@end"]


def test_the_dead_reach_nothing_more(doomed):
    die(doomed)

    with pytest.raises(SimulatedCrash, match="crashed at Process@end: the task had"):
        doomed.reached(CrashPoint("Later", "end"))
    assert list(map(str, doomed.points)) == ["Process@end"]
    assert doomed.notes == []


def test_an_ended_life_is_not_a_crashed_one(world):
    life = world.new_life()
    life.end()

    assert not life.alive
    assert not life.crashed
    with pytest.raises(SimulatedCrash, match="life 1 is over"):
        life.require_alive("charge()")
    assert life.notes == ["charge() was tried after the end, and refused"]


def test_notes_are_few_and_each_is_taken_once(world):
    life = world.new_life()
    for number in (1, 1, *range(100)):
        life.note(str(number))

    assert len(life.notes) == MOST_NOTES
    assert life.notes[:3] == ["1", "0", "2"]


def test_observations_are_texts_in_order(world):
    life = world.new_life()
    life.normalise(lambda value: "?" if value == 2 else value)
    for value in (1, 2, {3, 1}):
        life.observe("x", value)

    assert life.observations == {"x": ["1", "'?'", "{1, 3}"]}


def test_the_dead_observe_nothing(doomed):
    die(doomed)

    with pytest.raises(SimulatedCrash):
        doomed.observe("x", 1)
    assert doomed.observations == {}


def test_whoever_watches_is_told_of_the_crash(doomed):
    told: list[bool] = []
    doomed.on_crash(lambda: told.append(doomed.crashed))
    withdraw = doomed.on_crash(lambda: told.append(False))
    withdraw()
    die(doomed)

    assert told == [True]


def test_only_one_of_many_threads_crashes_the_life(doomed):
    crashes: list[str] = []
    start = threading.Barrier(8)

    def reach() -> None:
        start.wait()
        try:
            doomed.reached(POINT)
        except SimulatedCrash as crash:
            crashes.append(str(crash))

    told: list[int] = []
    doomed.on_crash(lambda: told.append(1))
    threads = [threading.Thread(target=reach) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(crashes) == 8
    assert told == [1]


def test_here_is_where_it_was_said(world):
    life = world.new_life()

    with life.here():
        assert HERE.get() is life
    assert HERE.get() is None


def test_a_life_ends_with_its_block(world):
    life = world.new_life()
    with injected(life):
        assert life.alive

    assert not life.alive
    assert not life.crashed


def test_lives_are_numbered(world):
    assert [world.new_life().number for _ in range(3)] == [1, 2, 3]


# What a crash leaves waiting


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "GRACE", 0.01)


def test_what_waits_for_ever_ends_with_the_life(doomed):
    async def program() -> None:
        asyncio.get_running_loop().call_soon(die, doomed)
        await asyncio.Event().wait()

    with pytest.raises(SimulatedCrash):
        asyncio.run(until_crash(doomed, program()))


def test_what_waits_again_ends_too(doomed):
    cancelled: list[int] = []

    async def program() -> None:
        asyncio.get_running_loop().call_soon(die, doomed)
        while len(cancelled) < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(1)
        await asyncio.Event().wait()

    with pytest.raises(SimulatedCrash):
        asyncio.run(until_crash(doomed, program()))
    assert len(cancelled) == 3


def test_a_crash_in_a_thread_ends_what_waits(doomed):
    async def program() -> None:
        threading.Thread(target=die, args=(doomed,)).start()
        await asyncio.Event().wait()

    with pytest.raises(SimulatedCrash):
        asyncio.run(until_crash(doomed, program()))


def test_the_task_is_not_left_cancelled(doomed):
    async def program() -> int:
        async def waiting() -> None:
            asyncio.get_running_loop().call_soon(die, doomed)
            await asyncio.Event().wait()

        with pytest.raises(SimulatedCrash):
            await until_crash(doomed, waiting())
        task = asyncio.current_task()
        await asyncio.sleep(0)
        return -1 if task is None else task.cancelling()

    assert asyncio.run(program()) == 0


def test_what_unwinds_by_itself_is_left_alone(doomed, monkeypatch):
    monkeypatch.setattr(lifetime, "GRACE", 0)

    async def program() -> str:
        try:
            doomed.reached(POINT)
        except SimulatedCrash:
            return "closed"
        return "alive"

    async def until_then() -> str:
        ended = await until_crash(doomed, program())
        # A timer that were set now would cancel this.
        for _ in range(5):
            await asyncio.sleep(0)
        return ended

    assert asyncio.run(until_then()) == "closed"


def test_a_cancellation_by_someone_else_stays_one(doomed):
    async def program() -> None:
        task = asyncio.ensure_future(until_crash(doomed, asyncio.Event().wait()))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(program())


def test_time_stands_still_with_a_life(world, monkeypatch):
    now = 100.0
    monkeypatch.setattr(
        "pytest_cano.stopwatch.time", SimpleNamespace(monotonic=lambda: now)
    )
    world.schedule, world.timeout = "Process@end", 10.0
    life = world.new_life()

    now = 104.0
    with life.watch.paused():
        now = 1000.0

    assert life.seconds_left == 6


def test_who_stood_still_when_its_time_was_over_has_more(world):
    world.schedule, world.timeout = "Process@end", 0.05
    life = world.new_life()

    def pause():
        with life.watch.paused():
            time.sleep(0.1)

    async def program():
        pause()
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(until_crash(life, program()))

    assert not life.gave_up
