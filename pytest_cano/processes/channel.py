"""What two processes of one program tell each other: pickled values over two pipes."""

from __future__ import annotations

import os
import pickle
import select
import time
from typing import Any, Final, final

_SIZE: Final = 8
_PIECE: Final = 1 << 20


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

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Return the two ends of a conversation."""
        here, to_here = os.pipe()
        there, to_there = os.pipe()
        return cls(here, to_there), cls(there, to_here)

    def send(self, value: object) -> None:
        """Send a value; it is out of this process when this returns."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
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
        """Close both descriptors."""
        os.close(self.read)
        os.close(self.write)

    def _read(self, size: int, until: float | None) -> bytes:
        parts = []
        while size:
            if until is not None:
                left = max(0.0, until - time.monotonic())
                if not select.select([self.read], [], [], left)[0]:
                    raise Silence(late=True)
            part = os.read(self.read, min(size, _PIECE))
            if not part:
                raise Silence(late=False)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
