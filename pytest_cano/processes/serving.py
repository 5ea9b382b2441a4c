"""A fresh interpreter, seen from inside: it begins the lives that it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..program import Program
from . import loops
from .channel import Channel, Silence
from .control import Control, Reap
from .forking import fork, live_in_child, why_not
from .inside import OwnProcess
from .outside import reaped


def serve(
    control: Control,
    program_for: Callable[[Any], Program],
    *,
    after: Callable[[Program], object] = lambda program: None,
    becomes_one: bool = True,
) -> None:
    """Begin lives until nobody wants any more.

    Args:
        control: leads to who asks for them.
        program_for: returns the program that is asked for.
        after: called once a life has ended by itself, in its process.
        becomes_one: whether a process that can't be forked is to live itself.
    """
    # Nothing of a program runs here, so there will be no others.
    at_rest = loops.loops_at_rest()
    while True:
        try:
            asked = control.receive()
            if asked is None:
                return
            if isinstance(asked, Reap):
                control.send(reaped(asked.pid))
                continue
            channel = control.take_over()
            try:
                program = program_for(asked)
            except LookupError as error:
                channel.close()
                control.send(str(error.args[0]))
                continue
            reason = why_not()
            if reason and not becomes_one:
                channel.close()
                control.send(reason)
                continue
            if reason:
                control.send(None)
                _live(program, channel, after)
                return
            pid = fork(channel, loops_at_rest=at_rest)
            if not pid:
                live_in_child(_live, program, channel, after)
            channel.close()
            control.send(pid)
        except (Silence, ConnectionError, BrokenPipeError):
            return


def _live(
    program: Program, channel: Channel, after: Callable[[Program], object]
) -> None:
    world, number = channel.receive()
    OwnProcess(program, channel).live(world.lives[number - 1])
    after(program)
