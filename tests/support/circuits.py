"""Circuit breakers in all their states, on a clock that stands still."""

from typing import Any

import pytest

from cano_core import CircuitBreaker, CircuitOpenError, CircuitState, Permit
from virtual_time import VirtualTime


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
