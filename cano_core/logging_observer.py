"""What runs do, as records of the standard library's logging.

Level: DEBUG for every state, task and row; INFO for how a run comes and goes; WARNING
for what is out of the ordinary but provided for; ERROR for what failed for good.

Each record has its facts as attributes too, for a formatter that writes JSON:
``cano_event`` (the hook's name without ``on_``), ``cano_workflow_id`` and, where there
is one, ``cano_state``, ``cano_task``, ``cano_sequence``, ``cano_attempt``,
``cano_limit``, ``cano_outcome``, ``cano_complete`` and ``cano_error`` (a type's name).
"""

from __future__ import annotations

import logging

from .checkpoints.row import Outcome, OutcomeStatus
from .observers import WorkflowObserver
from .wording import described


class LoggingObserver(WorkflowObserver):
    """Logs what runs do.

    The text of an exception is logged as the task raised it; nothing else that a task
    handles is: no data, no results, no payloads.

    Args:
        logger: where to log; the logger ``cano_core`` if None.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logging.getLogger("cano_core") if logger is None else logger

    def on_run_start(self, workflow_id: str | None) -> None:
        """Log it at INFO."""
        self._log(logging.INFO, "run_start", workflow_id, "started")

    def on_run_end(self, workflow_id: str | None, outcome: Outcome | None) -> None:
        """Log it at INFO if the run finished, else at WARNING."""
        if outcome is None:
            text = "stopped without an outcome"
            self._log(logging.WARNING, "run_end", workflow_id, text, outcome=None)
            return
        finished = outcome.status is OutcomeStatus.FINISHED
        self._log(
            logging.INFO if finished else logging.WARNING,
            "run_end",
            workflow_id,
            "finished at %r" if finished else "was rolled back after %r",
            state=outcome.state,
            outcome=outcome.status.value,
        )

    def on_state_enter(self, workflow_id: str | None, state: str) -> None:
        """Log it at DEBUG."""
        self._log(logging.DEBUG, "state_enter", workflow_id, "enters %r", state=state)

    def on_checkpoint(self, workflow_id: str, sequence: int) -> None:
        """Log it at DEBUG."""
        text = "row %d is durable"
        self._log(logging.DEBUG, "checkpoint", workflow_id, text, sequence=sequence)

    def on_resume(self, workflow_id: str, sequence: int) -> None:
        """Log it at INFO."""
        text = "resumed after row %d"
        self._log(logging.INFO, "resume", workflow_id, text, sequence=sequence)

    def on_task_start(self, workflow_id: str | None, task: str) -> None:
        """Log it at DEBUG."""
        text = "task %r starts"
        self._log(logging.DEBUG, "task_start", workflow_id, text, task=task)

    def on_retry(self, workflow_id: str | None, task: str, attempt: int) -> None:
        """Log it at WARNING."""
        self._log(
            logging.WARNING,
            "retry",
            workflow_id,
            "task %r failed in attempt %d and is tried again",
            task=task,
            attempt=attempt,
        )

    def on_circuit_open(self, workflow_id: str | None, task: str) -> None:
        """Log it at WARNING."""
        text = "task %r was refused by its open circuit breaker"
        self._log(logging.WARNING, "circuit_open", workflow_id, text, task=task)

    def on_task_success(self, workflow_id: str | None, task: str) -> None:
        """Log it at INFO."""
        text = "task %r succeeded"
        self._log(logging.INFO, "task_success", workflow_id, text, task=task)

    def on_task_failure(
        self, workflow_id: str | None, task: str, error: Exception
    ) -> None:
        """Log it at ERROR."""
        text = "task %r failed: %s"
        self._log(
            logging.ERROR, "task_failure", workflow_id, text, task=task, error=error
        )

    def on_workflow_timeout(
        self, workflow_id: str | None, state: str, limit: float
    ) -> None:
        """Log it at WARNING."""
        self._log(
            logging.WARNING,
            "workflow_timeout",
            workflow_id,
            "reached in %r its limit of %s seconds",
            state=state,
            limit=limit,
        )

    def on_cancelled(self, workflow_id: str | None, state: str) -> None:
        """Log it at WARNING."""
        text = "was cancelled in %r"
        self._log(logging.WARNING, "cancelled", workflow_id, text, state=state)

    def on_rollback_start(self, workflow_id: str | None, state: str) -> None:
        """Log it at WARNING."""
        text = "is rolled back because of %r"
        self._log(logging.WARNING, "rollback_start", workflow_id, text, state=state)

    def on_compensated(self, workflow_id: str | None, state: str) -> None:
        """Log it at WARNING."""
        text = "a visit of %r was undone"
        self._log(logging.WARNING, "compensated", workflow_id, text, state=state)

    def on_compensation_failure(
        self, workflow_id: str | None, state: str, error: Exception
    ) -> None:
        """Log it at ERROR."""
        self._log(
            logging.ERROR,
            "compensation_failure",
            workflow_id,
            "a visit of %r could not be undone: %s",
            state=state,
            error=error,
        )

    def on_rollback_end(self, workflow_id: str | None, complete: bool) -> None:
        """Log it at WARNING if everything is undone, else at ERROR."""
        self._log(
            logging.WARNING if complete else logging.ERROR,
            "rollback_end",
            workflow_id,
            "is undone" if complete else "is not wholly undone; resume it to try again",
            complete=complete,
        )

    def _log(
        self,
        level: int,
        event: str,
        workflow_id: str | None,
        text: str,
        **facts: object,
    ) -> None:
        """Log a text about a run; its placeholders take the facts in their order."""
        if not self._logger.isEnabledFor(level):
            return
        shown = [_shown(fact) for fact in facts.values()][: text.count("%")]
        extra = {f"cano_{name}": _plain(fact) for name, fact in facts.items()}
        extra |= {"cano_event": event, "cano_workflow_id": workflow_id}
        who = "run %r: " if workflow_id is not None else "run %s: "
        whom = "without id" if workflow_id is None else workflow_id
        self._logger.log(level, who + text, whom, *shown, extra=extra)


def _shown(fact: object) -> object:
    return described(fact) if isinstance(fact, Exception) else fact


def _plain(fact: object) -> object:
    return type(fact).__name__ if isinstance(fact, Exception) else fact
