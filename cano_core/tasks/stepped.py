"""A task that goes on step by step, and after a crash from its last step."""

from __future__ import annotations

import typing
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, final

from ..assembly import Assembly, Model
from ..attempts import Attempts
from ..binding import Scope, entry_point, task_name
from ..codec import Codec
from ..context import RunContext
from ..extension import TaskCall
from ..graph import Kind
from ..policy import TaskConfig
from ..progress import part_of
from ..wording import shown
from .declared import alternatives, cursor_codec, held_by, plainly
from .parts import halted
from .positions import Position, decode_cursor

T_co = TypeVar("T_co", covariant=True)


@final
@dataclass(frozen=True, slots=True)
class More(Generic[T_co]):
    """A step is done, and another one follows.

    Attributes:
        cursor: what the next step is handed: how far the task has come.
    """

    cursor: T_co


@final
@dataclass(frozen=True, slots=True)
class Done(Generic[T_co]):
    """The last step is done.

    Attributes:
        state: the next state; in a branch of a split, the branch's value.
    """

    state: T_co


class SteppedTask(Model):
    """A task that goes on step by step, and after a crash from its last step.

    The cursor that a step returns is a row before the next step begins, together
    with the run's data, if the step has changed it. A step that fails is tried again,
    and a resumed run goes on, with the cursor that it began with. What a step has
    done before its cursor was recorded may so be done again, under the same
    idempotency key: each step has one of its own, and its own names for
    `RunContext.once`. A later visit of the state begins anew, without a cursor.

    Its ``config`` is for each step: the retry policy begins anew with every step, and
    ``attempt_timeout`` bounds one attempt of one step.
    """

    _kind = "stepped"

    @abstractmethod
    def step(self, cursor: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Do one step; sync or async, further parameters as any task has them.

        Args:
            cursor: what the step before has returned; None for the first step. It is
                stored as this parameter's annotation says, or else as that of
                ``More[...]`` does.
            args: as declared.
            kwargs: as declared.

        Returns:
            ``More(cursor)`` or ``Done(state)``.
        """

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        return _assembled(self, self.step, scope, config)


@final
@dataclass(frozen=True, slots=True)
class _Adapted(Model):
    """Something with a step that is no `SteppedTask`."""

    _kind: ClassVar[Kind] = "stepped"

    task: object
    step: Callable[..., Any]

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        return _assembled(self.task, self.step, scope, config)


def stepped(task: object) -> Model:
    """Return what makes the steps of a function, or of an object with ``step``.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(task, SteppedTask):
        return task
    return _Adapted(task, entry_point(task, "step"))


def returns_steps(annotation: object) -> bool:
    """Say whether a return annotation is that of a step."""
    return any(
        (typing.get_origin(each) or each) in (More, Done)
        for each in alternatives(annotation)
    )


def _assembled(
    task: object, step: Callable[..., Any], scope: Scope, config: TaskConfig
) -> Assembly:
    name = task_name(task)
    what = getattr(step, "__name__", "step")
    binding = scope.bind(
        step, name if what == name else f"{name}.{what}", handed=1, state_in=_state
    )
    problems: list[str] = []
    codec = cursor_codec(binding, held_by(More, binding.returns, Done), name, problems)
    binding.returns = plainly(_state(binding.returns))
    stepping = _Stepping(name, Attempts.of(name, config, binding.call()), codec)
    return Assembly.of(
        stepping.to_the_end, TaskConfig.minimal(), binding, problems=tuple(problems)
    )


def _state(annotation: object) -> object:
    return held_by(Done, annotation, More)


@final
class _Stepping:
    """Makes the steps of one task.

    Args:
        name: the task's name.
        attempts: makes one step, as often as its configuration allows.
        codec: writes and reads cursors.
    """

    __slots__ = ("_attempts", "_codec", "_name", "_what")

    def __init__(self, name: str, attempts: Attempts, codec: Codec[Any]) -> None:
        self._name = name
        self._what = f"{name}.step()"
        self._codec = codec
        self._attempts = attempts.around(self._handing(attempts.attempt))

    async def to_the_end(self, context: RunContext) -> object:
        """Make every step that is left; return what `Done` holds."""
        run, visit, part = context._run, context._visit, context._part
        position = Position(context, self._codec)
        while True:
            mine, answer = await self._attempts.made(
                run, visit, position.payload, part=part_of(part, position.number)
            )
            if isinstance(answer, More):
                await position.advance(answer.cursor, mine, self._what)
            elif isinstance(answer, Done):
                # What the last step made of the run's data is what the task leaves.
                context._data = mine._data
                return answer.state
            else:
                raise halted(
                    context,
                    f"{self._what} returned {shown(answer)}, neither More(cursor) nor "
                    "Done(state)",
                )

    def _handing(self, step: TaskCall) -> TaskCall:
        """Let every attempt have the cursor afresh, as a resumed run would read it."""

        async def call(context: RunContext, payload: bytes | None) -> Any:
            return await step(
                context, decode_cursor(context, self._codec, payload, self._name)
            )

        return call
