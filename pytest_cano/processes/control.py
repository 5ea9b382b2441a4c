"""The line to an interpreter that begins lives, and hands their channels on."""

from __future__ import annotations

import os
import socket
from typing import Any, final

from ..life import Life
from .channel import Channel, Silence


@final
class Reap:
    """Asks for the status with which a life's process has ended.

    Args:
        pid: of that process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid


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
    def channel(self) -> Channel:
        """What it runs over."""
        return self._channel

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
        if len(descriptors) != 2:
            raise Silence(late=False)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        read, write = descriptors
        return Channel(read, write)

    def ask(self, which: object, life: Life) -> tuple[Channel, int | None]:
        """Have the other side begin a life.

        Args:
            which: tells it what program that is there.
            life: the life.

        Returns:
            What leads to the life, and the id of its process; None if that is the
            other side's own.

        Raises:
            LookupError: there is no such program; the message says why.
            Silence, ConnectionError: the other side has ended.
        """
        here, there = Channel.pair()
        try:
            self.send(which)
            self.hand_over(there)
            pid = self.receive()
            if isinstance(pid, str):
                raise LookupError(pid)
            here.send((life.world, life.number))
        except BaseException:
            here.close()
            there.close()
            raise
        return here, pid

    def reap(self, pid: int) -> int | None:
        """Have the other side wait for a life's process, and return its status.

        As `os.waitpid` has it; None where that has been lost.
        """
        try:
            self.send(Reap(pid))
            status: int | None = self.receive()
        except (Silence, OSError):
            return None
        return status

    def close(self) -> None:
        """Let go of the line, once."""
        self._channel.close()
