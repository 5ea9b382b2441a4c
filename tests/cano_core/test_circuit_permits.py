"""What a call that a breaker let through says of the service, and whose word counts."""

import asyncio
import gc

import pytest

from cano_core import (
    CircuitState,
)
from circuits import breaker_of, half_open, opened, refused
from virtual_time import VirtualTime


class Crash(BaseException):
    """What is no failure of the service."""


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


# Whose word counts


def test_what_was_let_through_before_the_state_changed_has_no_say(
    time: VirtualTime,
) -> None:
    breaker = breaker_of(time)
    early = [breaker.acquire() for _ in range(3)]
    for _ in range(2):
        breaker.acquire().failure()

    early[0].failure()
    assert breaker.failures == 2
    time.now += 10.0
    trial = breaker.acquire()
    early[1].failure()
    assert breaker.state is CircuitState.HALF_OPEN, "a failure of long ago"
    early[2].success()
    assert breaker.state is CircuitState.HALF_OPEN, "a success of long ago"
    refused(breaker)
    trial.success()
    assert breaker.state is CircuitState.CLOSED


def test_a_trial_call_of_an_earlier_session_takes_no_place_in_the_next(
    time: VirtualTime,
) -> None:
    breaker, slow = half_open(time, half_open_calls=2)
    breaker.acquire().failure()
    time.now += 10.0

    now = [breaker.acquire(), breaker.acquire()]
    slow.success()
    refused(breaker)

    assert len(now) == 2


def test_only_the_first_word_of_a_permit_counts(time: VirtualTime) -> None:
    breaker = breaker_of(time)
    permit = breaker.acquire()
    permit.failure()
    permit.failure()
    permit.success()
    assert breaker.failures == 1

    permit = breaker.acquire()
    permit.close()
    permit.failure()
    assert breaker.failures == 1


# With blocks


def test_a_block_that_ends_well_is_a_success(time: VirtualTime) -> None:
    breaker, permit = half_open(time)
    with permit:
        pass

    assert breaker.state is CircuitState.CLOSED


def test_an_exception_that_leaves_the_block_is_a_failure(time: VirtualTime) -> None:
    breaker = breaker_of(time)
    with pytest.raises(KeyError), breaker.acquire():
        raise KeyError("x")

    assert breaker.failures == 1


@pytest.mark.parametrize("end", [Crash, KeyboardInterrupt, asyncio.CancelledError])
def test_a_crash_or_a_cancellation_is_neither(
    time: VirtualTime, end: type[BaseException]
) -> None:
    """Cano counts both as failures of the service."""
    breaker = breaker_of(time, failure_threshold=2)
    breaker.acquire().failure()
    with pytest.raises(end), breaker.acquire():
        raise end
    assert breaker.failures == 1, "neither a failure nor a success"

    breaker, permit = half_open(time)
    with pytest.raises(end), permit:
        raise end
    assert breaker.state is CircuitState.HALF_OPEN
    breaker.acquire().success()
    assert breaker.state is CircuitState.CLOSED


def test_what_the_block_says_itself_comes_first(time: VirtualTime) -> None:
    breaker = breaker_of(time)
    with breaker.acquire() as permit:
        permit.failure()

    assert breaker.failures == 1


def test_who_has_said_it_is_not_asked_what_counts(time: VirtualTime) -> None:
    asked: list[Exception] = []

    def counts(error: Exception) -> bool:
        asked.append(error)
        return True

    breaker = breaker_of(time, counts=counts)
    permit = breaker.acquire()
    permit.success()
    with pytest.raises(KeyError), permit:
        raise KeyError("what came later")

    assert (asked, breaker.failures) == ([], 0)


def test_a_permit_that_is_closed_makes_room(time: VirtualTime) -> None:
    breaker, permit = half_open(time)
    permit.close()

    breaker.acquire().success()
    assert breaker.state is CircuitState.CLOSED


def test_a_permit_that_nobody_holds_makes_room(time: VirtualTime) -> None:
    """Else a half-open breaker would refuse every call for ever."""
    breaker, permit = half_open(time)
    refused(breaker)
    del permit
    gc.collect()

    assert breaker.state is CircuitState.HALF_OPEN
    assert breaker.failures == 2
    breaker.acquire().success()
    assert breaker.state is CircuitState.CLOSED


def test_a_coroutine_that_is_dropped_with_its_permit_makes_room(
    time: VirtualTime,
) -> None:
    breaker = opened(time)
    time.now += 10.0

    async def call() -> None:
        with breaker.acquire():
            await asyncio.Event().wait()

    async def main() -> None:
        coroutine = call()
        coroutine.send(None)
        refused(breaker)
        coroutine.close()

    asyncio.run(main())
    breaker.acquire()
    assert breaker.failures == 2


# Which exceptions count


def test_counts_says_which_exceptions_are_failures_of_the_service(
    time: VirtualTime,
) -> None:
    breaker = breaker_of(time, counts=lambda error: isinstance(error, OSError))
    breaker.acquire().failure()
    with pytest.raises(KeyError), breaker.acquire():
        raise KeyError("our own mistake")
    assert breaker.failures == 1, "neither a failure nor a success"

    with pytest.raises(OSError, match="gone"), breaker.acquire():
        raise OSError("gone")
    assert breaker.state is CircuitState.OPEN


def test_a_trial_call_whose_exception_does_not_count_makes_room(
    time: VirtualTime,
) -> None:
    breaker, permit = half_open(time, counts=lambda error: False)
    with pytest.raises(KeyError), permit:
        raise KeyError("our own mistake")

    assert breaker.state is CircuitState.HALF_OPEN
    breaker.acquire()


def test_a_counts_that_raises_leaves_no_place_taken(time: VirtualTime) -> None:
    def counts(error: Exception) -> bool:
        raise RuntimeError("no idea")

    breaker, permit = half_open(time, counts=counts)
    with pytest.raises(RuntimeError, match="no idea"), permit:
        raise KeyError("x")

    breaker.acquire()
