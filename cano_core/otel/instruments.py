"""The metrics: one table of names, units and what they count.

Their attributes are few and have few values: labels of states, names of tasks, kinds,
outcomes and types of errors. A histogram's count is the number of what it measures, so
nothing that has a duration is counted a second time.
"""

from __future__ import annotations

from typing import Final, final

from opentelemetry.metrics import Counter, Histogram, Meter

# Half a minute is long for a call of a store, and short for a run.
_CALLS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0)
_WORK: Final = (
    0.005,
    0.01,
    0.05,
    0.1,
    0.5,
    1.0,
    5.0,
    10.0,
    60.0,
    300.0,
    1800.0,
    7200.0,
)


@final
class Instruments:
    """Every instrument of one meter.

    Attributes:
        active_runs: runs going on in this process.
        run: duration of runs, by outcome.
        resumes: runs that were taken up from a log.
        run_timeouts: runs that reached their ``total_timeout``.
        cancellations: runs that a `Cancellation` stopped.
        state: duration of visits, by state.
        attempt: duration of attempts, by state, task and outcome.
        branch: duration of a split's branches, by state, task and outcome.
        task: tasks that succeeded, or failed for good, by task and outcome.
        retries: failed attempts that another one followed, by task.
        rejections: attempts that a circuit breaker refused, by task.
        rows: rows that became durable, by kind.
        store: duration of calls of a store, by operation, type of store and outcome.
        rollback: duration of rollbacks, by whether everything is undone.
        compensation: duration of attempts to undo a visit, by state and outcome.
    """

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(
                name, "s", what, explicit_bucket_boundaries_advisory=buckets
            )

        def count(name: str, unit: str, what: str) -> Counter:
            return meter.create_counter(name, f"{{{unit}}}", what)

        self.active_runs = meter.create_up_down_counter(
            "cano.active_runs", "{run}", "Runs going on in this process."
        )
        self.run = seconds("cano.run.duration", "Duration of runs.", _WORK)
        self.resumes = count(
            "cano.run.resumes", "resume", "Runs that were taken up from their log."
        )
        self.run_timeouts = count(
            "cano.run.timeouts", "timeout", "Runs that reached their total timeout."
        )
        self.cancellations = count(
            "cano.run.cancellations", "cancellation", "Runs that were cancelled."
        )
        self.state = seconds(
            "cano.state.duration", "Duration of a run's visits to a state.", _WORK
        )
        self.attempt = seconds(
            "cano.attempt.duration", "Duration of the attempts of a task.", _WORK
        )
        self.branch = seconds(
            "cano.branch.duration", "Duration of the branches of a split.", _WORK
        )
        self.task = count(
            "cano.task.runs", "run", "Tasks that succeeded, or failed for good."
        )
        self.retries = count(
            "cano.task.retries", "retry", "Failed attempts that are tried again."
        )
        self.rejections = count(
            "cano.circuit.rejections",
            "rejection",
            "Attempts that an open circuit breaker refused.",
        )
        self.rows = count(
            "cano.checkpoint.rows", "row", "Rows that became durable in a log."
        )
        self.store = seconds(
            "cano.store.operation.duration", "Duration of calls of the store.", _CALLS
        )
        self.rollback = seconds(
            "cano.rollback.duration", "Duration of rollbacks.", _WORK
        )
        self.compensation = seconds(
            "cano.compensation.duration",
            "Duration of the attempts to undo a visit.",
            _WORK,
        )
