"""What a flow is registered with, and what is checked before the first one runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ..errors import ConfigurationError
from ..states import State
from ..wording import shown
from ..workflow import Workflow
from .backoff import Backoff
from .ticks import check_flow_id, lists_runs

if TYPE_CHECKING:
    from .timing import Timing


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a flow was registered with.

    Attributes:
        flow_id: its name.
        workflow: what it runs.
        start: the first state of each run.
        timing: when its ticks come.
        data: makes the data of each run; None if the workflow carries none.
        backoff: what follows a failure.

    Raises:
        ConfigurationError: one of these is not what it should be.
    """

    flow_id: str
    workflow: Workflow
    start: State
    timing: Timing
    data: Callable[[], Any] | None
    backoff: Backoff

    def __post_init__(self) -> None:
        check_flow_id(self.flow_id)
        workflow: Any = self.workflow
        if not isinstance(workflow, Workflow):
            raise ConfigurationError(
                f"flow {self.flow_id!r}: {shown(workflow)} is no Workflow"
            )
        data: Any = self.data
        if data is not None and not callable(data):
            raise ConfigurationError(
                f"flow {self.flow_id!r}: data is called for each run, and "
                f"{shown(data)} can't be; give a function, such as lambda: Order(...)"
            )
        check_backoff(self.backoff)

    @property
    def store(self) -> Any:
        """Where its runs have their logs; None if they have none."""
        return self.workflow._store

    def problems(self) -> list[str]:
        """Say everything that keeps it from running, now that all is registered."""
        problems: list[str] = []
        try:
            self.workflow.validate(self.start)
        except ConfigurationError as error:
            problems += error.problems
        if self.store is not None and not lists_runs(self.store):
            problems.append(
                f"{type(self.store).__name__} has no list_runs, so after a crash "
                "nobody would know which run to go on with; give the store that "
                "method, or the workflow another store, or none"
            )
        if (self.workflow._data_type is None) != (self.data is None):
            problems.append(
                "data= is to be given if the workflow carries data (Workflow(data=...))"
                ", and only then"
            )
        return [f"flow {self.flow_id!r}: {each}" for each in problems]


def check_plans(plans: Collection[Plan]) -> None:
    """See that all flows can run.

    Raises:
        ConfigurationError: lists every problem of every flow.
    """
    problems = [problem for plan in plans for problem in plan.problems()]
    if problems:
        raise ConfigurationError(*problems)


def check_backoff(given: Any) -> Backoff:
    """Return the policy.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(given, Backoff):
        raise ConfigurationError(
            f"backoff={shown(given)} must be a Backoff, such as Backoff(trip_after=5)"
        )
    return given
