"""The circuit breaker against a model that remembers everything.

For more examples:
    CANO_MODEL_EXAMPLES=5000 python -m pytest tests/cano_core/test_circuit_model.py
"""

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cano_core import CircuitBreaker, CircuitOpenError, Permit
from virtual_time import VirtualTime

EXAMPLES = int(os.environ.get("CANO_MODEL_EXAMPLES", "100"))
RESET = 10


@dataclass
class Session:
    """The time between two changes of state, and all that happened in it."""

    state: str
    since: int
    said: list[bool] = field(default_factory=list)
    under_way: int = 0


@dataclass
class Model:
    """Looks at the whole history each time."""

    threshold: int
    trials: int
    now: int = 0
    sessions: list[Session] = field(default_factory=lambda: [Session("closed", 0)])

    @property
    def current(self) -> Session:
        return self.sessions[-1]

    def become(self, state: str) -> None:
        self.sessions.append(Session(state, self.now))

    def acquire(self) -> Session | None:
        if self.current.state == "open" and self.now >= self.current.since + RESET:
            self.become("half-open")
        session = self.current
        full = session.state == "half-open" and session.under_way >= self.trials
        if session.state == "open" or full:
            return None
        session.under_way += 1
        return session

    def retry_after(self) -> int:
        if self.current.state == "open":
            return self.current.since + RESET - self.now
        return 0

    def settle(self, session: Session, good: bool | None) -> None:
        session.under_way -= 1
        if session is not self.current or good is None:
            return
        session.said.append(good)
        if session.state == "closed":
            if session.said[-self.threshold :] == [False] * self.threshold:
                self.become("open")
        elif not good:
            self.become("open")
        elif len(session.said) == self.trials:
            self.become("closed")


steps = st.one_of(
    st.just("acquire"),
    st.just("acquire"),
    st.tuples(st.integers(0, 5), st.sampled_from([False, False, False, True, None])),
    st.sampled_from([1, RESET - 1, RESET]),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    threshold=st.integers(1, 3),
    trials=st.integers(1, 3),
    steps=st.lists(steps, min_size=20, max_size=60),
)
def test_a_breaker_does_what_its_whole_history_says(
    threshold: int,
    trials: int,
    steps: list[str | int | tuple[int, bool | None]],
) -> None:
    time = VirtualTime()
    breaker = CircuitBreaker(
        failure_threshold=threshold,
        reset_timeout=RESET,
        half_open_calls=trials,
        clock=time,
    )
    model = Model(threshold, trials)
    held: list[tuple[Permit, Session]] = []

    for step in steps:
        if step == "acquire":
            session = model.acquire()
            if session is not None:
                held.append((breaker.acquire(), session))
            else:
                with pytest.raises(CircuitOpenError) as raised:
                    breaker.acquire()
                assert raised.value.retry_after == model.retry_after()
        elif isinstance(step, int):
            model.now += step
            time.now += step
        elif isinstance(step, tuple) and held:
            permit, session = held.pop(step[0] % len(held))
            model.settle(session, step[1])
            {True: permit.success, False: permit.failure, None: permit.close}[step[1]]()
        assert breaker.state == model.current.state
    event(f"sessions: {len(model.sessions)}")
