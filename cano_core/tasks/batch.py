"""A task that does the same for every item of a list, several at a time."""

from __future__ import annotations

import typing
from abc import abstractmethod
from collections.abc import (
    AsyncIterable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar, final

import msgspec

from ..assembly import Assembly, Model
from ..attempts import Attempts
from ..binding import Binding, Scope, task_name, whole
from ..codec import Codec, MsgspecCodec, codec_for
from ..context import RunContext
from ..errors import ConfigurationError, GivenUp
from ..extension import TaskCall
from ..policy import Retry, TaskConfig
from ..progress import Branch, Cursor, part_of
from ..results import UNTYPED, codec_of_type, encode_result
from ..threads import in_thread
from ..wording import shown
from .parts import beside, changed_data, data_to_record, halted, read
from .workers import work_through

T = TypeVar("T")

LOAD = "load"
"""The part of the visit that `BatchTask.load` is: its own idempotency key and names."""


@final
@dataclass(frozen=True, slots=True)
class ItemDone(Generic[T]):
    """An item of a batch that was processed.

    Attributes:
        value: what ``process_item`` returned, as a resumed process reads it.
    """

    value: T


@final
@dataclass(frozen=True, slots=True)
class ItemFailed:
    """An item of a batch that failed for good.

    Attributes:
        error: what the last attempt raised.
        attempts: what every attempt raised, in order.
    """

    error: Exception
    attempts: tuple[Exception, ...]


ItemResult: TypeAlias = ItemDone[T] | ItemFailed
"""What has become of an item."""


class BatchTask(Model):
    """A task that does the same for every item of a list, several at a time.

    `load` is called until it succeeds once in a visit: what it returned is a row
    before the first item is processed. Every item that was processed is a row. So a
    retry of the task, as well as a resumed run, processes only what is left: items
    that were not reached, were under way, or had failed.

    Each item has an idempotency key and names for `RunContext.once` of its own. An
    item may read the run's data and not change it; `load` and `finish` may.

    Attributes:
        concurrency: how many items are processed at the same time.
        item_retry: when a failed item is tried again; the retry policy and the
            ``attempt_timeout`` of the task's ``config`` are for the task as a whole,
            its ``circuit_breaker`` and ``limits`` for each attempt of an item.
        item_timeout: seconds that one attempt of an item may take, or None.
    """

    concurrency: int = 1
    item_retry: Retry = Retry.none()
    item_timeout: float | None = None

    @abstractmethod
    def load(self, *args: Any, **kwargs: Any) -> Any:
        """Say what there is to do; sync or async, with parameters as any task.

        Returns:
            The items, in any iterable. They are stored as the return annotation says.
        """

    @abstractmethod
    def process_item(self, item: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Do what is to be done for one item; further parameters as any task.

        An exception is the item's failure, not the batch's; but a
        `ConfigurationError` stops the run.

        Returns:
            The item's result, which is stored as the return annotation says.
        """

    @abstractmethod
    def finish(self, results: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Go on; it is handed a list of one `ItemResult` for each item, in order.

        Returns:
            The next state.
        """

    def _assemble(self, scope: Scope, config: TaskConfig) -> Assembly:
        name = task_name(self)
        finish = scope.bind(self.finish, f"{name}.finish", handed=1, state_in=whole)
        load = scope.bind(self.load, f"{name}.load")
        process = scope.bind(self.process_item, f"{name}.process_item", handed=1)
        problems: list[str] = []
        count: Any = self.concurrency
        if not isinstance(count, int) or count < 1:
            problems.append(
                f"task {name!r}: concurrency={count!r} must be a whole number from 1"
            )
        item_config = TaskConfig.minimal()
        try:
            item_config = replace(
                config, retry=self.item_retry, attempt_timeout=self.item_timeout
            )
        except ConfigurationError as error:
            problems.append(f"task {name!r}: for its items, {error}")
        batch = _Batch(
            name,
            load.call(),
            _codec(_items_codec, load, f"task {name!r}: its items", problems),
            Attempts.of(name, item_config, process.call()),
            _codec(codec_of_type, process, f"task {name!r}: its results", problems),
            finish.call(),
            count,
        )
        bindings = finish, load, process
        whole_task = replace(config, circuit_breaker=None, limits=())
        return Assembly.of(batch.work, whole_task, *bindings, problems=tuple(problems))


@final
@dataclass(frozen=True, slots=True)
class _Batch:
    name: str
    load: TaskCall
    items_codec: Codec[Any]
    process: Attempts
    result_codec: Codec[Any]
    finish: TaskCall
    concurrency: int

    async def work(self, context: RunContext) -> object:
        """Load, process what is left, and finish; one attempt of the task."""
        part, progress = context._part, context._visit.progress
        if part not in progress.cursors:
            await self._load(context)
        items = read(
            context, self._items, progress.cursors[part][1], "what load() returns"
        )
        failed: dict[int, ItemFailed] = {}

        async def process(index: int) -> None:
            failure = await self._process(context, index, items[index])
            if failure is not None:
                failed[index] = failure

        parts = [part_of(part, index) for index in range(len(items))]
        left = [i for i, each in enumerate(parts) if each not in progress.branches]
        await work_through(left, process, min(self.concurrency, len(left)) or 1)
        return await self.finish(
            context,
            [
                failed.get(index)
                or read(
                    context, self._done, progress.branches[each], "a result of an item"
                )
                for index, each in enumerate(parts)
            ],
        )

    async def _load(self, context: RunContext) -> None:
        """Load the items, and record them."""
        run = context._run
        mine = beside(context, LOAD)
        what = f"{self.name}.load()"
        loaded = await self.load(mine)
        items = await _listed(loaded)
        if run.halt is not None:
            raise run.halt
        if items is None:
            raise halted(
                context, f"{what} returned {shown(loaded)}, which is no list of items"
            )
        try:
            payload = encode_result(self.items_codec, items, f"what {what} returned")
        except ConfigurationError as error:
            raise halted(
                context, f"{error} (the items are stored; ids are best)"
            ) from error
        data = data_to_record(context, mine, what)
        await run.record(context._visit, Cursor(context._part, 1, payload, data), what)

    async def _process(
        self, context: RunContext, index: int, item: object
    ) -> ItemFailed | None:
        """Process one item and record its result, or return its failure."""
        run, visit = context._run, context._visit
        part = part_of(context._part, index)
        try:
            mine, result = await self.process.made(run, visit, item, part=part)
        except GivenUp as error:
            return ItemFailed(error.attempts[-1], error.attempts)
        what = f"{self.name}.process_item() of item {index}"
        # The call has happened, so it is too late for a failure of the item.
        if changed_data(mine) is not None:
            raise halted(
                context,
                f"{what} changed the run's data, which other items have at the same "
                "time; return what is to be kept, and let finish() put it there",
            )
        try:
            payload = encode_result(self.result_codec, result, f"what {what} returned")
        except ConfigurationError as error:
            raise halted(context, str(error)) from error
        await run.record(visit, Branch(part, payload), what)
        return None

    def _items(self, payload: bytes) -> list[Any]:
        return list(self.items_codec.decode(payload))

    def _done(self, payload: bytes) -> ItemDone[Any]:
        return ItemDone(self.result_codec.decode(payload))


async def _listed(items: object) -> list[object] | None:
    """Return what was loaded as a list; None if it can't be one."""
    if isinstance(items, AsyncIterable):
        return [item async for item in items]
    if isinstance(items, Iterator):
        # A generator of a sync task may block, as the task itself may.
        return typing.cast(list[object], await in_thread(list)(items))
    if isinstance(items, Iterable) and not isinstance(items, str | bytes | Mapping):
        return list(items)
    return None


@final
class _Each:
    """Writes a list item by item, for items that write themselves.

    Args:
        codec: writes and reads one item.
    """

    def __init__(self, codec: Codec[Any]) -> None:
        self._codec = codec

    def encode(self, value: Sequence[Any]) -> bytes:
        """Return the bytes of a list."""
        return msgspec.msgpack.encode([self._codec.encode(item) for item in value])

    def decode(self, payload: bytes) -> list[Any]:
        """Return the list."""
        encoded = msgspec.msgpack.decode(payload, type=list[bytes])
        return [self._codec.decode(item) for item in encoded]


def _items_codec(declared: Any) -> Codec[Any]:
    """Return what writes and reads everything that was loaded."""
    origin, within = typing.get_origin(declared), typing.get_args(declared)
    if not (
        within
        and isinstance(origin, type)
        and issubclass(origin, Iterable | AsyncIterable)
        and not issubclass(origin, Mapping)
    ):
        return UNTYPED
    if origin is tuple and within[1:] != (...,):
        return codec_of_type(declared)
    item = codec_of_type(within[0])
    if item is UNTYPED:
        return UNTYPED
    if isinstance(item, MsgspecCodec):
        return codec_for(list[within[0]])  # type: ignore[valid-type]
    return _Each(item)


def _codec(
    find: Callable[[Any], Codec[Any]], method: Binding, what: str, problems: list[str]
) -> Codec[Any]:
    """Return the codec for what a method returns, or note why there is none."""
    try:
        return find(method.returns)
    except ConfigurationError as error:
        problems.append(f"{what}: {error}")
        return UNTYPED
