"""The clock that flows ask: what it makes of APScheduler."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from cano_core.scheduling.clock import Clock
from scheduled import until

HOUR = timedelta(hours=1)


def test_a_moment_that_has_passed_is_called_at_once():
    called: list[datetime] = []
    moment = datetime.now(UTC) - HOUR

    async def main() -> None:
        clock = Clock()
        clock.start()
        clock.once("a", moment, called.append)
        await until(lambda: called)
        clock.stop()

    asyncio.run(main())
    assert called == [moment]


def test_a_name_stands_for_one_moment():
    called: list[str] = []
    now = datetime.now(UTC)

    async def main() -> None:
        clock = Clock()
        clock.start()
        clock.once("a", now + HOUR, lambda _: called.append("too late"))
        clock.once("a", now, lambda _: called.append("a"))
        clock.once("b", now, lambda _: called.append("forgotten"))
        clock.forget("b")
        clock.forget("unknown")
        clock.once("c", now + timedelta(milliseconds=1), lambda _: called.append("c"))
        await until(lambda: "c" in called)
        clock.stop()

    asyncio.run(main())
    assert called == ["a", "c"]


def test_what_is_called_may_ask_for_the_same_name_again():
    called: list[datetime] = []

    async def main() -> None:
        clock = Clock()

        def due(moment: datetime) -> None:
            called.append(moment)
            if len(called) < 3:
                clock.once("a", moment + timedelta(milliseconds=1), due)

        clock.start()
        clock.once("a", datetime.now(UTC), due)
        await until(lambda: len(called) == 3)
        clock.stop()

    asyncio.run(main())


def test_of_moments_that_were_missed_together_only_the_last_is_called():
    called: list[datetime] = []
    period = timedelta(milliseconds=1)

    async def main() -> None:
        clock = Clock()
        clock.start()
        begin = datetime.now(UTC) + period
        clock.repeat(
            "a",
            IntervalTrigger(seconds=0.001, start_date=begin, timezone=UTC),
            called.append,
        )
        time.sleep(0.01)  # noqa: ASYNC251 -- a loop that is held up misses moments
        held_up = datetime.now(UTC)
        await until(lambda: called)
        assert called[0] > held_up - 2 * period
        clock.stop()

    asyncio.run(main())


def test_a_stopped_clock_calls_nothing_and_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
):
    called: list[datetime] = []

    async def main() -> None:
        problems: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        clock = Clock()
        clock.start()
        clock.once("a", datetime.now(UTC) + timedelta(milliseconds=1), called.append)
        clock.once("b", datetime.now(UTC) - timedelta(seconds=1), called.append)
        # The clock has looked, and what is due waits for its turn.
        await asyncio.sleep(0)
        clock.stop()
        clock.stop()
        await asyncio.sleep(0.005)
        assert not problems

    asyncio.run(main())
    assert not called
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
