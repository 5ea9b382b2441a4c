"""The circuit breaker by itself: its states, and who shares it."""

import asyncio
import contextlib
import math
import threading
from typing import Any

import pytest

from cano_core import (
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
    ConfigurationError,
    Permit,
)
from circuits import breaker_of, half_open, opened, refused
from virtual_time import VirtualTime


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


# Closed


def test_by_default_the_fifth_failure_in_a_row_opens_it_for_thirty_seconds() -> None:
    time = VirtualTime()
    breaker = CircuitBreaker(clock=time)
    for _ in range(4):
        breaker.acquire().failure()
    assert breaker.state is CircuitState.CLOSED

    breaker.acquire().failure()

    assert breaker.state is CircuitState.OPEN
    assert refused(breaker).retry_after == 30.0


def test_a_success_forgets_the_failures_before_it(time: VirtualTime) -> None:
    breaker = breaker_of(time)
    for _ in range(5):
        breaker.acquire().failure()
        assert breaker.failures == 1
        breaker.acquire().success()
        assert breaker.failures == 0

    assert breaker.state is CircuitState.CLOSED


def test_a_closed_breaker_lets_any_number_of_calls_through(time: VirtualTime) -> None:
    breaker = breaker_of(time)
    permits = [breaker.acquire() for _ in range(100)]

    assert breaker.state is CircuitState.CLOSED
    assert len(permits) == 100


# Open


def test_an_open_breaker_refuses_until_the_very_end_of_its_timeout(
    time: VirtualTime,
) -> None:
    breaker = opened(time)
    assert refused(breaker).retry_after == 10.0
    time.now = math.nextafter(10.0, 0)
    refused(breaker)

    time.now = 10.0
    breaker.acquire()

    assert breaker.state is CircuitState.HALF_OPEN


def test_it_stays_open_until_somebody_calls(time: VirtualTime) -> None:
    """There is no timer."""
    breaker = opened(time)
    time.now = 1000.0

    assert breaker.state is CircuitState.OPEN


def test_a_refusal_says_which_breaker_why_and_until_when(time: VirtualTime) -> None:
    breaker = opened(time, name="payments")
    time.now = 2.5
    error = refused(breaker)

    assert str(error) == (
        "circuit breaker 'payments' is open after 2 failures in a row and lets a "
        "trial call through in 7.5 s; the call was not made: make it later, or do "
        "without it"
    )
    assert error.breaker == "payments"
    assert error.retry_after == 7.5


def test_a_breaker_without_a_name_speaks_of_itself_all_the_same(
    time: VirtualTime,
) -> None:
    error = refused(opened(time, failure_threshold=1))

    assert str(error).startswith("circuit breaker is open after 1 failure in a row")
    assert error.breaker is None


# Half-open


def test_one_trial_call_at_a_time(time: VirtualTime) -> None:
    breaker, _permit = half_open(time)
    error = refused(breaker)

    assert error.retry_after == 0.0
    assert "is half-open after 2 failures in a row and decides when" in str(error)
    assert "its trial call has ended" in str(error)


def test_a_trial_call_that_goes_well_closes_it(time: VirtualTime) -> None:
    breaker, permit = half_open(time)
    permit.success()

    assert breaker.state is CircuitState.CLOSED
    assert breaker.failures == 0


def test_a_trial_call_that_fails_opens_it_for_another_full_timeout(
    time: VirtualTime,
) -> None:
    breaker, permit = half_open(time)
    time.now = 14.0
    permit.failure()

    assert breaker.state is CircuitState.OPEN
    assert breaker.failures == 3
    assert refused(breaker).retry_after == 10.0


def test_as_many_successes_as_trial_calls_close_it(time: VirtualTime) -> None:
    breaker, first = half_open(time, half_open_calls=2)
    second = breaker.acquire()
    assert "one of its 2 trial calls has ended" in str(refused(breaker))

    first.success()
    assert breaker.state is CircuitState.HALF_OPEN
    third = breaker.acquire()
    refused(breaker)
    second.success()

    assert breaker.state is CircuitState.CLOSED
    third.failure()
    assert breaker.failures == 0, "the third call belongs to the time before"


def test_a_failure_discards_the_successes_before_it(time: VirtualTime) -> None:
    breaker, first = half_open(time, half_open_calls=2)
    first.success()
    breaker.acquire().failure()
    time.now += 10.0

    breaker.acquire().success()

    assert breaker.state is CircuitState.HALF_OPEN


# Sharing


def test_threads_and_event_loops_share_what_it_knows(time: VirtualTime) -> None:
    breaker = breaker_of(time, failure_threshold=40)

    async def fail() -> None:
        with breaker.acquire():
            await asyncio.sleep(0)
            raise OSError("gone")

    async def many() -> None:
        await asyncio.gather(*(fail() for _ in range(5)), return_exceptions=True)

    threads = [
        threading.Thread(target=lambda: asyncio.run(many()), daemon=True)
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert breaker.failures == 40
    assert breaker.state is CircuitState.OPEN


def test_only_as_many_threads_as_allowed_get_a_trial_call(time: VirtualTime) -> None:
    breaker = opened(time, half_open_calls=3)
    time.now += 10.0
    ready = threading.Barrier(8)
    permits: list[Permit] = []

    def call() -> None:
        ready.wait(30)
        with contextlib.suppress(CircuitOpenError):
            permits.append(breaker.acquire())

    threads = [threading.Thread(target=call, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(permits) == 3


# Making one


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("failure_threshold", 0, "a whole number above 0"),
        ("failure_threshold", 1.5, "a whole number above 0"),
        ("half_open_calls", 0, "a whole number above 0"),
        ("half_open_calls", -1, "a whole number above 0"),
        ("reset_timeout", -1, "0 or more seconds"),
        ("reset_timeout", math.nan, "0 or more seconds"),
        ("reset_timeout", math.inf, "0 or more seconds"),
        ("reset_timeout", "soon", "0 or more seconds"),
    ],
)
def test_an_option_out_of_range_is_refused(
    option: str, value: object, wanted: str
) -> None:
    """Where cano panics."""
    options: Any = {option: value}
    with pytest.raises(ConfigurationError) as raised:
        CircuitBreaker(**options)

    assert str(raised.value) == f"CircuitBreaker({option}={value!r}) must be {wanted}"


def test_every_option_out_of_range_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        CircuitBreaker(failure_threshold=0, reset_timeout=-1, half_open_calls=0)

    assert len(raised.value.problems) == 3


def test_without_a_reset_timeout_the_next_call_is_a_trial(time: VirtualTime) -> None:
    breaker = opened(time, reset_timeout=0.0)
    breaker.acquire()

    assert breaker.state is CircuitState.HALF_OPEN


def test_a_breaker_shows_its_name_and_its_state(time: VirtualTime) -> None:
    breaker = opened(time, name="payments")

    assert repr(breaker) == "<circuit breaker 'payments': open, 2 failed>"
    assert breaker.name == "payments"
