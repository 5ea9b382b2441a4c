"""The circuit breaker by itself: its states, its permits, and who has a say."""

import asyncio
import contextlib
import gc
import math
import threading
from typing import Any

import pytest

from cano_core import CircuitBreaker, CircuitOpenError, CircuitState, ConfigurationError
from cano_core.circuit import Permit
from virtual_time import VirtualTime


class Crash(BaseException):
    """What is no failure of the service."""


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


def breaker_of(time: VirtualTime, **options: Any) -> CircuitBreaker:
    return CircuitBreaker(
        **{"failure_threshold": 2, "reset_timeout": 10.0, "clock": time, **options}
    )


def opened(time: VirtualTime, **options: Any) -> CircuitBreaker:
    breaker = breaker_of(time, **options)
    for _ in range(options.get("failure_threshold", 2)):
        breaker.acquire().failure()
    assert breaker.state is CircuitState.OPEN
    return breaker


def half_open(time: VirtualTime, **options: Any) -> tuple[CircuitBreaker, Permit]:
    breaker = opened(time, **options)
    time.now += 10.0
    permit = breaker.acquire()
    assert breaker.state is CircuitState.HALF_OPEN
    return breaker, permit


def refused(breaker: CircuitBreaker) -> CircuitOpenError:
    with pytest.raises(CircuitOpenError) as raised:
        breaker.acquire()
    return raised.value


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
