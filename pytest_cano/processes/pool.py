"""Processes that do the same kind of work beside each other, in a fixed order."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, NoReturn, TypeVar, final

from .channel import Channel, Silence, readable
from .forking import fork
from .inside import flush, sendable
from .outside import reaped

T = TypeVar("T")
R = TypeVar("R")

AHEAD: Final = 4
"""Orders per worker that may be given before the first of them is answered."""

GRACE: Final = 2.0
"""Seconds in which a worker that is not needed any more has to end."""


class WorkerError(RuntimeError):
    """A worker process has failed; the text is its traceback."""


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says.

    Attributes:
        kind: whether it has done its work, has failed at it, or leaves.
        value: the result, or what is to be raised.
    """

    kind: Literal["done", "failed", "left"]
    value: Any


@final
class Pool(Generic[T, R]):
    """Worker processes, forked from this one; use it in a ``with`` block.

    Args:
        work: what they do; its argument and its result are pickled.
        size: how many there are.
        prepare: called in each of them first.
        leave: called in each of them last; what it returns is handed to ``left``.
        left: takes that, in this process.
        keep: channels of this process that they use, too.
    """

    def __init__(
        self,
        work: Callable[[T], R],
        size: int,
        *,
        prepare: Callable[[], object] = lambda: None,
        leave: Callable[[], Any] = lambda: None,
        left: Callable[[Any], object] = lambda value: None,
        keep: Sequence[Channel] = (),
    ) -> None:
        self._work = work
        self._size = size
        self._prepare = prepare
        self._leave = leave
        self._left = left
        self._keep = keep
        self._workers: dict[int, Channel] = {}

    def __enter__(self) -> Pool[T, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            for channel in self._workers.values():
                # What they do is not wanted any more, or it is done.
                with contextlib.suppress(BrokenPipeError):
                    channel.send(None)
            # Whoever stops early asks for nothing more, and what is done counts.
            if kind is None or kind is GeneratorExit:
                for channel in self._workers.values():
                    self._dismiss(channel)
        finally:
            for pid, channel in self._workers.items():
                _end(pid, channel)

    def map(self, orders: Iterable[T]) -> Iterator[R]:
        """Do the work for each order; results come in the order of the orders.

        Orders are asked for as workers become free, some ahead of the results.

        Raises:
            WorkerError: a worker has died.
            BaseException: whatever the work has raised.
        """
        coming = iter(orders)
        idle = deque(self._started())
        busy: dict[Channel, int] = {}
        results: dict[int, R] = {}
        asked = given = 0
        while True:
            # No further ahead than this, or a slow one would let results pile up.
            while idle and asked - given < AHEAD * self._size:
                order = next(coming, None)
                if order is None:
                    break
                channel = idle.popleft()
                try:
                    channel.send(order)
                except BrokenPipeError:
                    raise _died() from None
                busy[channel] = asked
                asked += 1
            if given in results:
                yield results.pop(given)
                given += 1
                continue
            if not busy:
                return
            for channel in readable(busy):
                results[busy.pop(channel)] = _answer(channel).value
                idle.append(channel)

    def _started(self) -> Iterator[Channel]:
        while len(self._workers) < self._size:
            here, there = Channel.pair()
            pid = fork(there, *self._keep)
            if not pid:
                self._serve(there)
            there.close()
            self._workers[pid] = here
        return iter(self._workers.values())

    def _dismiss(self, channel: Channel) -> None:
        """Take what a worker has to say at its end, after what it was still doing."""
        with contextlib.suppress(Silence, WorkerError):
            while True:
                answer = _answer(channel)
                if answer.kind == "left":
                    self._left(answer.value)
                    return

    def _serve(self, channel: Channel) -> NoReturn:
        """Work in the child, until there is nothing more to do, and never return."""
        try:
            # Asked to end, it ends what it has begun.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            self._prepare()
            while (order := channel.receive()) is not None:
                channel.send(self._answered(order))
                flush()
            channel.send(Answer("left", self._leave()))
        except (Silence, OSError, KeyboardInterrupt):
            pass
        except BaseException:  # noqa: BLE001 -- the parent's frames are not to run here
            traceback.print_exc()
        finally:
            os._exit(0)

    def _answered(self, order: T) -> Answer:
        try:
            return Answer("done", self._work(order))
        except BaseException as error:  # noqa: BLE001 -- raised again by the parent
            return Answer("failed", sendable(error))


def _died() -> WorkerError:
    return WorkerError("a worker process has died")


def _answer(channel: Channel) -> Answer:
    try:
        answer: Answer = channel.receive()
    except Silence:
        raise _died() from None
    if answer.kind == "failed":
        raise answer.value
    return answer


def _end(pid: int, channel: Channel) -> None:
    """See to it that a worker is gone, and all that it has begun."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        # It never says anything more; its end can be heard.
        while readable([channel], GRACE):
            if not os.read(channel.read, 1 << 16):
                break
        else:
            os.kill(pid, signal.SIGKILL)
    channel.close()
    reaped(pid)
