"""A loop's time leaps over the waiting, and nothing else about it is different."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pytest_cano import virtual_clock
from pytest_cano.virtual_clock import NoVirtualTimeError, ahead_of, leaping

HOUR = 3600.0
AT_ONCE = 20.0
"""Seconds of real time that nothing here takes, on the busiest of machines."""


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(virtual_clock, "PATIENCE", AT_ONCE)
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def stuck() -> None:
    raise AssertionError("there was a timer")


def run(main: Callable[[asyncio.AbstractEventLoop], Any]) -> Any:
    async def begin() -> Any:
        return await main(asyncio.get_running_loop())

    return asyncio.run(begin())


@pytest.mark.parametrize("seconds", [0.01, 60, HOUR, 80 * HOUR])
def test_a_time_limit_ends_what_hangs(seconds):
    async def main(loop: asyncio.AbstractEventLoop) -> float:
        began = loop.time()
        with leaping(loop, on_stuck=stuck), pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await forever()
        return loop.time() - began

    assert seconds <= run(main) < seconds + AT_ONCE


def test_wait_for_ends_it_too():
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with leaping(loop, on_stuck=stuck):
            await asyncio.wait_for(forever(), HOUR)

    with pytest.raises(TimeoutError):
        run(main)


def test_timers_run_in_their_order():
    async def main(loop: asyncio.AbstractEventLoop) -> list[tuple[str, float]]:
        told: list[tuple[str, float]] = []
        began = loop.time()

        def tell(name: str, following: float = 0) -> None:
            told.append((name, loop.time() - began))
            if following:
                loop.call_later(following, tell, f"after {name}")

        loop.call_later(3 * HOUR, tell, "third")
        loop.call_later(HOUR, tell, "first", HOUR)
        loop.call_later(2.5 * HOUR, tell, "second")
        with leaping(loop):
            await asyncio.sleep(4 * HOUR)
        return told

    told = run(main)

    assert [name for name, _ in told] == ["first", "after first", "second", "third"]
    hours = [round(at / HOUR, 2) for _, at in told]
    assert hours == [1, 2, 2.5, 3]


def test_without_a_hang_time_takes_its_time():
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with leaping(loop):
            await asyncio.sleep(HOUR)
        ahead, began = ahead_of(loop), time.monotonic()
        await asyncio.sleep(0.02)
        assert ahead_of(loop) == ahead
        assert time.monotonic() - began >= 0.02

    run(main)


def test_a_loop_that_has_not_leapt_is_as_it_was():
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        before = {**vars(loop)}
        selector = {**vars(loop._selector)}  # type: ignore[attr-defined]
        with leaping(loop):
            assert loop.time != before.get("time")
        assert vars(loop) == before
        assert vars(loop._selector) == selector  # type: ignore[attr-defined]

    run(main)


def test_a_clock_that_has_leapt_stays_ahead_until_its_loop_is_closed():
    loop = asyncio.new_event_loop()

    async def leap() -> None:
        with leaping(loop):
            await asyncio.sleep(HOUR)

    try:
        loop.run_until_complete(leap())
        assert loop.time() - time.monotonic() >= HOUR - AT_ONCE
        assert ahead_of(loop) >= HOUR - AT_ONCE
    finally:
        loop.close()

    assert loop.is_closed()
    assert "time" not in vars(loop)
    assert ahead_of(loop) == 0


def test_another_loop_keeps_its_time():
    other = asyncio.new_event_loop()

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with leaping(loop):
            await asyncio.sleep(HOUR)
        assert other.time() < time.monotonic() + 1
        assert ahead_of(other) == 0

    try:
        run(main)
    finally:
        other.close()


def test_several_hang_at_the_same_time():
    async def main(loop: asyncio.AbstractEventLoop) -> list[Any]:
        async def hang(seconds: float) -> None:
            with leaping(loop):
                async with asyncio.timeout(seconds):
                    await forever()

        limits = (HOUR, 2 * HOUR, 3 * HOUR)
        return await asyncio.gather(*map(hang, limits), return_exceptions=True)

    assert [type(each) for each in run(main)] == [TimeoutError] * 3


def test_where_there_is_no_timer_it_is_told_once():
    async def main(loop: asyncio.AbstractEventLoop) -> list[str]:
        told: list[str] = []

        def tell() -> None:
            told.append("stuck")
            # Of what it does itself, the loop learns by a socket.
            threading.Timer(0.2, loop.call_soon_threadsafe, [done.set]).start()

        done = asyncio.Event()
        with leaping(loop, on_stuck=tell):
            await done.wait()
        return told

    assert run(main) == ["stuck"]


def test_it_is_told_again_when_something_has_happened_in_vain():
    async def main(loop: asyncio.AbstractEventLoop) -> list[str]:
        told: list[str] = []
        done = asyncio.Event()

        def tell() -> None:
            told.append("stuck")
            follows = wake if len(told) == 1 else done.set
            threading.Timer(0.01, loop.call_soon_threadsafe, [follows]).start()

        def wake() -> None:
            told.append("woken up")

        with leaping(loop, on_stuck=tell):
            await done.wait()
        return told

    assert run(main) == ["stuck", "woken up", "stuck"]


def test_it_may_set_a_timer_and_is_told_again_after_that():
    async def main(loop: asyncio.AbstractEventLoop) -> list[str]:
        told: list[str] = []
        never = loop.create_future()

        def tell() -> None:
            told.append("stuck")
            if len(told) == 1:
                loop.call_later(HOUR, told.append, "an hour")
            else:
                never.set_result(None)

        with leaping(loop, on_stuck=tell):
            await never
        return told

    assert run(main) == ["stuck", "an hour", "stuck"]


def test_it_may_end_the_hang_at_once():
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        never = loop.create_future()
        with leaping(loop, on_stuck=lambda: never.set_exception(KeyError("stuck"))):
            await never

    with pytest.raises(KeyError):
        run(main)


def test_a_timer_that_was_cancelled_is_none():
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        never = loop.create_future()
        loop.call_later(HOUR, stuck).cancel()
        with leaping(loop, on_stuck=lambda: never.set_result(None)):
            await never

    run(main)


def test_a_thread_may_finish_what_it_does():
    async def main(loop: asyncio.AbstractEventLoop) -> str:
        release = threading.Event()
        looked: list[int] = []

        def busy() -> bool:
            looked.append(1)
            if len(looked) == 3:
                release.set()
            return False

        def work() -> str:
            release.wait()
            return "finished"

        await asyncio.to_thread(int)  # so that a thread is there, and idle
        with leaping(loop, busy=busy):
            async with asyncio.timeout(HOUR):
                return await asyncio.to_thread(work)

    assert run(main) == "finished"


def test_an_idle_thread_has_nothing_to_finish(monkeypatch):
    monkeypatch.setattr(virtual_clock, "PATIENCE", HOUR)

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        await asyncio.gather(*(asyncio.to_thread(int) for _ in range(3)))
        with leaping(loop):
            await asyncio.sleep(HOUR)

    run(main)


def test_an_idle_thread_that_is_not_counted_has_nothing_to_finish(monkeypatch):
    monkeypatch.setattr(virtual_clock, "PATIENCE", HOUR)

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        await asyncio.gather(*(asyncio.to_thread(int) for _ in range(3)))
        # As it happens where a thread takes what another one was to do.
        loop._default_executor._idle_semaphore.acquire()
        with leaping(loop):
            await asyncio.sleep(HOUR)

    run(main)


def test_who_is_busy_is_waited_for():
    async def main(loop: asyncio.AbstractEventLoop) -> str:
        done = asyncio.Event()
        looked: list[int] = []

        def busy() -> bool:
            looked.append(1)
            if len(looked) == 3:
                loop.call_soon_threadsafe(done.set)
            return True

        with leaping(loop, busy=busy):
            async with asyncio.timeout(HOUR):
                await done.wait()
        return "done"

    assert run(main) == "done"


def test_who_is_busy_for_too_long_is_not(monkeypatch):
    monkeypatch.setattr(virtual_clock, "PATIENCE", 0.2)

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with leaping(loop, busy=lambda: True):
            await asyncio.sleep(HOUR)

    run(main)


def test_a_socket_may_bring_something():
    async def main(loop: asyncio.AbstractEventLoop) -> bytes:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        looked: list[int] = []

        def busy() -> bool:
            looked.append(1)
            if len(looked) == 3:
                theirs.send(b"here")
            return False

        with ours, theirs, leaping(loop, busy=busy):
            async with asyncio.timeout(HOUR):
                return await loop.sock_recv(ours, 10)

    assert run(main) == b"here"


def test_a_loop_of_another_kind_is_named():
    class Foreign(asyncio.AbstractEventLoop):
        pass

    with (
        pytest.raises(NoVirtualTimeError, match=r"Foreign can't leap .* of asyncio"),
        leaping(Foreign()),
    ):
        pass
