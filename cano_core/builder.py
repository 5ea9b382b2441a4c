"""What can be said about a workflow's states before it runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar

from .arguments import config_for
from .assembly import Model
from .binding import entry_point
from .definition import Definition, define
from .errors import ConfigurationError
from .graph import Graph
from .join import JoinConfig
from .mermaid import mermaid
from .policy import TaskConfig
from .registrations import (
    CompensatableState,
    Registration,
    RouterState,
    TaskState,
    compensation_of,
)
from .split import SplitState, branch_tasks
from .states import State, label_of
from .tasks.stepped import stepped
from .tasks.stream import streaming
from .wording import shown

Task = TypeVar("Task")


class WorkflowDefinition:
    """The states of a workflow, until its first run freezes them.

    Args:
        values: the resources that tasks get, by name; read when it is put together.
        data_type: the type of the data that runs carry, or None.
    """

    def __init__(self, values: Mapping[str, object], data_type: Any) -> None:
        self._values = values
        self._data_type = data_type
        self._registrations: list[Registration] = []
        self._exits: list[State] = []
        self._states: dict[str, State] = {}
        self._labels: dict[State, str] = {}
        self._frozen: Definition | None = None

    def register(
        self, state: State, task: object, *, config: TaskConfig | None = None
    ) -> Self:
        """Give a state its task.

        Args:
            state: an Enum member or a string.
            task: a function, an object with a ``run`` method and optionally ``name``
                and ``config``, or a processing model such as a `PollTask`. What is
                not async runs in a thread.
            config: how the task is run; wins over the task's own ``config``.

        Returns:
            The workflow, for chaining.

        Raises:
            ConfigurationError: the state is taken, its label is another state's, or
                this is no task; or the workflow has run already.
        """
        if not isinstance(task, Model):
            entry_point(task)
        config = config_for(task, config)
        label = self._claim_label(state)
        self._registrations.append(TaskState(state, label, task, config))
        return self

    def register_router(
        self, state: State, task: object, *, config: TaskConfig | None = None
    ) -> Self:
        """Give a state a task that only chooses the next state.

        A router leaves no row (except where a run starts): a run that was interrupted
        in it goes on from the state before. So it should have no effects.

        Args:
            state: an Enum member or a string.
            task: a function, or an object with a ``route`` or ``run`` method.
            config: how the task is run; wins over the task's own ``config``.

        Returns:
            The workflow, for chaining.

        Raises:
            ConfigurationError: as `register`.
        """
        config = config_for(task, config)
        route = entry_point(task, "route" if hasattr(task, "route") else "run")
        label = self._claim_label(state)
        self._registrations.append(RouterState(state, label, task, route, config))
        return self

    def register_split(
        self,
        state: State,
        tasks: Iterable[object],
        join: JoinConfig,
        *,
        config: TaskConfig | None = None,
    ) -> Self:
        """Give a state several tasks, which run beside each other.

        Each of them is a branch, which returns a value instead of a state. The values
        are what their return annotations say (without one: what comes back equal from
        being stored), and the task of the join state gets them by annotating a
        parameter as `SplitResult`. A value is a row before it counts: a branch that
        has succeeded never runs again in this visit, whatever becomes of the process.

        Branches read the run's data and must not change it. Each has an idempotency
        key and names for `RunContext.once` of its own. The time of the join's
        ``timeout`` begins anew when a run is resumed.

        If too many branches fail, the run fails with a `TaskFailedError`: its
        ``attempts`` are the last exceptions of the branches that failed, in their
        order; its ``__cause__`` is that of the one that failed, an `ExceptionGroup` of
        several, or a `TimeoutError` that says that the join's time was over, which is
        then also the last of the ``attempts``.

        Args:
            state: an Enum member or a string.
            tasks: what can be registered for a state: functions, objects with a
                ``run`` method, processing models.
            join: when the split is decided, and the state after it.
            config: how a task without a ``config`` of its own is run.

        Returns:
            The workflow, for chaining.

        Raises:
            ConfigurationError: as `register`; or there is no join.
        """
        if not isinstance(join, JoinConfig):
            raise ConfigurationError(
                f"the join of state {state!r} is {shown(join)}, not a JoinConfig"
            )
        branches = branch_tasks(tasks)
        default = None if config is None else config_for(None, config)
        configs = tuple(config_for(task, None, default) for task in branches)
        label = self._claim_label(state)
        self._registrations.append(SplitState(state, label, branches, join, configs))
        return self

    def register_with_compensation(
        self,
        state: State,
        task: object,
        *,
        compensate: Callable[..., Any] | None = None,
        config: TaskConfig | None = None,
    ) -> Self:
        """Give a state a task that can be undone, should the run fail later.

        Args:
            state: an Enum member or a string.
            task: a function that returns ``(state, output)``; or an object with such
                a ``run`` method and a ``compensate`` method.
            compensate: undoes what the task has done; it is handed the output in
                front of whatever else it takes. It must be safe to call again with
                the same output: its process may die before that is recorded.
            config: how either of them is run; wins over the task's own ``config``.

        Returns:
            The workflow, for chaining.

        Raises:
            ConfigurationError: as `register`; or there is no compensation.
        """
        undo = compensation_of(task, compensate)
        entry_point(task)
        config = config_for(task, config)
        label = self._claim_label(state)
        self._registrations.append(CompensatableState(state, label, task, undo, config))
        return self

    def register_stepped(
        self, state: State, task: object, *, config: TaskConfig | None = None
    ) -> Self:
        """Give a state a task that goes on step by step; see `SteppedTask`.

        Args:
            state: an Enum member or a string.
            task: a `SteppedTask`, a function ``step(cursor, ...)``, or any object
                with such a method; each step returns `More` or `Done`.
            config: how each step is run; wins over the task's own ``config``.

        Returns:
            The workflow, for chaining.

        Raises:
            ConfigurationError: as `register`.
        """
        model = stepped(task)
        config = config_for(task, config)
        label = self._claim_label(state)
        self._registrations.append(TaskState(state, label, task, config, model))
        return self

    def register_stream(
        self, state: State, task: object, *, config: TaskConfig | None = None
    ) -> Self:
        """Give a state a task that works through a stream; see `StreamTask`.

        Args:
            state: an Enum member or a string.
            task: a `StreamTask`, or any object with its methods.
            config: how each item is processed; wins over the task's own ``config``;
                by default once, without a limit.

        Returns:
            The workflow, for chaining.

        Raises:
            ConfigurationError: as `register`.
        """
        model = streaming(task)
        config = config_for(task, config, TaskConfig.minimal())
        label = self._claim_label(state)
        self._registrations.append(TaskState(state, label, task, config, model))
        return self

    def task(
        self, state: State, *, config: TaskConfig | None = None
    ) -> Callable[[Task], Task]:
        """Register the decorated task for a state."""

        def register(task: Task) -> Task:
            self.register(state, task, config=config)
            return task

        return register

    def add_exit_state(self, state: State) -> Self:
        """Let runs end in a state; adding it twice is fine."""
        if state not in self._exits or self._states.get(label_of(state)) != state:
            self._claim_label(state)
            self._exits.append(state)
        return self

    def add_exit_states(self, *states: State) -> Self:
        """Let runs end in any of these states."""
        for state in states:
            self.add_exit_state(state)
        return self

    def validate(self, start: State | None = None) -> None:
        """Check the whole definition.

        Args:
            start: also check that this is a state, and warn of states that no
                declared transition leads to from there.

        Raises:
            ConfigurationError: lists every problem found.
        """
        definition = self._defined()
        if start is not None:
            label = definition.handler(start).label
            for lost in definition.graph.unreachable_from(label):
                warnings.warn(
                    f"no declared transition leads from {label!r} to {lost!r}; keep "
                    "it if old logs may still need it",
                    stacklevel=2,
                )

    @property
    def graph(self) -> Graph:
        """The states and their declared transitions, as labels.

        Raises:
            ConfigurationError: the definition is not valid.
        """
        return self._defined().graph

    def to_mermaid(self, start: State | None = None) -> str:
        """Draw the workflow as a Mermaid flowchart.

        Args:
            start: the state that runs start in, if it is to be marked.

        Raises:
            ConfigurationError: the definition is not valid, or has no such state.
        """
        definition = self._defined()
        return mermaid(
            definition.graph, None if start is None else definition.handler(start).label
        )

    def _claim_label(self, state: State) -> str:
        if self._frozen is not None:
            raise ConfigurationError(
                f"state {state!r} comes too late: the workflow has run already, and "
                "its definition is frozen"
            )
        label = label_of(state)
        if label in self._states:
            other = self._states[label]
            raise ConfigurationError(
                f"state {state!r} is registered already"
                if other == state
                else f"states {other!r} and {state!r} have the same label {label!r}, "
                "which is what the log knows them by; rename one"
            )
        if state in self._labels:
            raise ConfigurationError(
                f"state {state!r} and the state labelled {self._labels[state]!r} are "
                "equal, so a task that returns the one would go to the other; use one "
                "kind of state, best a plain Enum"
            )
        self._states[label] = state
        self._labels[state] = label
        return label

    def _defined(self) -> Definition:
        if self._frozen is not None:
            return self._frozen
        return define(
            self._registrations,
            self._exits,
            resources=self._values,
            data_type=self._data_type,
        )
