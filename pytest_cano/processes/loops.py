"""Event loops that stay open from one life to the next, in a forked child.

A child has its parent's loops, and with each of them the same epoll and the same pipe
that wakes it: what one process does to them, the other would see.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterable
from typing import Any, TypeAlias

Loop: TypeAlias = Any
"""A loop of asyncio's own; what is done to it has no public name."""


def loops_at_rest() -> list[weakref.ref[Loop]]:
    """Return the open loops of this process that a child has to be given anew.

    Those of uvloop do that by themselves.
    """
    events = sys.modules.get("asyncio.selector_events")
    if events is None:
        return []
    kind = events.BaseSelectorEventLoop
    # Of its type: what a stand-in says of its class may run anything.
    found = [each for each in gc.get_objects() if issubclass(type(each), kind)]
    return [weakref.ref(loop) for loop in found if not loop.is_closed()]


def renew(loops: Iterable[weakref.ref[Loop]]) -> None:
    """In a child: give loops a selector and a wake-up pipe of their own."""
    for reference in loops:
        loop = reference()
        if loop is not None and not loop.is_closed():
            _renew(loop)


def _renew(loop: Loop) -> None:
    old, waker = loop._selector, loop._ssock.fileno()
    new = loop._selector = type(old)()
    for key in old.get_map().values():
        if key.fd != waker:
            new.register(key.fileobj, key.events, key.data)
    old.close()
    loop._ssock.close()
    loop._csock.close()
    loop._internal_fds -= 1
    loop._make_self_pipe()
