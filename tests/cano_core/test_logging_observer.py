"""What a run does, as log records: their levels, texts and facts."""

import asyncio
import inspect
import logging
from typing import Any

import pytest

from cano_core import (
    LoggingObserver,
    MemoryCheckpointStore,
    Outcome,
    OutcomeStatus,
    Retry,
    RunContext,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowObserver,
)

HOOKS = [name for name in vars(WorkflowObserver) if name.startswith("on_")]
DEBUG, INFO, WARNING, ERROR = (
    logging.DEBUG,
    logging.INFO,
    logging.WARNING,
    logging.ERROR,
)
BROKEN = OSError("no such disk")

TOLD: list[tuple[str, tuple[Any, ...], int, str]] = [
    ("on_run_start", ("r",), INFO, "run 'r': started"),
    (
        "on_run_end",
        ("r", Outcome(OutcomeStatus.FINISHED, "Done", b"secret")),
        INFO,
        "run 'r': finished at 'Done'",
    ),
    (
        "on_run_end",
        ("r", Outcome(OutcomeStatus.ROLLED_BACK, "Pay", b"secret")),
        WARNING,
        "run 'r': was rolled back after 'Pay'",
    ),
    ("on_run_end", ("r", None), WARNING, "run 'r': stopped without an outcome"),
    ("on_state_enter", ("r", "Pay"), DEBUG, "run 'r': enters 'Pay'"),
    ("on_checkpoint", ("r", 7), DEBUG, "run 'r': row 7 is durable"),
    ("on_resume", ("r", 7), INFO, "run 'r': resumed after row 7"),
    ("on_task_start", ("r", "pay"), DEBUG, "run 'r': task 'pay' starts"),
    (
        "on_retry",
        ("r", "pay", 2),
        WARNING,
        "run 'r': task 'pay' failed in attempt 2 and is tried again",
    ),
    (
        "on_circuit_open",
        ("r", "pay"),
        WARNING,
        "run 'r': task 'pay' was refused by its open circuit breaker",
    ),
    ("on_task_success", ("r", "pay"), INFO, "run 'r': task 'pay' succeeded"),
    (
        "on_task_failure",
        ("r", "pay", BROKEN),
        ERROR,
        "run 'r': task 'pay' failed: OSError: no such disk",
    ),
    (
        "on_workflow_timeout",
        ("r", "Pay", 2.5),
        WARNING,
        "run 'r': reached in 'Pay' its limit of 2.5 seconds",
    ),
    ("on_cancelled", ("r", "Pay"), WARNING, "run 'r': was cancelled in 'Pay'"),
    (
        "on_rollback_start",
        ("r", "Pay"),
        WARNING,
        "run 'r': is rolled back because of 'Pay'",
    ),
    ("on_compensated", ("r", "Pay"), WARNING, "run 'r': a visit of 'Pay' was undone"),
    (
        "on_compensation_failure",
        ("r", "Pay", BROKEN),
        ERROR,
        "run 'r': a visit of 'Pay' could not be undone: OSError: no such disk",
    ),
    ("on_rollback_end", ("r", True), WARNING, "run 'r': is undone"),
    (
        "on_rollback_end",
        ("r", False),
        ERROR,
        "run 'r': is not wholly undone; resume it to try again",
    ),
]


@pytest.mark.parametrize(("hook", "arguments", "level", "text"), TOLD)
def test_a_hook_is_one_record_of_its_level(
    hook: str,
    arguments: tuple[Any, ...],
    level: int,
    text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(DEBUG, "cano_core"):
        getattr(LoggingObserver(), hook)(*arguments)

    (record,) = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == (
        "cano_core",
        level,
        text,
    )


def facts_of(record: logging.LogRecord) -> dict[str, object]:
    return {
        name.removeprefix("cano_"): value
        for name, value in vars(record).items()
        if name.startswith("cano_")
    }


@pytest.mark.parametrize(("hook", "arguments"), [each[:2] for each in TOLD])
def test_a_record_has_every_argument_as_an_attribute_but_no_payload(
    hook: str, arguments: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(DEBUG, "cano_core"):
        getattr(LoggingObserver(), hook)(*arguments)

    names = inspect.signature(getattr(WorkflowObserver, hook)).parameters
    expected = dict(zip(list(names)[1:], arguments, strict=True))
    match expected.get("outcome"):
        case Outcome(status, state):
            expected |= {"outcome": status.value, "state": state}
    if "error" in expected:
        expected["error"] = "OSError"
    facts = facts_of(caplog.records[0])
    assert facts.pop("event") == hook.removeprefix("on_")
    assert facts == expected
    assert "secret" not in str(vars(caplog.records[0]))


def test_every_hook_has_its_record() -> None:
    assert {each[0] for each in TOLD} == set(HOOKS)


def test_what_the_level_hides_is_not_even_put_together(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    class Curious(Exception):
        def __str__(self) -> str:
            asked.append("text")
            return ""

    with caplog.at_level(logging.CRITICAL, "cano_core"):
        LoggingObserver().on_task_failure("r", "pay", Curious())
    assert not asked

    with caplog.at_level(logging.ERROR, "cano_core"):
        LoggingObserver().on_task_failure("r", "pay", Curious())
    assert asked


def test_a_run_is_logged_where_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def pay(run: RunContext, password: str) -> str:
        if run.attempt == 1:
            raise OSError("busy")
        return "Done"

    workflow = Workflow(
        resources={"password": "hunter2"},
        checkpoint_store=MemoryCheckpointStore(),
        observers=[LoggingObserver(logging.getLogger("shop.runs"))],
    )
    workflow.register("Pay", pay, config=TaskConfig(retry=Retry.fixed(1, 0)))
    workflow.add_exit_state("Done")
    with caplog.at_level(INFO):
        asyncio.run(workflow.orchestrate("Pay", workflow_id="order-1"))

    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("shop.runs", "run 'order-1': started"),
        (
            "shop.runs",
            "run 'order-1': task 'pay' failed in attempt 1 and is tried again",
        ),
        ("shop.runs", "run 'order-1': task 'pay' succeeded"),
        ("shop.runs", "run 'order-1': finished at 'Done'"),
    ]
    assert "hunter2" not in caplog.text


def test_a_run_without_id_and_an_error_without_text_are_logged_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    async def fail() -> str:
        raise Mute

    workflow = Workflow(observers=[LoggingObserver()])
    workflow.register("Fail", fail, config=TaskConfig.minimal())
    workflow.add_exit_state("Done")
    with caplog.at_level(INFO), pytest.raises(TaskFailedError):
        asyncio.run(workflow.orchestrate("Fail"))

    assert caplog.messages == [
        "run without id: started",
        "run without id: task 'fail' failed: Mute",
        "run without id: stopped without an outcome",
    ]
