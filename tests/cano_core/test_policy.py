"""Retries, their delays, and how long an attempt may take."""

import asyncio
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cano_core import (
    ConfigurationError,
    RecordingObserver,
    Retry,
    RetryExhaustedError,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
    policy,
)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays that would have been slept."""
    delays: list[float] = []
    sleep = asyncio.sleep

    async def no_sleep(delay: float, result: Any = None) -> Any:
        if delay:
            delays.append(delay)
        return await sleep(0, result)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    return delays


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy.random, "uniform", lambda low, high: 0.0)


class Failing:
    """Fails the first times, then succeeds."""

    def __init__(self, times: float = math.inf) -> None:
        self.left = times
        self.attempts: list[int] = []

    async def run(self, run: RunContext) -> str:
        self.attempts.append(run.attempt)
        if self.left:
            self.left -= 1
            raise RuntimeError(f"attempt {run.attempt}")
        return "Done"


def run(task: object, config: TaskConfig | None = None, **options: Any) -> object:
    workflow = Workflow(**options).register("Work", task, config=config)
    return asyncio.run(workflow.add_exit_state("Done").orchestrate("Work"))


# Delays


def test_the_default_is_three_retries_with_doubling_delays(
    slept: list[float], no_jitter: None
) -> None:
    """As cano: 100 ms, times 2, at most 30 s."""
    task = Failing()
    with pytest.raises(RetryExhaustedError):
        run(task)

    assert task.attempts == [1, 2, 3, 4]
    assert slept == pytest.approx([0.1, 0.2, 0.4])


def test_fixed_delays(slept: list[float]) -> None:
    with pytest.raises(RetryExhaustedError):
        run(Failing(), TaskConfig(retry=Retry.fixed(4, 2.5)))
    assert slept == [2.5] * 4


def test_the_default_jitter_is_a_tenth() -> None:
    delays = [Retry.exponential().delay(1) for _ in range(300)]

    assert all(0.09 <= delay <= 0.11 for delay in delays)
    assert min(delays) < 0.095
    assert max(delays) > 0.105


def test_the_cap_is_applied_before_the_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """As cano: a delay may exceed the cap by the jitter's fraction."""
    monkeypatch.setattr(policy.random, "uniform", lambda low, high: high)
    assert Retry.exponential(50).delay(50) == pytest.approx(33.0)


@given(
    base=st.floats(0, 1e300),
    multiplier=st.floats(1e-300, 1e300),
    cap=st.floats(0),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 10_000),
)
def test_a_delay_is_always_a_time_that_can_be_slept(
    base: float, multiplier: float, cap: float, jitter: float, attempt: int
) -> None:
    delay = Retry(attempt, base, multiplier, cap, jitter).delay(attempt)

    assert 0 <= delay <= 86_400


def test_no_base_is_no_delay_however_many_attempts() -> None:
    assert Retry.exponential(5_000, base=0).delay(5_000) == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"retries": -1}, "retries=-1"),
        ({"retries": 1, "base": -0.1}, "base=-0.1"),
        ({"retries": 1, "base": math.inf}, "base=inf"),
        ({"retries": 1, "base": math.nan}, "base=nan"),
        ({"retries": 1, "multiplier": 0}, "multiplier=0"),
        ({"retries": 1, "multiplier": math.nan}, "multiplier=nan"),
        ({"retries": 1, "cap": -1}, "cap=-1"),
        ({"retries": 1, "jitter": 1.5}, "jitter=1.5"),
        ({"retries": 1, "jitter": math.nan}, "jitter=nan"),
        ({"retries": "a"}, "retries='a'"),
        ({"retries": 1.5}, "retries=1.5"),
        ({"retries": 1, "base": None}, "base=None"),
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(
    options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\.")):
        Retry(**options)


def test_everything_wrong_with_a_policy_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Retry(-1, base=-1, jitter=2)
    assert len(caught.value.problems) == 3


def test_a_retry_that_is_none_is_refused_before_a_task_fails() -> None:
    with pytest.raises(ConfigurationError, match="retry=3"):
        TaskConfig(retry=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, math.nan, "3"])
def test_a_time_limit_that_makes_no_sense_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="attempt_timeout"):
        TaskConfig(attempt_timeout=seconds)


# Attempts


def test_minimal_is_one_attempt() -> None:
    task = Failing()
    with pytest.raises(TaskFailedError) as caught:
        run(task, TaskConfig.minimal())

    assert task.attempts == [1]
    assert not isinstance(caught.value, RetryExhaustedError)


@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_an_attempt_that_succeeds_ends_the_retries(failures: int) -> None:
    task, watcher = Failing(failures), RecordingObserver()
    config = TaskConfig(retry=Retry.fixed(3, 0))

    assert run(task, config, observers=[watcher]) == "Done"

    assert task.attempts == list(range(1, failures + 2))
    assert watcher.of("on_retry") == [
        (None, "Failing", number) for number in range(1, failures + 1)
    ]


def test_every_attempt_is_kept_in_the_failure() -> None:
    with pytest.raises(RetryExhaustedError) as caught:
        run(Failing(), TaskConfig(retry=Retry.fixed(2, 0)))

    assert [str(each) for each in caught.value.attempts] == [
        "attempt 1",
        "attempt 2",
        "attempt 3",
    ]
    assert "failed 3 times, at last with RuntimeError: attempt 3" in str(caught.value)


class Odd(Exception):
    """An exception that can't be shown or compared."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = Exception.__hash__


def test_a_task_may_fail_with_the_oddest_exception() -> None:
    error = Odd()

    async def work() -> str:
        raise error

    with pytest.raises(TaskFailedError) as caught:
        run(work, TaskConfig(retry=Retry.fixed(1, 0)))
    assert caught.value.__cause__ is error
    assert "Odd" in str(caught.value)


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr
)
@pytest.mark.parametrize("attempt", [1, 2])
def test_what_is_no_exception_is_no_failure(error: BaseException, attempt: int) -> None:
    """Law 4: not tried again, not reported as a failure of the task."""
    watcher = RecordingObserver()
    attempts: list[int] = []

    async def work(run: RunContext) -> str:
        attempts.append(run.attempt)
        if run.attempt == attempt:
            raise error
        raise RuntimeError("first")

    with pytest.raises(type(error)):
        run(work, TaskConfig(retry=Retry.fixed(3, 0)), observers=[watcher])

    assert attempts == list(range(1, attempt + 1))
    assert watcher.of("on_task_failure") == []


# Time limits


def test_an_attempt_that_takes_too_long_is_cancelled_and_has_failed() -> None:
    """U50: started, not finished; TimeoutError is the cause."""
    ended: list[str] = []

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return "Done"

    config = TaskConfig(retry=Retry.fixed(1, 0), attempt_timeout=0.001)
    with pytest.raises(RetryExhaustedError) as caught:
        run(work, config)

    assert ended == ["cancelled"] * 2
    assert [type(each) for each in caught.value.attempts] == [TimeoutError] * 2


def test_the_limit_is_that_of_one_attempt_not_of_all() -> None:
    async def work(run: RunContext) -> str:
        if run.attempt < 3:
            await asyncio.Event().wait()
        return "Done"

    config = TaskConfig(retry=Retry.fixed(2, 0.02), attempt_timeout=0.01)

    assert run(work, config) == "Done"


def test_a_failure_within_the_limit_is_the_failure() -> None:
    async def work() -> str:
        raise ValueError("quick")

    with pytest.raises(TaskFailedError, match="ValueError: quick"):
        run(work, TaskConfig(retry=Retry.none(), attempt_timeout=60))


# What it costs


@pytest.mark.parametrize(("fails", "loaded"), [(False, False), (True, True)])
def test_the_retry_library_is_loaded_by_the_first_retry(
    fails: bool, loaded: bool
) -> None:
    program = f"""
import asyncio, sys
from cano_core import Retry, RunContext, TaskConfig, Workflow

async def work(run: RunContext):
    if {fails} and run.attempt == 1:
        raise RuntimeError
    return "Done"

config = TaskConfig(retry=Retry.fixed(1, 0))
workflow = Workflow().register("Work", work, config=config).add_exit_state("Done")
asyncio.run(workflow.orchestrate("Work"))
print("tenacity" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(loaded)
