"""The exceptions: one tree, drawn in the docstring, and able to travel."""

import pickle
import re

import pytest

import cano_core
from cano_core import (
    CanoError,
    CircuitOpenError,
    CompensationFailedError,
    ConfigurationError,
    CorruptLogError,
    Failure,
    FlowError,
    NotUndone,
    RateLimitedError,
    RetryExhaustedError,
    RolledBackError,
    RunCancelledError,
    RunConflictError,
    RunFailedError,
    SchedulerStopError,
    TaskFailedError,
    VersionMismatchError,
    WorkflowTimeoutError,
    errors,
)

EVERY = sorted(
    (
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, BaseException)
        and not issubclass(each, errors.GivenUp)  # never leaves the engine
    ),
    key=lambda each: each.__name__,
)


def test_every_exception_is_a_cano_error_and_public() -> None:
    assert len(EVERY) > 10
    for each in EVERY:
        assert issubclass(each, CanoError)
        assert getattr(cano_core, each.__name__) is each
        assert each.__doc__


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    drawn: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w+Error)\b", line)
        if found is None:
            continue
        depth = len(found[1])
        while parents and parents[-1][0] >= depth:
            parents.pop()
        drawn[found[2]] = parents[-1][1] if parents else "Exception"
        parents.append((depth, found[2]))

    assert drawn == {each.__name__: each.__base__.__name__ for each in EVERY}


FAILURE = Failure("B", "OSError", "no", ("A", "B"))

EXAMPLES = [
    CanoError("anything"),
    ConfigurationError("one problem"),
    ConfigurationError("one problem", "and another"),
    RunConflictError("r", 3),
    CorruptLogError("r", 3, "its payload is no memo"),
    VersionMismatchError("r", 3, 1, 2),
    RunFailedError("failed", workflow_id="r", state="A", path=["A"]),
    TaskFailedError(
        "failed", workflow_id="r", state="A", path=["A"], attempts=[ValueError("x")]
    ),
    RetryExhaustedError(
        "failed", workflow_id=None, state="A", path=["A", "B"], attempts=[]
    ),
    WorkflowTimeoutError("late", workflow_id="r", state="A", limit=1.5, path=["A"]),
    RunCancelledError("stop", workflow_id=None, state="A", path=["A"], rollback=True),
    CompensationFailedError(
        "stuck",
        workflow_id="r",
        failure=FAILURE,
        remaining=[
            NotUndone("A", 0, {"n": 1}, OSError("no")),
            NotUndone("B", 1, 2, None),
        ],
    ),
    RolledBackError("r", FAILURE),
    FlowError("busy", flow_id="f", reason="running"),
    SchedulerStopError("left", flows=["f"]),
    CircuitOpenError("refused", breaker="payments", retry_after=7.5),
    RateLimitedError("refused", tier="day", retry_after=7.5),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_crosses_a_process_boundary_whole(error: CanoError) -> None:
    """Else a pool of processes would break with something about __init__."""
    other = pickle.loads(pickle.dumps(error))

    assert type(other) is type(error)
    assert str(other) == str(error)
    assert repr(vars(other)) == repr(vars(error))


def test_every_class_that_takes_more_than_a_message_is_among_the_examples() -> None:
    own = {each for each in EVERY if "__init__" in vars(each)}

    assert own <= {type(each) for each in EXAMPLES}
