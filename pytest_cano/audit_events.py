"""The audit events that tell of effects, and what they tell: the one table of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NOWHERE: Final = -1
"""A ``dir_fd`` that is none: a path is relative to the working directory."""


@final
@dataclass(frozen=True, slots=True)
class Effect:
    """Something that is about to be done to the outside world.

    Attributes:
        verb: what: ``writes``.
        target: to what, as it is shown.
        path: the file, where it is one.
    """

    verb: str
    target: str
    path: str | None = None

    def __str__(self) -> str:
        return f"{self.verb} {self.target}".rstrip()


def _file(verb: str, path: object, dir_fd: int | None = _NOWHERE) -> Iterator[Effect]:
    # A number is a file that was opened before, and other directories than the
    # working one belong to a removal of a whole tree, which is told as such.
    if isinstance(path, (str, bytes, os.PathLike)) and dir_fd in (None, _NOWHERE):
        path = os.fsdecode(path)
        yield Effect(verb, path, path)


def _opened(path: object, _: object, flags: int) -> Iterator[Effect]:
    if flags & _WRITING:
        yield from _file("writes", path)


def _renamed(
    source: object, target: object, source_fd: int, target_fd: int
) -> Iterator[Effect]:
    yield from _file("renames", source, source_fd)
    yield from _file("writes", target, target_fd)


def _linked(_: object, target: object, *fds: int) -> Iterator[Effect]:
    yield from _file("writes", target, fds[-1])


def _removed(path: object, dir_fd: int | None = _NOWHERE) -> Iterator[Effect]:
    yield from _file("removes", path, dir_fd)


def _made(path: object, _: int, dir_fd: int | None = _NOWHERE) -> Iterator[Effect]:
    yield from _file("makes", path, dir_fd)


def _truncated(path: object, _: int) -> Iterator[Effect]:
    yield from _file("writes", path)


def _database(path: object) -> Iterator[Effect]:
    name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
    if name and name != ":memory:" and not name.startswith("file:"):
        yield Effect("opens", f"the database {name}", name)


def _socket(verb: str) -> Callable[..., Iterator[Effect]]:
    def told(_: object, address: object) -> Iterator[Effect]:
        if isinstance(address, tuple) and len(address) > 1:
            address = f"{address[0]}:{address[1]}"
        elif isinstance(address, bytes):
            address = os.fsdecode(address)
        # The address of a datagram may have been given before.
        yield Effect(f"{verb} {address}" if address else verb.split()[0], "")

    return told


def _process(verb: str) -> Callable[..., Iterator[Effect]]:
    def told(program: object = "", *_: object) -> Iterator[Effect]:
        if isinstance(program, bytes | os.PathLike):
            program = os.fsdecode(program)
        yield Effect(verb, str(program))

    return told


EVENTS: Final[Mapping[str, Callable[..., Iterator[Effect]]]] = {
    "open": _opened,
    "os.exec": _process("becomes"),
    "os.fork": _process("forks a process"),
    "os.forkpty": _process("forks a process"),
    "os.link": _linked,
    "os.mkdir": _made,
    "os.posix_spawn": _process("starts"),
    "os.remove": _removed,
    "os.rename": _renamed,
    "os.rmdir": _removed,
    "os.symlink": _linked,
    "os.system": _process("runs"),
    "os.truncate": _truncated,
    "shutil.rmtree": _removed,
    "socket.connect": _socket("connects to"),
    "socket.sendmsg": _socket("sends to"),
    "socket.sendto": _socket("sends to"),
    "sqlite3.connect": _database,
    "subprocess.Popen": _process("starts"),
}
"""What each event's arguments tell."""
