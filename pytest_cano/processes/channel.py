"""What two processes of one program tell each other: pickled values over two pipes."""

from __future__ import annotations

import os
import pickle
import select
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, final

_SIZE: Final = 8
_PIECE: Final = 1 << 20

_open: Final[set[Channel]] = set()
"""Every channel of this process, of which a forked child has to let go."""


class Silence(Exception):
    """The other side has ended without a word, or has been silent for too long.

    Attributes:
        late: whether it was the time.
    """

    def __init__(self, *, late: bool) -> None:
        super().__init__("no answer in time" if late else "the other side has ended")
        self.late = late


@final
class Channel:
    """One end of a conversation.

    Args:
        read: file descriptor that the other side writes to.
        write: file descriptor that the other side reads from.
    """

    def __init__(self, read: int, write: int) -> None:
        self.read = read
        self.write = write
        _open.add(self)

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Return the two ends of a conversation."""
        here, to_here = os.pipe()
        there, to_there = os.pipe()
        return cls(here, to_there), cls(there, to_here)

    def send(self, value: object) -> None:
        """Send a value; it is out of this process when this returns."""
        self.send_dumped(dumped(value))

    def send_dumped(self, data: bytes) -> None:
        """Send what `dumped` has made of a value."""
        left = memoryview(len(data).to_bytes(_SIZE, "big") + data)
        while left:
            left = left[os.write(self.write, left) :]

    def receive(self, timeout: float | None = None) -> Any:
        """Return what the other side sends next.

        Args:
            timeout: seconds to wait for it; None for as long as it takes.

        Raises:
            Silence: nothing comes.
        """
        until = None if timeout is None else time.monotonic() + timeout
        size = int.from_bytes(self._read(_SIZE, until), "big")
        return pickle.loads(self._read(size, until))

    def close(self) -> None:
        """Close both descriptors, once."""
        if self in _open:
            _open.remove(self)
            os.close(self.read)
            os.close(self.write)

    def _read(self, size: int, until: float | None) -> bytes:
        parts = []
        while size:
            if until is not None and not readable([self], until - time.monotonic()):
                raise Silence(late=True)
            part = os.read(self.read, min(size, _PIECE))
            if not part:
                raise Silence(late=False)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def dumped(value: object) -> bytes:
    """Return a value as it is sent."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def readable(
    channels: Iterable[Channel], timeout: float | None = None
) -> Sequence[Channel]:
    """Wait until something can be received, or the other side has ended.

    Args:
        channels: where from.
        timeout: seconds to wait; None for as long as it takes.

    Returns:
        The channels that it can be received from; none after that time.
    """
    # Not select(), which knows no descriptor above 1023.
    poll = select.poll()
    by_descriptor = {channel.read: channel for channel in channels}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    wait = None if timeout is None else max(0.0, timeout) * 1000
    return [by_descriptor[descriptor] for descriptor, _ in poll.poll(wait)]


def keep_only(channels: Collection[Channel]) -> None:
    """Close all others: in a forked child they are the parent's.

    While anybody has one end, the other does not learn that its owner has ended.
    """
    for channel in [*_open]:
        if channel not in channels:
            channel.close()
