"""A task that works through a stream of items, window by window."""

from __future__ import annotations

import logging
import math
import typing
from abc import abstractmethod
from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeVar, final

from ..assembly import Assembly, Model
from ..attempts import Attempts
from ..binding import Scope, task_name
from ..errors import ConfigurationError
from ..graph import Kind
from ..policy import TaskConfig
from ..signature import UNKNOWN
from ..wording import described
from .declared import alternatives, cursor_codec, held_by, plainly
from .streaming import CloseReason, Stop, Streaming

T_co = TypeVar("T_co", covariant=True)

_LOGGER = logging.getLogger("cano_core")


@final
@dataclass(frozen=True, slots=True)
class Count:
    """A window ends with its n-th result.

    Attributes:
        size: n, from 1.
    """

    size: int
    seconds: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        size: Any = self.size
        if not (isinstance(size, int) and size >= 1):
            raise ConfigurationError(
                f"Count({self.size!r}) must be a whole number from 1"
            )


@final
@dataclass(frozen=True, slots=True)
class Every:
    """A window ends every so many seconds; one without an item is passed over.

    An item that is under way at that moment still belongs to the window.

    Attributes:
        seconds: how many, above 0.
    """

    seconds: float
    size: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        seconds: Any = self.seconds
        if not (isinstance(seconds, int | float) and 0 < seconds < math.inf):
            raise ConfigurationError(
                f"Every({self.seconds!r}) must be a number of seconds above 0"
            )


Window: TypeAlias = Count | Every
"""When the results so far are flushed."""


class StreamTask(Model):
    """A task that works through a stream of items, window by window.

    Items are processed one after another. When a window ends, ``flush_window`` is
    handed the results of its items, and then one row says that it was flushed: the
    cursor of its last item, and the run's data, if the flush has changed it. A
    resumed run opens the stream at the last such cursor. So a window whose row is
    there is never flushed again; one whose row is not there is processed and flushed
    again: an item under the idempotency key of its number in the visit, a window
    under that of its first item, though it may end with another one than before. A
    later visit of the state begins anew.

    A `Cancellation` and the workflow's ``total_timeout`` let the item that is under
    way come to its end; then the window is flushed, as far as it has come, and
    ``on_close`` is told. Give items an ``attempt_timeout`` if they may hang. When the
    asyncio task, or a branch of a split, is cancelled, everything just stops.

    Attributes:
        config: for each item: how often it is tried, and how long one attempt may
            take; by default once, without a limit. The other methods are called once
            and without one.
        window: when a window ends; by default with each item.
        consecutive_errors: how many items in a row may fail for good and be left out;
            the next one is the task's failure. 0 for none, `math.inf` for all.
    """

    config: TaskConfig | Callable[[], TaskConfig] = TaskConfig.minimal()
    window: Window = Count(1)
    consecutive_errors: float = 0

    _kind = "stream"

    @abstractmethod
    def open(self, cursor: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Open the stream behind a cursor.

        It is an async generator, or returns anything with items (also after an
        ``await``). It is called on the event loop, so a sync one must not block; the
        items of a sync generator are taken in a thread. The iterator is closed when
        the task is over, however it ends.

        Args:
            cursor: the last item that need not come again; None for the beginning.
                It is stored as this parameter's annotation says, or else as the
                return annotation does.
            args: as declared.
            kwargs: as declared.

        Returns:
            The items, each as a pair ``(cursor, item)``.
        """

    @abstractmethod
    def process_item(self, item: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Do what is to be done for one item; further parameters as any task.

        It may read the run's data, not change it.

        Returns:
            What ``flush_window`` is to have of it.
        """

    @abstractmethod
    def flush_window(self, results: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Take the results of a window, a list of one or more; as any task.

        Returns:
            None to go on, or ``Stop(state)`` to go to another state. A stream that is
            to be cancelled takes no notice of `Stop`.
        """

    @abstractmethod
    def on_close(self, reason: CloseReason, /, *args: Any, **kwargs: Any) -> Any:
        """See to what has to be done in the end; further parameters as any task.

        It is not called after `Stop`, nor after a failure. If it fails, or the
        process dies in it, a resumed run opens the stream at its last cursor and
        comes here again.

        Returns:
            The next state, if the reason is that the stream is exhausted; what is
            returned for a cancelled one is of no use.
        """

    def item_left_out(self, item: Any, error: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Take notice of an item that failed for good and is left out.

        By default it is logged as a warning. Further parameters as any task.
        """
        _LOGGER.warning(
            "%s leaves out an item that failed with %s",
            task_name(self),
            described(error),
        )

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        return _assembled(self, scope, config)


@final
@dataclass(frozen=True, slots=True)
class _Adapted(Model):
    """Something with the methods of a `StreamTask` that is none."""

    task: Any
    _kind: ClassVar[Kind] = "stream"

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        return _assembled(self.task, scope, config)


def streaming(task: object) -> Model:
    """Return what works through the stream of an object with the methods.

    Raises:
        ConfigurationError: it has not all of them.
    """
    if isinstance(task, StreamTask):
        return task
    wanted = ("open", "process_item", "flush_window", "on_close")
    missing = [name for name in wanted if not callable(getattr(task, name, None))]
    if missing or isinstance(task, type):
        raise ConfigurationError(
            f"{task!r} is no stream: give an instance of a StreamTask, or an object "
            f"with its methods; it has no {', '.join(missing) or 'instance'}"
        )
    return _Adapted(task)


def _assembled(task: Any, scope: Scope, config: TaskConfig) -> Assembly:
    name = task_name(task)
    problems: list[str] = []
    window = getattr(task, "window", StreamTask.window)
    if not isinstance(window, Count | Every):
        problems.append(
            f"task {name!r}: window={window!r} must be Count(n) or Every(seconds)"
        )
    tolerated: Any = getattr(task, "consecutive_errors", 0)
    if not isinstance(tolerated, int | float) or not tolerated >= 0:
        problems.append(
            f"task {name!r}: consecutive_errors={tolerated!r} must be a number from 0"
        )
    close = scope.bind(task.on_close, f"{name}.on_close", handed=1, state_in=_state)
    flush = scope.bind(
        task.flush_window, f"{name}.flush_window", handed=1, state_in=_state_of_stop
    )
    process = scope.bind(task.process_item, f"{name}.process_item", handed=1)
    opening = scope.bind(task.open, f"{name}.open", handed=1, awaited=False)
    left_out = getattr(task, "item_left_out", None)
    if left_out is None:
        left_out = StreamTask.item_left_out.__get__(task)
    leaving = scope.bind(left_out, f"{name}.item_left_out", handed=2)
    close.returns = plainly(_state(close.returns))
    works = Streaming(
        name=name,
        codec=cursor_codec(opening, _cursor_of(opening.returns), name, problems),
        size=getattr(window, "size", 1),
        seconds=getattr(window, "seconds", math.inf),
        tolerated=tolerated,
        open=opening.call(),
        process=Attempts.of(name, config, process.call()),
        flush=flush.call(),
        close=close.call(),
        leave_out=leaving.call(),
    )
    bindings = close, flush, process, opening, leaving
    return Assembly.of(
        works.to_the_end, TaskConfig.minimal(), *bindings, problems=tuple(problems)
    )


def _state_of_stop(annotation: object) -> object:
    return held_by(Stop, annotation, None, type(None))


def _state(annotation: object) -> object:
    """Return what the next state is declared as, where None may be returned too."""
    held = [each for each in alternatives(annotation) if each is not type(None)]
    return typing.Union[tuple(held)] if held else UNKNOWN  # noqa: UP007 -- as many as there are


def _cursor_of(annotation: object) -> object:
    """Return the declared type of the first of each pair of an iterator."""
    within = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if not (isinstance(origin, type) and issubclass(origin, AsyncIterable | Iterable)):
        return UNKNOWN
    pair = within[0] if within else UNKNOWN
    if typing.get_origin(pair) is tuple and len(typing.get_args(pair)) == 2:
        return typing.get_args(pair)[0]
    return UNKNOWN
