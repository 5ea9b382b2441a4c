"""The line to an interpreter that begins lives, and hands their channels on."""

from __future__ import annotations

import os
import socket
from typing import Any, final

from .channel import Channel


@final
class Control:
    """One end of the line.

    Args:
        descriptor: of a connected Unix socket; it is the line's from here on.
    """

    def __init__(self, descriptor: int) -> None:
        self._channel = Channel(descriptor, os.dup(descriptor))

    @classmethod
    def pair(cls) -> tuple[Control, Control]:
        """Return the two ends of a line."""
        here, there = socket.socketpair()
        return cls(here.detach()), cls(there.detach())

    @property
    def descriptor(self) -> int:
        """What the other process is to be given."""
        return self._channel.read

    def send(self, value: object) -> None:
        """Send a value."""
        self._channel.send(value)

    def receive(self) -> Any:
        """Return what the other side sends next.

        Raises:
            Silence: it has ended.
        """
        return self._channel.receive()

    def hand_over(self, channel: Channel) -> None:
        """Give the other side a channel, in place of this one."""
        with socket.socket(fileno=os.dup(self._channel.read)) as line:
            socket.send_fds(line, [b"2"], [channel.read, channel.write])
        channel.close()

    def take_over(self) -> Channel:
        """Take a channel that the other side hands over."""
        with socket.socket(fileno=os.dup(self._channel.read)) as line:
            _, descriptors, _, _ = socket.recv_fds(line, 1, 2)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        read, write = descriptors
        return Channel(read, write)

    def close(self) -> None:
        """Let go of the line, once."""
        self._channel.close()
