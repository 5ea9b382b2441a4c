"""A state whose tasks run beside each other, as the branches of a split.

Here is what a split is, and what it gives to the state after it; what happens while
its branches run is in `branches`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import msgspec

from .assembly import Model, assembled
from .attempts import Attempts
from .binding import Scope, entry_point, task_name
from .branches import Branches
from .codec import Codec
from .context import RunContext
from .errors import ConfigurationError
from .handlers import Station, TaskHandler
from .join import JoinConfig, SplitResult
from .policy import TaskConfig
from .progress import JOINED
from .registrations import Built
from .results import UNTYPED, codec_of_type
from .signature import UNKNOWN
from .states import State
from .wording import described, shown

if TYPE_CHECKING:
    from .run import Run, Visit


@final
@dataclass(frozen=True, slots=True)
class SplitBranch:
    """One task of a split.

    Attributes:
        attempts: calls it.
        codec: writes and reads its value.
    """

    attempts: Attempts
    codec: Codec[Any]


@final
@dataclass(frozen=True, slots=True)
class Split:
    """What is done in a split state; to a run, and to whoever wraps it, one task.

    Attributes:
        label: the state's.
        tasks: the branches' tasks, as registered.
        join: how they come together.
        branches: the same tasks, put together.
    """

    label: str
    tasks: tuple[object, ...]
    join: JoinConfig
    branches: tuple[SplitBranch, ...]

    @property
    def name(self) -> str:
        """What observers and messages call it; the branches have names of their own."""
        return "split"

    async def perform(self, context: RunContext) -> State:
        """Come to the join; one attempt of the task."""
        branches = Branches(self, context)
        await branches.until_joined()
        run, state = context._run, self.join.join_state
        station = getattr(run.table[state], "station", None)
        if station is not None and station.takes_join:
            run.handed[JOINED] = self._result(branches)
        return state

    def _result(self, branches: Branches) -> bytes:
        """Return what `joined` reads."""
        succeeded = branches.succeeded
        strategy = self.join.strategy
        if not strategy.takes_all:
            # The first ones in the log, so that a resumed run counts the same ones.
            counted = list(succeeded)[: strategy.needed(len(self.branches))]
            succeeded = {index: succeeded[index] for index in counted}
        errors = {index: described(error) for index, error in branches.errors.items()}
        return msgspec.msgpack.encode((self.label, succeeded, errors))


_JOINED = msgspec.msgpack.Decoder(tuple[str, dict[int, bytes], dict[int, str]])


def joined(run: Run, visit: Visit) -> SplitResult:
    """Return what the split before a visit has come to.

    Raises:
        ConfigurationError: the visit does not follow a split, or that is not what it
            was when its values were recorded.
    """
    payload = visit.progress.memos.get(JOINED)
    where = f"{run.described}: the task of state {visit.handler.label!r} takes"
    if payload is None:
        raise ConfigurationError(
            f"{where} a SplitResult, but the state was not entered from a split"
        )
    label, succeeded, errors = _JOINED.decode(payload)
    split = None
    for handler in run.table.values():
        if handler.label == label and isinstance(handler, TaskHandler):
            split = handler.station.task
    if not isinstance(split, Split):
        raise ConfigurationError(
            f"{where} the values of the split {label!r}, which is no split of this "
            "workflow any more; register it again to go on with this run"
        )
    indices = tuple(sorted(succeeded))
    values = []
    for index in indices:
        try:
            values.append(split.branches[index].codec.decode(succeeded[index]))
        except Exception as error:
            raise ConfigurationError(
                f"{where} the value of branch {index} of the split {label!r}, which "
                f"can't be read: {described(error)}; if the split has changed, raise "
                "the workflow's version"
            ) from error
    return SplitResult(
        tuple(values),
        dict(sorted(errors.items())),
        tuple(
            index
            for index in range(len(split.branches))
            if index not in succeeded and index not in errors
        ),
        indices,
    )


@final
@dataclass(frozen=True, slots=True)
class SplitState:
    """A state with a task for each of its branches."""

    state: State
    label: str
    tasks: tuple[object, ...]
    join: JoinConfig
    configs: tuple[TaskConfig, ...]

    def build(self, scope: Scope) -> Built:
        """Make its handler."""
        problems = self.join.problems(len(self.tasks))
        scope = replace(scope, states=False)
        branches = []
        takes_join = False
        for index, (task, config) in enumerate(
            zip(self.tasks, self.configs, strict=True)
        ):
            name = f"{task_name(task)}[{index}]"
            assembly = assembled(task, scope, config)
            takes_join = takes_join or assembly.takes_join
            problems += [f"branch {index}: {text}" for text in assembly.problems]
            declared = assembly.bindings[0].returns if assembly.bindings else UNKNOWN
            codec: Codec[Any] = UNTYPED
            try:
                codec = codec_of_type(declared)
            except ConfigurationError as error:
                problems.append(f"branch {index}: task {name!r}: its value: {error}")
            attempts = Attempts.of(name, assembly.config, assembly.call)
            branches.append(SplitBranch(attempts, codec))
        split = Split(self.label, self.tasks, self.join, tuple(branches))
        station = Station(
            self.state,
            self.label,
            split,
            Attempts.of(split.name, TaskConfig.minimal(), split.perform),
            None,
            takes_join,
        )
        return Built(
            TaskHandler(station, name=""),
            (self.join.join_state,),
            problems,
            "split",
            tuple(map(task_name, self.tasks)),
        )


def branch_tasks(tasks: object) -> tuple[object, ...]:
    """Return the tasks of a split.

    Raises:
        ConfigurationError: these are none; lists every one that is no task.
    """
    if not isinstance(tasks, Iterable) or isinstance(tasks, str):
        raise ConfigurationError(
            f"a split takes a list of tasks, not {shown(tasks)}; give [...]"
        )
    found = tuple(tasks)
    problems = []
    for index, task in enumerate(found):
        try:
            if not isinstance(task, Model):
                entry_point(task)
        except ConfigurationError as error:
            problems.append(f"branch {index}: {error}")
    if problems:
        raise ConfigurationError(*problems)
    return found
