"""Processes that do the same kind of work beside each other, in a fixed order."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar, final

from .channel import Channel, Silence
from .forking import fork

T = TypeVar("T")
R = TypeVar("R")


class WorkerError(RuntimeError):
    """A worker process has failed; the text is its traceback."""


@final
class Pool(Generic[T, R]):
    """Worker processes, forked from this one; use it in a ``with`` block.

    Args:
        work: what they do; its argument and its result are pickled.
        size: how many there are.
        prepare: called in each of them first.
        leave: called in each of them last; what it returns is handed to ``left``.
        left: takes that, in this process.
    """

    def __init__(
        self,
        work: Callable[[T], R],
        size: int,
        *,
        prepare: Callable[[], object] = lambda: None,
        leave: Callable[[], Any] = lambda: None,
        left: Callable[[Any], object] = lambda value: None,
    ) -> None:
        self._work = work
        self._size = size
        self._prepare = prepare
        self._leave = leave
        self._left = left
        self._workers: dict[int, Channel] = {}

    def __enter__(self) -> Pool[T, R]:
        return self

    def __exit__(self, *error: object) -> None:
        for pid, channel in self._workers.items():
            try:
                channel.send(None)
                self._left(channel.receive())
            except (OSError, Silence):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            channel.close()
            os.waitpid(pid, 0)

    def map(self, orders: Iterable[T]) -> Iterator[R]:
        """Do the work for each order; results come in the order of the orders.

        Orders are asked for as workers become free, some ahead of the results.

        Raises:
            WorkerError: the work has raised, or a worker has died.
        """
        coming = iter(orders)
        idle = deque(self._started())
        busy: dict[int, tuple[int, Channel]] = {}
        results: dict[int, R] = {}
        asked = given = 0
        while True:
            # No further ahead than this, or a slow one would let results pile up.
            while idle and asked - given < 4 * self._size:
                order = next(coming, None)
                if order is None:
                    break
                channel = idle.popleft()
                channel.send(order)
                busy[channel.read] = (asked, channel)
                asked += 1
            if given in results:
                yield results.pop(given)
                given += 1
                continue
            if not busy:
                return
            ready, _, _ = select.select([*busy], [], [])
            for descriptor in ready:
                number, channel = busy.pop(descriptor)
                results[number] = _answer(channel)
                idle.append(channel)

    def _started(self) -> Iterator[Channel]:
        while len(self._workers) < self._size:
            here, there = Channel.pair()
            pid = fork()
            if not pid:
                here.close()
                for other in self._workers.values():
                    other.close()
                self._serve(there)
            there.close()
            self._workers[pid] = here
        return iter(self._workers.values())

    def _serve(self, channel: Channel) -> None:
        """Work in the child, until there is nothing more to do, and never return."""
        try:
            self._prepare()
            while (order := channel.receive()) is not None:
                try:
                    answer: tuple[bool, Any] = (True, self._work(order))
                except Exception:  # noqa: BLE001 -- raised again where it was asked for
                    answer = (False, traceback.format_exc())
                channel.send(answer)
            channel.send(self._leave())
        except (Silence, OSError, KeyboardInterrupt):
            pass
        except BaseException:  # noqa: BLE001 -- the parent's frames are not to run here
            traceback.print_exc()
        finally:
            os._exit(0)


def _answer(channel: Channel) -> Any:
    try:
        done, value = channel.receive()
    except Silence:
        raise WorkerError("a worker process has died") from None
    if not done:
        raise WorkerError(str(value))
    return value
